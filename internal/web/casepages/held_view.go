package casepages

import (
	"net/url"
	"time"

	"insegel/internal/web/kit"
)

// HeldList is the page of what arrived and was held.
type HeldList struct {
	kit.Page
	Rows  []HeldRow
	Next  string // address of the next page; empty at the end
	First string // address of the newest page; empty on it
}

// HeldRow is one held letter.
type HeldRow struct {
	ID      string
	At      time.Time
	From    string // as the envelope said
	To      string
	Subject string // empty where it cannot be read
	Reason  string // the word of the reason; HeldWords says it
	Size    int64
}

// Held is the page of one held letter.
type Held struct {
	kit.Page
	HeldRow
	IP      string
	Helo    string
	TLS     string // version and cipher; empty: none
	Digest  string // SHA-256 of the raw bytes
	Headers string // raw, as far as they can be shown
	Text    string // the readable part, if there is one
	Detail  string // what exactly passed a bound or failed
	Queue   string
	Queues  []kit.Option
	Errors  kit.Errors
}

func heldURL(id string) string { return "/quarantine/" + url.PathEscape(id) }

// sender says the envelope's sender; a bounce has none (RFC 5321 4.5.5).
func sender(p kit.Page, from string) string {
	if from == "" {
		return p.T("case.held.no_sender")
	}
	return from
}

// whyOptions are the reasons for discarding a letter, none of them chosen.
func whyOptions(p kit.Page) []kit.Option {
	out := []kit.Option{{Value: "", Label: p.T("desk.why.choose")}}
	for _, w := range whys() {
		out = append(out, kit.Option{Value: w, Label: p.T("desk.why." + w)})
	}
	return out
}

// whys are the reasons for which a letter may be discarded. They are words of our own: what a person wrote about a letter would have to
// stay in the log for as long as the log does.
func whys() []string { return []string{"spam", "fraud", "mistake", "automatic"} }
