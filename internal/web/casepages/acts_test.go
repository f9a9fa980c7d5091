package casepages

import (
	"strings"
	"testing"

	"insegel/internal/access"
	"insegel/internal/channel/mail"
	"insegel/internal/lang"
)

// Whatever the log tells of has words, in every language.
func TestEveryActHasWords(t *testing.T) {
	acts := []string{"tenant.found"}
	for _, a := range access.Actions() {
		acts = append(acts, a.Name())
	}
	for _, l := range lang.All() {
		for _, a := range acts {
			if w := ActWords(l, a); w == a || w == "" || strings.Contains(w, "log.action") {
				t.Errorf("%s says %q for %s", l, w, a)
			}
		}
	}
}

// Whatever holds a letter has words.
func TestEveryReasonHasWords(t *testing.T) {
	for _, r := range []string{mail.HeldUnreadable, mail.HeldLoop, mail.HeldReport, mail.HeldAutomatic, mail.HeldFailed} {
		if !lang.Has("case.held.reason." + r) {
			t.Errorf("nothing says why a letter is held for %s", r)
		}
	}
	for _, w := range whys() {
		if !lang.Has("desk.why." + w) {
			t.Errorf("nothing says %s", w)
		}
	}
}
