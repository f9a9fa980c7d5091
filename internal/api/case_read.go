package api

import (
	"context"
	"time"

	"insegel/internal/cases"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

type listIn struct {
	Page
	Queue        string    `query:"queue" maxLength:"400" doc:"Name, id or address of a queue"`
	State        string    `query:"state" enum:"new,open,pending,solved,closed"`
	Assignee     string    `query:"assignee" maxLength:"100" doc:"id of an account, me, or none; without state only cases that somebody still has to do something about"`
	UpdatedSince time.Time `query:"updated_since" doc:"Only cases changed at this time or later"`
}

// CaseList is a page of cases.
type CaseList struct {
	Items []Case  `json:"items" nullable:"false"`
	Next  *string `json:"next" nullable:"true" doc:"cursor of the next page; null at the end"`
}

type listOut struct{ Body CaseList }

// listCases lists the cases of the actor's purposes.
func (s *server) listCases(ctx context.Context, c *call, in *listIn) (*listOut, error) {
	out, err := visit.View(ctx, c.v, func(r *visit.Reader) (CaseList, error) {
		l := CaseList{Items: []Case{}}
		f, err := in.filter(ctx, r)
		if err != nil {
			return l, err
		}
		page, cursor, err := cases.List(ctx, r, f, in.Cursor, in.Limit)
		if err != nil {
			return l, err
		}
		who := make([]string, len(page))
		for i := range page {
			who[i] = page[i].Assignee
		}
		n, err := lookUp(ctx, r, who)
		for _, found := range page {
			l.Items = append(l.Items, n.caseView(found))
		}
		l.Next = next(cursor)
		return l, err
	})
	return &listOut{out}, err
}

func (in *listIn) filter(ctx context.Context, r *visit.Reader) (f cases.Filter, err error) {
	f = cases.Filter{State: cases.State(in.State), Assignee: in.Assignee, UpdatedSince: in.UpdatedSince}
	switch in.Assignee {
	case "me":
		f.Assignee = r.Visit().Actor().Account
	case "none":
		f.Assignee = cases.Nobody
	}
	if in.State != "" && in.Assignee != "" {
		live := f.State.Live()
		f.Live = &live
	}
	if in.Queue != "" {
		q, err := queue.Named(ctx, r, in.Queue)
		if err != nil {
			return f, err
		}
		f.Queue = q.ID
	}
	return f, nil
}

// Thread is a case with all that was said in it.
type Thread struct {
	Case
	Messages []Message `json:"messages" nullable:"false"`
	Links    Links     `json:"links"`
}

// Links lead on from a case.
type Links struct {
	Self     string `json:"self"`
	Messages string `json:"messages" doc:"POST a reply or note here"`
	Records  string `json:"records" doc:"What the log says of the case"`
}

// Message is one thing said in a case.
type Message struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind" enum:"in,reply,note,ack,auto,report"`
	Channel    string     `json:"channel" enum:"mail,web,api"`
	At         time.Time  `json:"at"`
	Author     *Named     `json:"author" doc:"The colleague who wrote it; null: somebody outside, or the program"`
	From       Person     `json:"from"`
	To         []Person   `json:"to" nullable:"false"`
	Cc         []Person   `json:"cc" nullable:"false"`
	Subject    string     `json:"subject"`
	Body       string     `json:"body"`
	State      string     `json:"state,omitempty" enum:"queued,sent,failed" doc:"Of what is sent"`
	Files      []File     `json:"files" nullable:"false"`
	Deliveries []Delivery `json:"deliveries" nullable:"false"`
	Original   string     `json:"original,omitempty" doc:"Where the letter is as it arrived"`
}

// File is a file of a message.
type File struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type" doc:"As the sender declared it"`
	Size int64  `json:"size"`
	Link string `json:"link"`
}

// Delivery is what became of an answer at one recipient.
type Delivery struct {
	To     Person     `json:"to"`
	State  string     `json:"state" enum:"queued,sent,failed"`
	Status string     `json:"status,omitempty" doc:"RFC 3463" example:"5.1.1"`
	Detail string     `json:"detail,omitempty" doc:"The other side's words"`
	Tries  int64      `json:"tries"`
	Next   *time.Time `json:"next" nullable:"true" doc:"Of the next attempt"`
}

type threadOut struct {
	ETag string `header:"ETag"`
	Body Thread
}

// readCase gives a case whole. Of an erased one the clear part is left.
func (s *server) readCase(ctx context.Context, c *call, in *CasePath) (*threadOut, error) {
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	t, err := visit.View(ctx, c.v, func(r *visit.Reader) (Thread, error) {
		found, err := cases.Read(ctx, r, n)
		if err != nil {
			return Thread{}, err
		}
		who := []string{found.Assignee}
		for _, m := range found.Messages {
			who = append(who, m.Author)
		}
		called, err := lookUp(ctx, r, who)
		return called.thread(found), err
	})
	return &threadOut{ETag: etag(t.Version), Body: t}, err
}

func (n names) thread(t cases.Thread) Thread {
	at := casePath(t.Number)
	out := Thread{Case: n.caseView(t.Case), Messages: make([]Message, len(t.Messages)), Links: Links{Self: at, Messages: at + "/messages", Records: at + "/records"}}
	for i, m := range t.Messages {
		out.Messages[i] = n.message(at+"/messages/"+m.ID, m)
	}
	return out
}

func (n names) message(at string, m cases.Message) Message {
	out := Message{ID: m.ID, Kind: string(m.Kind), Channel: string(m.Channel), At: m.At, Author: n.account(m.Author), From: personView(m.From), To: people(m.To),
		Cc: people(m.Cc), Subject: m.Subject, Body: m.Body, State: m.State, Files: make([]File, len(m.Files)), Deliveries: make([]Delivery, len(m.Deliveries))}
	if m.Raw != "" {
		out.Original = at + "/original"
	}
	for i, f := range m.Files {
		out.Files[i] = File{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, Link: at + "/files/" + f.ID}
	}
	for i, d := range m.Deliveries {
		out.Deliveries[i] = Delivery{To: personView(d.To), State: d.State, Status: d.Status, Detail: d.Detail, Tries: d.Tries}
		if d.State == cases.Queued {
			out.Deliveries[i].Next = moment(d.Next)
		}
	}
	return out
}
