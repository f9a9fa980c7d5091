package casepages

import (
	"strconv"
	"strings"
	"time"

	"insegel/internal/lang"
	"insegel/internal/web/kit"
)

// State is where a case stands. The words are the cases room's.
type State string

// The states.
const (
	New     State = "new"
	Open    State = "open"
	Pending State = "pending" // for an answer from the person
	Solved  State = "solved"
	Closed  State = "closed"
)

// States lists the states in the order in which a case passes through them.
func States() []State { return []State{New, Open, Pending, Solved, Closed} }

// Done tells whether nobody has to do anything more.
func (s State) Done() bool { return s == Solved || s == Closed }

// Priority is how much a case matters: 1 is most, as the cases room counts.
type Priority int64

// The priorities.
const (
	Critical Priority = 1
	High     Priority = 2
	Normal   Priority = 3
	Low      Priority = 4
)

// Priorities lists the priorities from most to least.
func Priorities() []Priority { return []Priority{Critical, High, Normal, Low} }

func (p Priority) key() string {
	switch p {
	case Critical:
		return "case.priority.critical"
	case High:
		return "case.priority.high"
	case Low:
		return "case.priority.low"
	default:
		return "case.priority.normal"
	}
}

func (p Priority) value() string { return number(int64(p)) }

// StateWords says a state.
func StateWords(l lang.Lang, s State) string { return l.T("case.state." + string(s)) }

// PriorityWords says a priority.
func PriorityWords(l lang.Lang, p Priority) string { return l.T(p.key()) }

// StateOptions are the choices of a select.
func StateOptions(l lang.Lang) []kit.Option {
	var out []kit.Option
	for _, s := range States() {
		out = append(out, kit.Option{Value: string(s), Label: StateWords(l, s)})
	}
	return out
}

// PriorityOptions are the choices of a select.
func PriorityOptions(l lang.Lang) []kit.Option {
	var out []kit.Option
	for _, p := range Priorities() {
		out = append(out, kit.Option{Value: p.value(), Label: PriorityWords(l, p)})
	}
	return out
}

// ActWords says what an action of the log did: "case.read" is "opened the case". An action without words
// of its own is shown by its name, so that a line of the log is never blank.
func ActWords(l lang.Lang, action string) string {
	key := "log.action." + strings.ReplaceAll(action, ".", "_")
	if !lang.Has(key) {
		return action
	}
	return l.T(key)
}

// HeldWords says why something is held. A reason without words of its own is said in general, with its name.
func HeldWords(l lang.Lang, reason string) string {
	key := "case.held.reason." + reason
	if reason == "" || !lang.Has(key) {
		return l.T("case.held.reason.unnamed", "reason", reason)
	}
	return l.T(key)
}

func (s State) color() kit.Color {
	switch s {
	case New:
		return kit.Info
	case Solved:
		return kit.Success
	default:
		return kit.Neutral
	}
}

// quiet states stand back in a list: there is nothing to do about them now.
func (s State) quiet() bool { return s == Pending || s == Closed }

func (p Priority) color() kit.Color {
	switch p {
	case Critical:
		return kit.Danger
	case High:
		return kit.Warning
	default:
		return kit.Neutral
	}
}

// loud tells whether a priority is worth a coloured box.
func (p Priority) loud() bool { return p == High || p == Critical }

// late tells whether a case that somebody still has to do something about has passed its time.
func late(now, due time.Time, s State) bool {
	return !due.IsZero() && due.Before(now) && !s.Done() && s != Pending
}

// filesHint tells how much one form takes.
func filesHint(p kit.Page) string {
	return p.T("desk.files.hint", "limit", p.Lang.Bytes(kit.MaxFiles))
}

func caseURL(number int64) string { return "/cases/" + strconv.FormatInt(number, 10) }

func number(n int64) string { return strconv.FormatInt(n, 10) }

// dot stands between two things on one line.
const dot = "·"
