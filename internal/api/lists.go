package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/idempotency"
	"insegel/internal/lang"
	"insegel/internal/purpose"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

// Queue is where cases of one purpose arrive.
type Queue struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Purpose string `json:"purpose"`
	Lang    string `json:"lang" enum:"sv,en,da,nb" doc:"In which the program itself writes to people outside"`
}

func queueView(q queue.Queue) Queue {
	return Queue{ID: q.ID, Name: q.Name, Address: q.Address, Purpose: q.Purpose, Lang: string(q.Lang)}
}

// List is a page of things.
type List[T any] struct {
	Items []T     `json:"items" nullable:"false"`
	Next  *string `json:"next" nullable:"true" doc:"cursor of the next page; null at the end"`
}

// paged cuts a short list into pages. A cursor is the id that the page before ended with.
func paged[T any](all []T, id func(T) string, p Page) (List[T], error) {
	from := 0
	if p.Cursor != "" {
		if from = 1 + slices.IndexFunc(all, func(v T) bool { return id(v) == p.Cursor }); from == 0 {
			return List[T]{}, fault.New(fault.Invalid, "fault.list.cursor")
		}
	}
	all = all[from:]
	if len(all) <= p.Limit {
		return List[T]{Items: append([]T{}, all...)}, nil
	}
	return List[T]{Items: all[:p.Limit], Next: next(id(all[p.Limit-1]))}, nil
}

type queuesOut struct{ Body List[Queue] }

// listQueues lists the queues of the actor's purposes.
func (s *server) listQueues(ctx context.Context, c *call, in *Page) (*queuesOut, error) {
	all, err := visit.View(ctx, c.v, func(r *visit.Reader) ([]queue.Queue, error) { return queue.List(ctx, r) })
	if err != nil {
		return nil, err
	}
	views := make([]Queue, len(all))
	for i, q := range all {
		views[i] = queueView(q)
	}
	l, err := paged(views, func(q Queue) string { return q.ID }, *in)
	return &queuesOut{l}, err
}

// NewQueue is what a queue is made from.
type NewQueue struct {
	Name    string `json:"name" minLength:"1" maxLength:"200"`
	Address string `json:"address" minLength:"3" maxLength:"320" doc:"The mail address that it takes mail for"`
	Purpose string `json:"purpose" minLength:"1" maxLength:"40" doc:"An entry of the register of processing"`
	Lang    string `json:"lang,omitempty" enum:"sv,en,da,nb"`
}

type queueIn struct {
	Key  string `header:"Idempotency-Key" doc:"Makes it safe to repeat the request for 24 hours"`
	Body NewQueue
}

type queueOut struct{ Body Queue }

// createQueue makes a queue that takes mail.
func (s *server) createQueue(ctx context.Context, c *call, in *queueIn) (*queueOut, error) {
	var before *idempotency.Answer
	made, err := queue.Create(ctx, c.v, queue.New{Name: in.Body.Name, Address: in.Body.Address, Purpose: in.Body.Purpose, Lang: lang.Lang(in.Body.Lang),
		First: func(ctx context.Context, w *visit.Writer) (bool, error) {
			var err error
			before, err = c.key.Check(ctx, w)
			return before != nil, err
		},
		Also: func(w *visit.Writer, q queue.Queue) {
			c.key.Keep(w, idempotency.Answer{Status: http.StatusCreated, Ref: q.ID})
		}})
	if err != nil || before == nil {
		return &queueOut{queueView(made)}, err
	}
	return repeated(ctx, c, before.Ref, func(r *visit.Reader, ref string) (*queueOut, error) {
		q, err := queue.Get(ctx, r, ref)
		return &queueOut{queueView(q)}, err
	})
}

// Purpose is an entry of the register of processing (GDPR art. 30).
type Purpose struct {
	ID        string   `json:"id"`
	Basis     string   `json:"basis" enum:"consent,contract,obligation,vital,task,interest" doc:"GDPR art. 6(1)"`
	Class     string   `json:"class" enum:"open,internal,confidential"`
	KeepDays  int64    `json:"keep_days" doc:"After a case is closed; 0: until told otherwise"`
	Readers   []string `json:"readers" nullable:"false" doc:"The roles that read it"`
	TakesMail bool     `json:"takes_mail"`
}

type purposesOut struct{ Body List[Purpose] }

// listPurposes lists the register, as far as the actor reads it.
func (s *server) listPurposes(ctx context.Context, c *call, in *Page) (*purposesOut, error) {
	all, err := visit.View(ctx, c.v, func(r *visit.Reader) ([]purpose.Purpose, error) { return purpose.List(ctx, r) })
	if err != nil {
		return nil, err
	}
	var views []Purpose
	for _, p := range all {
		if !c.v.May(p.ID) {
			continue
		}
		v := Purpose{ID: p.ID, Basis: p.Basis, Class: string(p.Class), KeepDays: int64(p.Keep / (24 * time.Hour)), Readers: []string{}, TakesMail: p.TakesMail}
		for _, r := range p.Readers {
			v.Readers = append(v.Readers, string(r))
		}
		views = append(views, v)
	}
	l, err := paged(views, func(p Purpose) string { return p.ID }, *in)
	return &purposesOut{l}, err
}

// Account is a person who can log in.
type Account struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Email  string `json:"email"`
	Role   string `json:"role" enum:"administrator,handler"`
	Active bool   `json:"active"`
}

type accountsOut struct{ Body List[Account] }

// listAccounts lists the people of the tenant.
func (s *server) listAccounts(ctx context.Context, c *call, in *Page) (*accountsOut, error) {
	limit := min(in.Limit, account.MaxPage-1)
	all, err := account.List(ctx, c.v, in.Cursor, limit+1)
	if err != nil {
		return nil, err
	}
	l := List[Account]{Items: []Account{}}
	if len(all) > limit {
		all = all[:limit]
		l.Next = next(all[limit-1].ID)
	}
	for _, a := range all {
		l.Items = append(l.Items, Account{ID: a.ID, Name: a.Name, Email: a.Mail, Role: string(a.Role), Active: a.Active})
	}
	return &accountsOut{l}, nil
}
