package mailmsg

import (
	"os"
	"path/filepath"
	"testing"
)

// corpus gives the folder of other projects' mail beside the checkout; without it the test is skipped.
func corpus(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the package")
		}
		dir = up
	}
	dir = filepath.Join(dir, "..", "shared", "corpora", "mail", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("absent: ../shared/corpora/mail (other projects' mail, not kept here)")
	}
	return dir
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// floor prints a line of the table and holds what was reached once.
func floor(t *testing.T, what string, have, of, least int) {
	t.Helper()
	t.Logf("%-28s %3d of %3d", what, have, of)
	if have < least {
		t.Errorf("%s: %d right, was %d", what, have, least)
	}
}
