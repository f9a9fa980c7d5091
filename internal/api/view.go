package api

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/account"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

// Named is a thing or person by id, as it is called.
type Named struct {
	_    struct{} `nullable:"true"`
	ID   string   `json:"id"`
	Name string   `json:"name"`
}

// Person is somebody outside.
type Person struct {
	Name  string `json:"name,omitempty" maxLength:"300"`
	Email string `json:"email,omitempty" maxLength:"320"`
}

// Case is a case as a list has it.
type Case struct {
	Number      int64      `json:"number"`
	ID          string     `json:"id"`
	Kind        string     `json:"kind" enum:"ticket"`
	Class       string     `json:"class" enum:"open,internal"`
	Subject     string     `json:"subject"`
	State       string     `json:"state" enum:"new,open,pending,solved,closed"`
	Queue       *Named     `json:"queue"`
	Purpose     string     `json:"purpose"`
	Priority    Priority   `json:"priority"`
	Assignee    *Named     `json:"assignee" doc:"Who has the case; null: nobody"`
	From        Person     `json:"from"`
	Created     time.Time  `json:"created"`
	Updated     time.Time  `json:"updated"`
	Closed      *time.Time `json:"closed" nullable:"true"`
	Due         *time.Time `json:"due" nullable:"true"`
	Version     int64      `json:"version" doc:"Grows with each change; the ETag"`
	MayBelongTo int64      `json:"may_belong_to,omitempty" doc:"The case that a stranger's letter named"`
	Erased      bool       `json:"erased" doc:"The key was destroyed: subject, people and messages are gone for good"`
}

// Priority is 1 (critical) to 4 (low), in words. A request may say the number.
type Priority cases.Priority

// words are the priorities, from 1.
var words = []string{"critical", "high", "normal", "low"}

// Schema describes it.
func (Priority) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString, Enum: []any{"critical", "high", "normal", "low"}}, {Type: huma.TypeInteger, Minimum: number(1), Maximum: number(4)}},
		Description: "critical, high, normal or low; 1 to 4 is understood too"}
	for _, one := range s.OneOf {
		one.PrecomputeMessages()
	}
	s.PrecomputeMessages()
	return s
}

func number(n float64) *float64 { return &n }

// MarshalJSON writes the word.
func (p Priority) MarshalJSON() ([]byte, error) {
	if p < 1 || int(p) > len(words) {
		return json.Marshal(int64(p))
	}
	return json.Marshal(words[p-1])
}

// UnmarshalJSON reads the word or the number.
func (p *Priority) UnmarshalJSON(b []byte) error {
	for i, w := range words {
		if string(b) == strconv.Quote(w) || string(b) == strconv.Itoa(i+1) {
			*p = Priority(i + 1)
			return nil
		}
	}
	return fault.New(fault.Invalid, "fault.case.priority")
}

// etag is a case's version as a header (RFC 9110 8.8.3).
func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// names is what queues and accounts are called, looked up once for a whole page.
type names struct {
	queues   map[string]queue.Queue
	accounts map[string]string
}

func lookUp(ctx context.Context, r *visit.Reader, accounts []string) (n names, err error) {
	all, err := queue.List(ctx, r)
	if err != nil {
		return n, err
	}
	n.queues = make(map[string]queue.Queue, len(all))
	for _, q := range all {
		n.queues[q.ID] = q
	}
	seen, ids := map[string]bool{"": true}, []string{}
	for _, a := range accounts {
		if !seen[a] {
			seen[a] = true
			ids = append(ids, a)
		}
	}
	n.accounts, err = account.Names(ctx, r, ids)
	return n, err
}

func (n names) queue(queueID string) *Named {
	q, ok := n.queues[queueID]
	if !ok {
		return nil
	}
	return &Named{ID: q.ID, Name: q.Name}
}

func (n names) account(accountID string) *Named {
	if accountID == "" {
		return nil
	}
	return &Named{ID: accountID, Name: n.accounts[accountID]}
}

func (n names) caseView(c cases.Case) Case {
	return Case{Number: c.Number, ID: c.ID, Kind: string(c.Kind), Class: c.Class, Subject: c.Subject, State: string(c.State), Queue: n.queue(c.Queue), Purpose: c.Purpose,
		Priority: Priority(c.Priority), Assignee: n.account(c.Assignee), From: personView(c.Requester), Created: stored(c.Created), Updated: stored(c.Updated),
		Closed: moment(c.Closed), Due: moment(c.Due), Version: c.Version, MayBelongTo: c.MayBelong, Erased: c.Erased}
}

// viewOf makes the answer of one case, in the view or change that read it.
func viewOf(ctx context.Context, r *visit.Reader, c cases.Case) (Case, error) {
	n, err := lookUp(ctx, r, []string{c.Assignee})
	return n.caseView(c), err
}

func personView(p cases.Person) Person { return Person{Name: p.Name, Email: p.Mail} }

func people(list []cases.Person) []Person {
	all := make([]Person, len(list))
	for i, p := range list {
		all[i] = personView(p)
	}
	return all
}

// stored is a time as the databases hold it, so that what was just written reads the same ever after.
func stored(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = stored(t)
	return &t
}

// Page is how far a list goes, in each list's query.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at once"`
	Cursor string `query:"cursor" maxLength:"200" doc:"Where to go on: next of the page before"`
}

// next is a cursor as an answer has it: null at the end.
func next(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
}

// CasePath is a case in a path.
type CasePath struct {
	Number string `path:"number" doc:"Number of the case" example:"1042"`
}

// number reads it; what is no number is no case.
func (p CasePath) number() (int64, error) {
	n, err := strconv.ParseInt(p.Number, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != p.Number {
		return 0, fault.New(fault.NotFound, "fault.not_found")
	}
	return n, nil
}
