// Package lang says things in the four languages of the house: Swedish, English, Danish and Norwegian
// bokmål. It owns the catalogues (catalog/<area>.<lang>.toml, one set of files an area, so that rooms
// do not collide), plural forms, and how dates, numbers and sizes are written.
//
// It does not own which language somebody gets: a surface asks Match with what the browser and the
// account prefer. It does not own the time zone either: times are written as they are handed in, so
// the caller says t.In(zone) first. The zone database is part of the program (time/tzdata), because a
// container often has none.
package lang

import (
	"fmt"
	"strings"
	_ "time/tzdata" // Europe/Stockholm must be known on a machine without /usr/share/zoneinfo

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Lang is one of the four languages. Its text is the BCP 47 tag that goes into lang="…".
type Lang string

// The languages of the house.
const (
	Sv Lang = "sv"
	En Lang = "en"
	Da Lang = "da"
	Nb Lang = "nb"
)

// All lists the languages in the order in which a person chooses among them.
func All() []Lang { return []Lang{Sv, Da, Nb, En} }

// Name is the language's own name for itself, which is not translated.
func (l Lang) Name() string {
	switch l {
	case Sv:
		return "Svenska"
	case Da:
		return "Dansk"
	case Nb:
		return "Norsk bokmål"
	default:
		return "English"
	}
}

// Parse reads a tag that may come from outside: "sv", "sv-FI", "no", "nn". What is none of ours is not ok.
func Parse(tag string) (Lang, bool) {
	if len(tag) > 35 { // RFC 5646 4.4.1: no tag in use is longer
		return "", false
	}
	base, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
	switch base {
	case "sv", "en", "da", "nb":
		return Lang(base), true
	case "no", "nn": // a Norwegian reads bokmål rather than English
		return Nb, true
	}
	return "", false
}

// maxAcceptLanguage bounds what is read of a stranger's header: browsers send under 100 bytes.
const maxAcceptLanguage = 200

// Match chooses the language: the first preference that is one of ours (an account's choice, then a
// cookie), then what the browser accepts (RFC 9110 12.5.4), then English.
func Match(acceptLanguage string, preferred ...string) Lang {
	for _, p := range preferred {
		if l, ok := Parse(p); ok {
			return l
		}
	}
	if len(acceptLanguage) > maxAcceptLanguage {
		acceptLanguage = acceptLanguage[:strings.LastIndexByte(acceptLanguage[:maxAcceptLanguage], ',')+1]
		acceptLanguage = strings.TrimSuffix(acceptLanguage, ",")
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return En
	}
	for _, t := range tags {
		if l, ok := Parse(t.String()); ok {
			return l
		}
	}
	return En
}

// T says key in the language. Args are pairs of name and value that fill {{.name}}; "count" (an int)
// also chooses the plural form and is written as Number does. A key that the language lacks is said in
// English, and one that is nowhere is shown as it is, so that a fault is seen and never a blank.
func (l Lang) T(key string, args ...any) string {
	books := catalogue()
	for _, b := range []*book{books[l], books[En]} {
		if b == nil {
			continue
		}
		if s, ok := b.plain[key]; ok {
			return s
		}
		if b.filled[key] {
			return l.fill(b, key, args)
		}
	}
	return key
}

// Has tells whether some language says key.
func Has(key string) bool {
	b := catalogue()[En]
	_, plain := b.plain[key]
	return plain || b.filled[key]
}

func (l Lang) fill(b *book, key string, args []any) string {
	c := &i18n.LocalizeConfig{MessageID: key}
	data := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		name := fmt.Sprint(args[i])
		data[name] = args[i+1]
		if n, ok := args[i+1].(int); ok && name == "count" {
			c.PluralCount, data[name] = n, l.Number(int64(n))
		}
	}
	c.TemplateData = data
	// An error beside a text means that the wished plural form is missing and "other" was taken.
	s, err := b.say.Localize(c)
	if s == "" && err != nil {
		return key
	}
	return s
}
