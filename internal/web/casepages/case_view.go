package casepages

import (
	"strconv"
	"strings"
	"time"

	"insegel/internal/web/kit"
)

// Case is the page of one case.
type Case struct {
	kit.Page
	Number     int64
	Subject    string
	Erased     bool // its key is destroyed: what was said cannot be read by anybody any more
	State      State
	Priority   Priority
	Queue      string // name
	QueueID    string
	Assignee   string // name; empty is nobody
	AssigneeID string
	Me         string // the reader's account id
	Version    string // what a change must match, so that two people do not overwrite each other
	Created    time.Time
	Updated    time.Time
	Due        time.Time
	Channel    string // as words
	Purpose    string // as words
	Person     Person
	Items      []Item
	Earlier    string // address with the earlier part of a long case; empty: all is shown
	MayBelong  []Ref
	Queues     []kit.Option
	Assignees  []kit.Option
	CanHandle  bool
	CanLog     bool
	Reply      Reply
	Errors     kit.Errors // of the reply form
	Chosen     *Chosen    // what somebody chose while another changed the case; nil: the case as it is
	Meanwhile  []string   // what the other did, in words
}

// Chosen is the handling form as it came back.
type Chosen struct{ State, Assignee, Priority, Queue string }

// chosen is what the handling form shows.
func (v Case) chosen() Chosen {
	if v.Chosen != nil {
		return *v.Chosen
	}
	return Chosen{string(v.State), v.AssigneeID, v.Priority.value(), v.QueueID}
}

// base says what a change is made against: the fields as they were when the page was shown.
func (v Case) base() string {
	return baseOf(string(v.State), v.Priority.value(), v.QueueID, v.AssigneeID)
}

func baseOf(fields ...string) string { return strings.Join(fields, "|") }

// since is when what the page shows was last changed.
func (v Case) since() string { return strconv.FormatInt(v.Updated.UnixMicro(), 10) }

// last is the newest message that went in or out, so that a reply is not written past another.
func (v Case) last() string {
	for i := len(v.Items) - 1; i >= 0; i-- {
		if m := v.Items[i].Message; m != nil && m.Kind != Note && !m.Auto && !m.Machine {
			return m.ID
		}
	}
	return ""
}

// Person is who the case is from.
type Person struct {
	Name  string
	Email string
	Cases int // how many cases this address has, this one too; 0 shows nothing
}

// Ref is another case that this one may belong to.
type Ref struct {
	Number  int64
	Subject string
}

// Item is a line of the timeline: a message or an event, never both.
type Item struct {
	Message *Message
	Event   *Event
}

// Message is something said.
type Message struct {
	ID       string
	Kind     Kind
	Auto     bool // the program wrote it: an acknowledgement
	Machine  bool // a machine outside wrote it: out of office, a delivery report
	Name     string
	Address  string
	To       []string
	Cc       []string
	At       time.Time
	Subject  string // only where it differs from the case's
	Body     string
	Quoted   string // what was repeated of earlier letters, folded away
	Original string // address of the sandboxed view of its HTML; empty where it has none
	Raw      string // address of its bytes as they came; empty where there are none
	Files    []File
	Delivery Delivery // of what goes out
	Erased   bool
}

// Kind tells which way a message goes.
type Kind string

// The kinds.
const (
	In   Kind = "in"
	Out  Kind = "out"
	Note Kind = "note"
)

// File is an attachment.
type File struct {
	Name string
	Size int64
	URL  string
}

// Delivery is how far a reply has come.
type Delivery struct {
	State  DeliveryState
	At     time.Time // of the state; with Queued after a failed try, of the next one
	Tries  int
	Reason string // what the other server said
}

// DeliveryState tells how far.
type DeliveryState string

// The states of a delivery.
const (
	NoDelivery DeliveryState = ""
	Queued     DeliveryState = "queued"
	Sent       DeliveryState = "sent"
	Failed     DeliveryState = "failed"
	Bounced    DeliveryState = "bounced"
)

// Event is something done to the case.
type Event struct {
	Who  string // empty: the program
	What Change
	From string // as words
	To   string // as words; empty where nothing takes the place
	At   time.Time
}

// Change names what an event did.
type Change string

// The changes.
const (
	Created         Change = "created"
	StateChange     Change = "state"
	PriorityChange  Change = "priority"
	QueueChange     Change = "queue"
	AssigneeChange  Change = "assignee"
	AssigneeRemoved Change = "unassigned"
)

// Reply is the reply box as it was sent or as it starts.
type Reply struct {
	Kind  Kind // Out or Note
	Body  string
	To    string
	After State  // the state after sending
	Nonce string // the same form sent twice is one reply
}

func (d Delivery) color() kit.Color {
	switch d.State {
	case Sent:
		return kit.Success
	case Failed, Bounced:
		return kit.Danger
	default:
		return kit.Info
	}
}

// who is the first line of a message: its name, else its address.
func (m Message) who(p kit.Page) string {
	switch {
	case m.Auto:
		return p.T("case.message.auto")
	case m.Name != "":
		return m.Name
	case m.Address != "":
		return m.Address
	}
	return p.T("case.message.nameless")
}

// afterOptions are the states that a case can have after a reply.
func afterOptions(p kit.Page, now State) []kit.Option {
	out := []kit.Option{{Value: "", Label: p.T("case.reply.keep", "state", StateWords(p.Lang, now))}}
	for _, s := range []State{Open, Pending, Solved} {
		if s != now {
			out = append(out, kit.Option{Value: string(s), Label: StateWords(p.Lang, s)})
		}
	}
	return out
}

func (e Event) who() string {
	if e.Who == "" {
		return kit.Product
	}
	return e.Who
}

// avatar is the colour of who speaks: ink for our own side, neutral for everybody else.
func (m Message) avatar() string {
	if m.Kind == In {
		return string(kit.Neutral)
	}
	return string(kit.Accent)
}

func fileName(p kit.Page, f File) string {
	if f.Name == "" {
		return p.T("case.file.nameless")
	}
	return f.Name
}
