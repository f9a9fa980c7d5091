package lang

import (
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		accept    string
		preferred []string
		want      Lang
	}{
		{"", nil, En},
		{"sv-SE,sv;q=0.9,en;q=0.8", nil, Sv},
		{"en;q=0.5, da;q=0.9", nil, Da},
		{"no", nil, Nb},
		{"nn-NO,nb;q=0.1", nil, Nb},
		{"de,fr;q=0.9", nil, En},
		{"de,fr;q=0.9,nb;q=0.1", nil, Nb},
		{"sv;q=0,da;q=0.1", nil, Da},
		{"sv", []string{"", "da"}, Da},
		{"sv", []string{"xx", "../../etc"}, Sv},
		{";;;q=,,,", nil, En},
		{"da," + strings.Repeat("x-", 5000), nil, Da},
		{strings.Repeat("a", 5000), nil, En},
	} {
		if got := Match(c.accept, c.preferred...); got != c.want {
			t.Errorf("Match(%.40q, %v) = %s, want %s", c.accept, c.preferred, got, c.want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("sv-SE,sv;q=0.9", "da")
	f.Add("---", "\x00")
	f.Fuzz(func(t *testing.T, accept, preferred string) {
		switch l := Match(accept, preferred); l {
		case Sv, En, Da, Nb:
		default:
			t.Errorf("%q is none of the languages", l)
		}
	})
}

func TestTFallsBack(t *testing.T) {
	if got := Lang("fi").T("fault.not_found"); got != En.T("fault.not_found") || got == "fault.not_found" {
		t.Errorf("an unknown language says %q", got)
	}
	if got := Sv.T("no.such.key", "a", 1); got != "no.such.key" {
		t.Errorf("an unknown key is said as %q", got)
	}
	if got := Sv.T("common.time.today", "clock", "<b>"); got != "i dag <b>" {
		t.Errorf("got %q", got) // escaping is the page's duty, and templ's habit
	}
}

func stockholm(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestRelative(t *testing.T) {
	z := stockholm(t)
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, z)
	for _, c := range []struct {
		at   time.Time
		want map[Lang]string
	}{
		{time.Date(2026, 11, 23, 9, 12, 0, 0, z), map[Lang]string{Sv: "i dag 09:12", En: "today 09:12", Da: "i dag 09.12", Nb: "i dag 09:12"}},
		{time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC), map[Lang]string{Sv: "i dag 00:30"}},
		{time.Date(2026, 11, 22, 15, 2, 0, 0, z), map[Lang]string{Sv: "i går 15:02", En: "yesterday 15:02", Da: "i går 15.02", Nb: "i går 15:02"}},
		{time.Date(2026, 11, 24, 10, 0, 0, 0, z), map[Lang]string{Sv: "i morgon 10:00", Da: "i morgen 10.00"}},
		{time.Date(2026, 11, 20, 8, 0, 0, 0, z), map[Lang]string{Sv: "20\u00a0nov", Da: "20.\u00a0nov.", En: "20\u00a0Nov"}},
		{time.Date(2025, 12, 31, 8, 0, 0, 0, z), map[Lang]string{Sv: "31\u00a0dec\u00a02025", Nb: "31.\u00a0des.\u00a02025"}},
	} {
		for l, want := range c.want {
			if got := l.Relative(now, c.at); got != want {
				t.Errorf("%s: %q, want %q", l, got, want)
			}
		}
	}
}

// A day of 25 hours must not make yesterday out of today (summer time ended on 25 October 2026).
func TestRelativeOverSummerTime(t *testing.T) {
	z := stockholm(t)
	now := time.Date(2026, 10, 25, 23, 30, 0, 0, z)
	if got := Sv.Relative(now, time.Date(2026, 10, 25, 0, 10, 0, 0, z)); got != "i dag 00:10" {
		t.Errorf("got %q", got)
	}
	if got := Sv.Relative(now, time.Date(2026, 10, 24, 0, 10, 0, 0, z)); got != "i går 00:10" {
		t.Errorf("got %q", got)
	}
}

func TestDates(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 5, 0, 0, stockholm(t))
	for l, want := range map[Lang][2]string{
		Sv: {"2 mars 2026", "2 mars 2026 09:05"},
		En: {"2 March 2026", "2 Mar 2026 09:05"},
		Da: {"2. marts 2026", "2. mar. 2026 09.05"},
		Nb: {"2. mars 2026", "2. mars 2026 09:05"},
	} {
		if got := [2]string{l.Date(at), l.DateTime(at)}; got != want {
			t.Errorf("%s: %q, want %q", l, got, want)
		}
	}
	for _, l := range All() {
		for m := time.January; m <= time.December; m++ {
			if d := time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC); strings.Contains(l.Date(d), " 1 2026") || l.month(m) == "" {
				t.Errorf("%s has no name for %s", l, m)
			}
		}
		if a, b := len(strings.Fields(l.T("common.time.months"))), len(strings.Fields(l.T("common.time.months_short"))); a != 12 || b != 12 {
			t.Errorf("%s names %d and %d months", l, a, b)
		}
	}
}

func TestNumberAndBytes(t *testing.T) {
	const s = "\u00a0"
	for _, c := range []struct {
		n    int64
		want map[Lang]string
	}{
		{0, map[Lang]string{Sv: "0"}},
		{999, map[Lang]string{Sv: "999"}},
		{1000, map[Lang]string{Sv: "1" + s + "000", En: "1,000", Da: "1.000", Nb: "1" + s + "000"}},
		{-1234567, map[Lang]string{En: "\u22121,234,567"}},
	} {
		for l, want := range c.want {
			if got := l.Number(c.n); got != want {
				t.Errorf("%s: %q, want %q", l, got, want)
			}
		}
	}
	for n, want := range map[int64]string{
		0: "0" + s + "B", 999: "999" + s + "B", 1000: "1" + s + "kB", 1250: "1,2" + s + "kB", 123_456: "123" + s + "kB",
		999_960: "1" + s + "MB", 1_500_000_000: "1,5" + s + "GB", 9_000_000_000_000_000_000: "9" + s + "EB",
	} {
		if got := Sv.Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	if got := En.Bytes(1250); got != "1.2"+s+"kB" {
		t.Errorf("got %q", got)
	}
}
