package lang

import (
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// texts gives one language's entries as they stand in its files: full key (with its plural form) to text.
func texts(t *testing.T, l Lang) map[string]string {
	t.Helper()
	entries, err := files.ReadDir("catalog")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if got, err := languageOf(e.Name()); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		} else if got != l {
			continue
		}
		data, err := files.ReadFile(path.Join("catalog", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := toml.Unmarshal(data, &tree); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		flatten(t, out, "", tree)
	}
	return out
}

func flatten(t *testing.T, out map[string]string, prefix string, tree map[string]any) {
	for k, v := range tree {
		key := strings.TrimPrefix(prefix+"."+k, ".")
		switch v := v.(type) {
		case string:
			out[key] = v
		case map[string]any:
			flatten(t, out, key, v)
		default:
			t.Errorf("%s: a text is a string, not %T", key, v)
		}
	}
}

func keys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func TestCataloguesHaveTheSameKeys(t *testing.T) {
	want := keys(texts(t, En))
	if len(want) < 10 {
		t.Fatalf("only %d keys: the catalogues were not read", len(want))
	}
	for _, l := range All() {
		got := keys(texts(t, l))
		for _, k := range want {
			if !slices.Contains(got, k) {
				t.Errorf("%s lacks %s", l, k)
			}
		}
		for _, k := range got {
			if !slices.Contains(want, k) {
				t.Errorf("%s has %s, which English lacks", l, k)
			}
		}
	}
}

var (
	anyAction   = regexp.MustCompile(`\{\{[^}]*\}?\}?`)
	placeholder = regexp.MustCompile(`^\{\{\.[a-z]\w*\}\}$`)
)

// placeholders lists what a text wants filled, each once. Nothing but {{.name}} is a placeholder: the
// catalogues are data, not programs.
func placeholders(t *testing.T, key, text string) []string {
	var out []string
	for _, a := range anyAction.FindAllString(text, -1) {
		if !placeholder.MatchString(a) {
			t.Errorf("%s: %q is not of the form {{.name}}", key, a)
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	sort.Strings(out)
	return out
}

func TestCataloguesHaveTheSamePlaceholdersAndNoEmptyText(t *testing.T) {
	en := texts(t, En)
	for _, l := range All() {
		for k, s := range texts(t, l) {
			if strings.TrimSpace(s) == "" || strings.TrimSpace(s) != strings.TrimRight(s, "\n") {
				t.Errorf("%s %s: empty, or blank at an end: %q", l, k, s)
			}
			// "1 case" may be said without the number, so the singular is free to leave it out.
			if strings.HasSuffix(k, ".one") {
				continue
			}
			if got, want := placeholders(t, k, s), placeholders(t, k, en[k]); !slices.Equal(got, want) {
				t.Errorf("%s %s: fills %v, English fills %v", l, k, got, want)
			}
		}
	}
}

// The library would take a table with a reserved word in it for one message and drop the rest.
func TestEveryEntryIsLoaded(t *testing.T) {
	for _, l := range All() {
		want := map[string]bool{}
		for k := range texts(t, l) {
			want[strings.TrimSuffix(strings.TrimSuffix(k, ".one"), ".other")] = true
		}
		b := catalogue()[l]
		for k := range want {
			if _, ok := b.plain[k]; !ok && !b.filled[k] {
				t.Errorf("%s: %s is in a file but was not loaded", l, k)
			}
		}
		if got := len(b.plain) + len(b.filled); got != len(want) {
			t.Errorf("%s: %d loaded of %d", l, got, len(want))
		}
	}
}

// Words that belong to one neighbour only: the usual slips when a catalogue is copied.
func TestNoNeighboursWords(t *testing.T) {
	foreign := map[Lang]*regexp.Regexp{
		Sv: regexp.MustCompile(`(?i)\b(ikke|jeg|og|sag|sagen|af|passord|adgangskode)\b|[æø]`),
		Da: regexp.MustCompile(`(?i)\b(och|inte|jag|ärende|passord|noen|noe|sak|saken|av|fra nå)\b|[äö]`),
		Nb: regexp.MustCompile(`(?i)\b(och|inte|jag|ärende|adgangskode|nogen|noget|sag|sagen|af|efter|nu|hvad)\b|[äö]`),
		En: regexp.MustCompile(`(?i)\b(och|inte|ikke|og)\b|[åäöæø]`),
	}
	for l, re := range foreign {
		for k, s := range texts(t, l) {
			if w := re.FindString(s); w != "" {
				t.Errorf("%s %s: %q is not %s: %q", l, k, w, l.Name(), s)
			}
		}
	}
}
