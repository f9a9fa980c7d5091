package store_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"insegel/internal/store"
)

func TestStatements(t *testing.T) {
	for script, want := range map[string][]string{
		"":                                  nil,
		" ; ;; ":                            nil,
		"A; B":                              {"A", "B"},
		"-- a; b\nA -- c;\n;/* d; */ B;":    {"A", "B"},
		"INSERT 'a;b''c;'; B":               {"INSERT 'a;b''c;'", "B"},
		`CREATE "a;b"; C`:                   {`CREATE "a;b"`, "C"},
		"SELECT $$a;b$$; SELECT $x$;$$;$x$": {"SELECT $$a;b$$", "SELECT $x$;$$;$x$"},
		"INSERT VALUES ($1, $2); B":         {"INSERT VALUES ($1, $2)", "B"},
		"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b; UPDATE c; END; D": {"CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b; UPDATE c; END", "D"},
		"A 'never closed; B": {"A 'never closed; B"},
		"'-- no comment'; B": {"'-- no comment'", "B"},
	} {
		if got := store.Statements(script); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", script, got, want)
		}
	}
}

func TestDiffer(t *testing.T) {
	d := store.Differ("a", "b")
	if store.For("sqlite", d) != "a" || store.For("postgres", d) != "b" || store.For("sqlite", "c") != "c" {
		t.Error(store.For("sqlite", d), store.For("postgres", d))
	}
}

// What a stranger wrote must fit both engines, and stay what it is when it is put through twice.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "å", "a\x00b", "\xff\xfe", "\xed\xa0\x80", strings.Repeat("\x00", 9)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := store.Text(s)
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") || store.Text(got) != got {
			t.Errorf("%q became %q", s, got)
		}
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") && got != s {
			t.Errorf("%q was changed to %q", s, got)
		}
	})
}
