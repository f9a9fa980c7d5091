package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/idempotency"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

// NewCase is what a case is made from.
type NewCase struct {
	Queue    string   `json:"queue" minLength:"1" maxLength:"400" doc:"Name, id or address of a queue" example:"Support"`
	Subject  string   `json:"subject" minLength:"1" maxLength:"1000"`
	Body     string   `json:"body" minLength:"1" maxLength:"1048576"`
	From     Person   `json:"from" doc:"Who the case is from: a name, an address, or both"`
	Kind     string   `json:"kind,omitempty" enum:"ticket"`
	Class    string   `json:"class,omitempty" enum:"open,internal"`
	Priority Priority `json:"priority,omitempty"`
}

type createIn struct {
	Key  string `header:"Idempotency-Key" doc:"Makes it safe to repeat the request for 24 hours"`
	Body NewCase
}

type caseOut struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     Case
}

func answerCase(c Case) *caseOut {
	return &caseOut{Location: casePath(c.Number), ETag: etag(c.Version), Body: c}
}

func casePath(n int64) string { return base + "/cases/" + strconv.FormatInt(n, 10) }

// createCase makes a case of what somebody outside said.
func (s *server) createCase(ctx context.Context, c *call, in *createIn) (*caseOut, error) {
	from, err := sender(in.Body.From)
	if err != nil {
		return nil, err
	}
	// Looked up before the change: what runs inside one holds up the tenant's other writers.
	q, err := visit.View(ctx, c.v, func(r *visit.Reader) (queue.Queue, error) { return queue.Named(ctx, r, in.Body.Queue) })
	if err != nil {
		return nil, err
	}
	n := names{queues: map[string]queue.Queue{q.ID: q}}
	return once(ctx, c, http.StatusCreated, func(w *visit.Writer) (*caseOut, string, error) {
		made, _, err := cases.Create(w, cases.Draft{Queue: q.ID, Purpose: q.Purpose, Kind: cases.Kind(in.Body.Kind), Class: in.Body.Class,
			Subject: in.Body.Subject, Requester: from, Priority: cases.Priority(in.Body.Priority)},
			cases.NewMessage{ID: c.v.NewID(), Kind: cases.Incoming, Channel: cases.ByAPI, Head: cases.Head{Subject: in.Body.Subject, From: from}, Body: in.Body.Body})
		if err != nil {
			return nil, "", err
		}
		return answerCase(n.caseView(made)), strconv.FormatInt(made.Number, 10), err
	}, func(r *visit.Reader, ref string) (*caseOut, error) { return caseAgain(ctx, r, ref) })
}

// sender is who a case is from. An address must be one that can be answered; without one there must be a name.
func sender(p Person) (cases.Person, error) {
	name := strings.Join(strings.Fields(p.Name), " ")
	mail := strings.TrimSpace(p.Email)
	if mail == "" && name == "" || mail != "" && mailmsg.NormalizeAddress(mail) == "" {
		return cases.Person{}, fault.New(fault.Invalid, "fault.api.from")
	}
	return cases.Person{Name: name, Mail: mail}, nil
}

func caseAgain(ctx context.Context, r *visit.Reader, ref string) (*caseOut, error) {
	n, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return nil, err
	}
	found, err := cases.Get(ctx, r, n)
	if err != nil {
		return nil, err
	}
	v, err := viewOf(ctx, r, found)
	return answerCase(v), err
}

// once writes, or answers a repetition by reading what was written: the key is in the same transaction as the change.
func once[T any](ctx context.Context, c *call, status int, do func(*visit.Writer) (T, string, error), again func(*visit.Reader, string) (T, error)) (T, error) {
	var before *idempotency.Answer
	out, err := visit.Update(ctx, c.v, func(w *visit.Writer) (out T, err error) {
		if before, err = c.key.Check(ctx, w); before != nil || err != nil {
			return out, err
		}
		out, ref, err := do(w)
		if err == nil {
			c.key.Keep(w, idempotency.Answer{Status: status, Ref: ref})
		}
		return out, err
	})
	if err != nil || before == nil {
		return out, err
	}
	return repeated(ctx, c, before.Ref, again)
}

// repeated reads the answer anew where the change had been made before.
func repeated[T any](ctx context.Context, c *call, ref string, again func(*visit.Reader, string) (T, error)) (T, error) {
	c.w.Header().Set("Idempotent-Replayed", "true")
	return visit.View(ctx, c.v, func(r *visit.Reader) (T, error) { return again(r, ref) })
}

// Assignee is who shall have a case: an account's id, "me", or null for nobody.
type Assignee struct {
	Given bool
	Who   string
}

