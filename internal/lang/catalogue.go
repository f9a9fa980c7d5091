package lang

import (
	"embed"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed catalog/*.toml
var files embed.FS

// book is one language's texts. Those without a placeholder or plural, which are most, are answered
// from a map: a list page says some 500 of them.
type book struct {
	plain  map[string]string
	filled map[string]bool
	say    *i18n.Localizer
}

// catalogue is read once. It can only fail for a catalogue that this package's tests refuse, so it
// panics as a failed regexp.MustCompile would.
var catalogue = sync.OnceValue(func() map[Lang]*book {
	books, err := load()
	if err != nil {
		panic("lang: " + err.Error())
	}
	return books
})

func load() (map[Lang]*book, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	books := map[Lang]*book{}
	for _, l := range All() {
		books[l] = &book{plain: map[string]string{}, filled: map[string]bool{}}
	}
	entries, err := files.ReadDir("catalog")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := readFile(bundle, books, path.Join("catalog", e.Name())); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	for l, b := range books {
		b.say = i18n.NewLocalizer(bundle, string(l))
	}
	return books, nil
}

func readFile(bundle *i18n.Bundle, books map[Lang]*book, name string) error {
	l, err := languageOf(name)
	if err != nil {
		return err
	}
	data, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := bundle.ParseMessageFileBytes(data, name)
	if err != nil {
		return err
	}
	b := books[l]
	for _, m := range f.Messages {
		if _, twice := b.plain[m.ID]; twice || b.filled[m.ID] {
			return fmt.Errorf("%q is in another file already", m.ID)
		}
		if m.One == "" && !strings.Contains(m.Other, "{{") {
			b.plain[m.ID] = m.Other
		} else {
			b.filled[m.ID] = true
		}
	}
	return nil
}

// languageOf reads the language out of catalog/<area>.<lang>.toml.
func languageOf(name string) (Lang, error) {
	parts := strings.Split(path.Base(name), ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("a catalogue is named <area>.<lang>.toml")
	}
	for _, l := range All() {
		if parts[1] == string(l) {
			return l, nil
		}
	}
	return "", fmt.Errorf("%q is none of the languages of the house", parts[1])
}
