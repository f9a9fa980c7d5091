package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Each command says what it is for, and shows an example that starts with its own words.
func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	k, err := kong.New(&grammar{}, kong.Name("insegel"), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	leaves := k.Model.Leaves(false)
	if len(leaves) < 20 {
		t.Errorf("only %d commands", len(leaves))
	}
	for _, n := range leaves {
		if n.Hidden {
			continue
		}
		name := strings.TrimSpace(cutArguments(n.Path()))
		name = strings.TrimPrefix(name, "insegel ")
		if n.Help == "" || !strings.Contains(n.Detail, "insegel "+name) {
			t.Errorf("%s: help %q, no example in %q", name, n.Help, n.Detail)
		}
	}
}

// What the server takes by its socket is bounded, and who is not its owner is not heard: see peer. Requests that are no
// requests end the connection.
func TestEverythingIsACommandOfOneKind(t *testing.T) {
	k, err := kong.New(&grammar{}, kong.Name("insegel"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range k.Model.Leaves(false) {
		c := n.Target.Addr().Interface()
		_, isWork := c.(work)
		_, isHere := c.(here)
		if isWork == isHere {
			t.Errorf("%s: work %v, here %v", n.Path(), isWork, isHere)
		}
	}
}
