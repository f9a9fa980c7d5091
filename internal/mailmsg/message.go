package mailmsg

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrEmpty says that there is nothing a case could be made of: no header and no body.
var ErrEmpty = errors.New("mailmsg: empty message")

// LimitError says which bound a message passed. The caller quarantines the message whole.
type LimitError struct {
	Limit string // "header_bytes", "header_fields", "parts", "depth", "decoded_bytes"
	Max   int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("mailmsg: more than %d %s", e.Max, e.Limit)
}

// Limits bound what one message may cost to read. The zero value of a field means its default.
type Limits struct {
	HeaderBytes  int // of the outer header, and of each part's
	HeaderFields int
	Parts        int
	Depth        int
	DecodedBytes int // of all bodies and attachments together, after decoding
}

// DefaultLimits are far above what honest mail needs and far below what hurts.
func DefaultLimits() Limits {
	return Limits{HeaderBytes: 1 << 20, HeaderFields: 2000, Parts: 1000, Depth: 32, DecodedBytes: 256 << 20}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.HeaderBytes, d.HeaderBytes)
	set(&l.HeaderFields, d.HeaderFields)
	set(&l.Parts, d.Parts)
	set(&l.Depth, d.Depth)
	set(&l.DecodedBytes, d.DecodedBytes)
	return l
}

// Bounds on lists that a stranger writes and we keep.
const (
	maxAddresses  = 1000
	maxReferences = 100
	maxProblems   = 32
	maxSubject    = 2000 // runes

	maxAddressBytes = 128 << 10 // of one address field
	maxTextBytes    = 64 << 10  // of one field of text
	maxNoticeBytes  = 64 << 10  // of a report's words, read for recipients and reasons
)

// Header is one field: the name as written, the value unfolded and mended to UTF-8, encoded words as
// they came. Decoded gives the text.
type Header struct {
	Name  string
	Value string
}

// Attachment is a part that is not the letter's own text.
type Attachment struct {
	Name      string // never empty, never a path, no control characters
	Type      string // as declared, lower case; never to be trusted
	ContentID string // without angle brackets
	Inline    bool   // meant to be shown within the HTML
	Content   []byte // may be a part of the raw message: not to be changed
}

// Message is a letter as read. All strings are valid UTF-8 without NUL.
type Message struct {
	Subject    string
	From       []Address
	Sender     []Address
	ReplyTo    []Address
	To         []Address
	Cc         []Address
	MessageID  string   // without angle brackets; empty where the letter has none
	InReplyTo  []string // the same
	References []string // oldest first; at most 100: the first and the newest
	Date       time.Time
	DateOK     bool // whether Date could be read and is a date at all

	AutoSubmitted string // the keyword of RFC 3834, lower case: "", "no", "auto-replied", …
	Text          string // what the letter says, lines ended by LF; made from HTML where there is no text
	TextFromHTML  bool
	HTML          string // as written: show only what Sanitize made of it
	Attachments   []Attachment
	Headers       []Header
	Problems      []string // short machine words for what was mended, in order of discovery

	root *part
}

// Author is who an answer would go to if no Reply-To says otherwise: the first usable address of From,
// then Sender, Reply-To and Return-Path. ok is false where the letter names nobody.
func (m *Message) Author() (a Address, ok bool) {
	for _, list := range [][]Address{m.From, m.ReplyTo, m.Sender, ParseAddressList(m.Header("Return-Path"))} {
		for _, a := range list {
			if a.Usable() {
				if a.Name == "" && len(m.From) > 0 {
					a.Name = m.From[0].Name
				}
				return a, true
			}
		}
	}
	if len(m.From) > 0 {
		return m.From[0], false
	}
	return Address{}, false
}

// Header gives the first field of that name, undecoded, or "".
func (m *Message) Header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// HeaderValues gives all fields of that name in their order.
func (m *Message) HeaderValues(name string) []string {
	var out []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			out = append(out, h.Value)
		}
	}
	return out
}

func (m *Message) problem(word string) {
	for _, p := range m.Problems {
		if p == word {
			return
		}
	}
	if len(m.Problems) < maxProblems {
		m.Problems = append(m.Problems, word)
	}
}
