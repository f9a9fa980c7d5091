package casepages

import (
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/lang"
)

// Each act that the log of a case can show has words, and they are not its name.
func TestActsOfCasesHaveWords(t *testing.T) {
	seen := 0
	for _, a := range access.Actions() {
		room, _, _ := strings.Cut(a.Name(), ".")
		switch room {
		case "case", "message", "file", "quarantine", "mail":
		default:
			continue
		}
		seen++
		for _, l := range lang.All() {
			if got := ActWords(l, a.Name()); got == a.Name() || strings.HasPrefix(got, "case.") {
				t.Errorf("%s has no words in %s: %q", a.Name(), l, got)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d acts of cases: the rooms are called otherwise now", seen)
	}
	if got := ActWords(lang.Sv, "no.such"); got != "no.such" {
		t.Errorf("an unknown act is said as %q", got)
	}
}

func TestStatesAndPrioritiesHaveWords(t *testing.T) {
	for _, l := range lang.All() {
		for _, o := range append(StateOptions(l), PriorityOptions(l)...) {
			if strings.HasPrefix(o.Label, "case.") || o.Value == "" {
				t.Errorf("%s: %+v", l, o)
			}
		}
	}
	if got := HeldWords(lang.En, "no_such"); !strings.Contains(got, "no_such") {
		t.Errorf("an unknown reason is said as %q", got)
	}
}

func TestLate(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		due   time.Time
		state State
		want  bool
	}{
		{now.Add(-time.Minute), Open, true}, {now.Add(-time.Minute), New, true}, {now.Add(time.Minute), Open, false},
		{time.Time{}, Open, false}, {now.Add(-time.Minute), Pending, false}, {now.Add(-time.Minute), Closed, false},
	} {
		if got := late(now, c.due, c.state); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A filter keeps its view, and a cursor never survives a change of view.
func TestListAddresses(t *testing.T) {
	v := List{View: AllOpen, Filter: Filter{Queue: "a&b", State: "new"}, Cursor: "c1", Next: "c2"}
	if got := v.next(); got != "/cases?cursor=c2&queue=a%26b&state=new&view=open" {
		t.Errorf("next %s", got)
	}
	if got := v.first(); strings.Contains(got, "cursor") {
		t.Errorf("first %s", got)
	}
	for _, tab := range v.tabs() {
		if strings.Contains(tab.Href, "cursor") {
			t.Errorf("tab %s", tab.Href)
		}
	}
}
