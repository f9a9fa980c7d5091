// Package cases keeps cases and what was said in them.
//
// It owns the tables cases, message, attachment, party, message_ref, delivery and acknowledged: making a case, listing, reading, changing its state,
// queue, assignee and priority, adding messages and notes, and the state of answers that are sent. It does not know mail: an
// answer is a job, which channel/mail takes. It does not know pages or the API.
package cases

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// State is where a case is in its life (ITIL: new, in progress, pending, resolved, closed).
type State string

// The states of a case.
const (
	New     State = "new"     // nobody has answered or taken it
	Open    State = "open"    // being handled
	Pending State = "pending" // waits for the person outside
	Solved  State = "solved"  // answered for good; reopens when they write again
	Closed  State = "closed"  // done; a follow-up becomes a new case
)

// States lists them in the order of a case's life.
func States() []State { return []State{New, Open, Pending, Solved, Closed} }

// Valid tells whether s is a state.
func (s State) Valid() bool { return slices.Contains(States(), s) }

// Live tells whether somebody still has to do something about the case.
func (s State) Live() bool { return s == New || s == Open || s == Pending }

// Priority is 1 (critical) to 4 (low); ITIL's impact × urgency.
type Priority int64

// The priorities.
const (
	Critical Priority = 1
	High     Priority = 2
	Normal   Priority = 3
	Low      Priority = 4
)

// Valid tells whether p is a priority.
func (p Priority) Valid() bool { return p >= Critical && p <= Low }

// Kind is what sort of case it is. Tickets for now; the rest are kinds of the same thing.
type Kind string

// Ticket is an ordinary case.
const Ticket Kind = "ticket"

// Limits of what a case holds, explicit.
const (
	MaxSubject  = 1000      // runes; more is cut, the original message keeps all
	MaxBody     = 1 << 20   // bytes of one message's text
	MaxName     = 300       // runes of a person's or file's name
	MaxMail     = 1000      // runes of an address (RFC 5321 4.5.3.1 has 256 octets)
	MaxFiles    = 1000      // of one message
	MaxSent     = 25 << 20  // bytes of all files of a message that is sent: what most mail servers take in one letter
	MaxFileSize = 100 << 20 // bytes of one file
)

// Person is somebody outside, as they are called and reached.
type Person struct {
	Name string `json:"name,omitempty"`
	Mail string `json:"mail,omitempty"`
}

// Case is a case as a list or its page shows it.
type Case struct {
	ID        string
	Number    int64
	Kind      Kind
	Class     string
	Queue     string
	Purpose   string
	State     State
	Priority  Priority
	Assignee  string // account id, empty: nobody
	Subject   string
	Requester Person
	Erased    bool // the key was destroyed: subject and requester are gone for good
	Created   time.Time
	Updated   time.Time
	Closed    time.Time
	Due       time.Time
	Version   int64 // for If-Match: grows by one with each change
	Messages  int64
	MayBelong int64 // number of the case that a stranger's follow-up named
}

// Draft is what a case is made from.
type Draft struct {
	Queue     string // id
	Purpose   string // of the queue
	Kind      Kind
	Class     string
	Subject   string
	Requester Person
	Priority  Priority
	MayBelong int64
}

func (d Draft) check() error {
	if d.Purpose == "" || d.Queue == "" {
		return fault.New(fault.Invalid, "fault.case.queue")
	}
	if !d.Priority.Valid() {
		return fault.New(fault.Invalid, "fault.case.priority")
	}
	if d.Kind != Ticket {
		return fault.New(fault.Invalid, "fault.case.kind", "kind", string(d.Kind))
	}
	if d.Class != "internal" && d.Class != "open" {
		return fault.New(fault.Invalid, "fault.case.class", "class", d.Class)
	}
	return nil
}

// Name is what the log calls a case.
func Name(number int64) string { return "case:" + visit.Number(number) }

// packHead writes what a list shows of a case's content as one value: subject, name and address, each ended by a NUL, which no
// line of text holds. A page of fifty opens one seal a case and parses next to nothing.
func (c *Case) packHead() []byte {
	var b []byte
	for _, s := range []string{c.Subject, c.Requester.Name, c.Requester.Mail} {
		b = append(append(b, s...), 0)
	}
	return b
}

func (c *Case) unpackHead(b []byte) {
	parts := strings.Split(string(b), "\x00")
	if len(parts) >= 3 {
		c.Subject, c.Requester.Name, c.Requester.Mail = parts[0], parts[1], parts[2]
	}
}

// line makes a text fit for a place that is one line long: no NUL, no invalid UTF-8, no control characters, at most n runes.
func line(s string, n int) string {
	return cut(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, store.Text(s)), n)
}

func (p Person) clean() Person {
	return Person{Name: line(p.Name, MaxName), Mail: line(p.Mail, MaxMail)}
}

func clean(list []Person) []Person {
	all := make([]Person, len(list))
	for i, p := range list {
		all[i] = p.clean()
	}
	return all
}

// cut shortens a text to n runes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	i, count := 0, 0
	for i = range s {
		if count == n {
			return s[:i]
		}
		count++
	}
	return s
}