// Schema describes it.
func (Assignee) Schema(huma.Registry) *huma.Schema {
	most := 100
	s := &huma.Schema{Type: huma.TypeString, Nullable: true, MaxLength: &most, Description: "id of an account, me, or null for nobody"}
	s.PrecomputeMessages()
	return s
}

// UnmarshalJSON reads a text or null.
func (a *Assignee) UnmarshalJSON(b []byte) error {
	a.Given = true
	return json.Unmarshal(b, &a.Who)
}

// CaseChange is what to change of a case.
type CaseChange struct {
	State    *string   `json:"state,omitempty" enum:"new,open,pending,solved,closed"`
	Assignee Assignee  `json:"assignee,omitempty"`
	Queue    *string   `json:"queue,omitempty" minLength:"1" maxLength:"400" doc:"Name, id or address of a queue of the same purpose"`
	Priority *Priority `json:"priority,omitempty"`
}

type changeIn struct {
	CasePath
	Key  string `header:"Idempotency-Key" doc:"Makes it safe to repeat the request for 24 hours"`
	If   string `header:"If-Match" doc:"The ETag of the version that the change is meant for; another gives 412"`
	Body CaseChange
}

// changeCase changes a case's clear fields.
func (s *server) changeCase(ctx context.Context, c *call, in *changeIn) (*caseOut, error) {
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	meant, err := matches(in.If)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.State == nil && b.Queue == nil && b.Priority == nil && !b.Assignee.Given {
		return nil, fault.New(fault.Invalid, "fault.api.nothing")
	}
	return once(ctx, c, http.StatusOK, func(w *visit.Writer) (*caseOut, string, error) {
		now, err := cases.Get(ctx, &w.Reader, n)
		if err != nil {
			return nil, "", err
		}
		if !meant(now.Version) {
			return nil, "", fault.New(fault.Conflict, "fault.api.changed")
		}
		ch, err := b.change(ctx, w)
		if err != nil {
			return nil, "", err
		}
		changed, err := cases.Alter(ctx, w, n, ch)
		if err != nil {
			return nil, "", err
		}
		v, err := viewOf(ctx, &w.Reader, changed)
		return answerCase(v), strconv.FormatInt(n, 10), err
	}, func(r *visit.Reader, ref string) (*caseOut, error) { return caseAgain(ctx, r, ref) })
}

// change reads what a request names: queues and people by their ids.
func (b CaseChange) change(ctx context.Context, w *visit.Writer) (ch cases.Change, err error) {
	if b.State != nil {
		st := cases.State(*b.State)
		ch.State = &st
	}
	if b.Priority != nil {
		p := cases.Priority(*b.Priority)
		ch.Priority = &p
	}
	if b.Queue != nil {
		q, err := queue.Named(ctx, &w.Reader, *b.Queue)
		if err != nil {
			return ch, err
		}
		ch.Queue, ch.Purpose = &q.ID, q.Purpose
	}
	if b.Assignee.Given {
		who, err := assignee(ctx, w, b.Assignee.Who)
		if err != nil {
			return ch, err
		}
		ch.Assignee = &who
	}
	return ch, nil
}

// assignee gives the account that is meant; only who can log in can have a case.
func assignee(ctx context.Context, w *visit.Writer, said string) (string, error) {
	if said == "me" {
		said = w.Visit().Actor().Account
	}
	if said == "" {
		return "", nil
	}
	all, err := access.Members(ctx, w)
	if err != nil {
		return "", err
	}
	for _, m := range all {
		if m.Account == said && m.Active {
			return said, nil
		}
	}
	return "", fault.New(fault.Invalid, "fault.api.assignee")
}

// matches reads If-Match (RFC 9110 13.1.1): *, or strong ETags. Without it every version is meant.
func matches(header string) (func(version int64) bool, error) {
	if header = strings.TrimSpace(header); header == "" || header == "*" {
		return func(int64) bool { return true }, nil
	}
	var meant []int64
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if strings.HasPrefix(tag, "W/") {
			continue // a weak one never matches
		}
		inner, ok := strings.CutPrefix(tag, `"`)
		inner, closed := strings.CutSuffix(inner, `"`)
		if !ok || !closed || len(meant) == maxTags {
			return nil, fault.New(fault.Invalid, "fault.api.match")
		}
		if v, err := strconv.ParseInt(inner, 10, 64); err == nil {
			meant = append(meant, v)
		}
	}
	return func(version int64) bool {
		for _, v := range meant {
			if v == version {
				return true
			}
		}
		return false
	}, nil
}

// maxTags bounds what one If-Match names.
const maxTags = 20
