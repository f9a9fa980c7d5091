package kit

import (
	"strings"
	"time"

	"insegel/internal/lang"
)

// Product is the name of the program, the same in every language.
const Product = "Insegel"

// Page is what the frame needs to know. Every view model embeds one. No token against forged requests
// is in it: net/http's CrossOriginProtection refuses them by what the browser says of itself.
type Page struct {
	Lang   lang.Lang
	Now    time.Time // in the reader's time zone: every time on the page is written in it, and against it
	Tenant string    // the customer's name; empty where the host tells none
	User   *User     // nil where nobody is logged in
	Title  string    // already in the reader's language
	Path   string    // of the request, for what is current in the navigation
	Nav    []Link    // the main navigation; only what this person may enter
	Flash  []Flash
	Scheme string // auto, light or dark; empty is auto
	Width  Width
}

// User is who is logged in.
type User struct {
	Name  string
	Email string
	Role  string // as words, already in the reader's language
}

// Link is an entry of a navigation or a row of tabs.
type Link struct {
	Href    string
	Label   string
	Count   int // shown where Counted
	Counted bool
	Current bool
}

// Width is how broad a page's content may grow.
type Width string

// The widths: lists and cases take the window, a form a column, a door a narrow one.
const (
	Full   Width = ""
	Middle Width = "middle"
	Narrow Width = "narrow"
)

// Color is one of the design system's colours, by meaning.
type Color string

// The colours. Seal is the mark's and nobody else's.
const (
	Neutral Color = "neutral"
	Accent  Color = "accent"
	Info    Color = "info"
	Success Color = "success"
	Warning Color = "warning"
	Danger  Color = "danger"
)

// Flash is a message about what was just done.
type Flash struct {
	Color Color
	Text  string
}

// T says key in the page's language.
func (p Page) T(key string, args ...any) string { return p.Lang.T(key, args...) }

// When writes a moment as one who reads now would say it.
func (p Page) When(t time.Time) string { return p.Lang.Relative(p.Now, t) }

// Moment writes a moment with its date, for a title or a log.
func (p Page) Moment(t time.Time) string { return p.Lang.DateTime(t.In(p.Now.Location())) }

// Machine writes a moment for the datetime attribute.
func (p Page) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Here tells whether a navigation entry leads to the page itself or above it.
func (p Page) Here(href string) bool {
	return p.Path == href || (href != "/" && strings.HasPrefix(p.Path, href+"/"))
}

func (p Page) scheme() string {
	switch p.Scheme {
	case "light", "dark":
		return p.Scheme
	}
	return "auto"
}

// heading is the document's title: the page first, so that a row of browser tabs can be told apart.
func (p Page) heading() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{p.Title, p.Tenant, Product} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " – ")
}

// Initials makes the one or two letters of an avatar out of a name.
func Initials(name string) string {
	words := strings.Fields(name)
	if len(words) > 2 {
		words = []string{words[0], words[len(words)-1]}
	}
	var b strings.Builder
	for _, w := range words {
		for _, r := range w {
			b.WriteRune(r)
			break
		}
	}
	if b.Len() == 0 {
		return "?"
	}
	return strings.ToUpper(b.String())
}
