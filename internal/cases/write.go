package cases

import (
	"context"
	"strings"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/visit"
)

// Create makes a case with its first message and gives its number. It runs inside a change, so that what led to the
// case stands or falls with it.
func Create(w *visit.Writer, d Draft, first NewMessage) (Case, visit.Key, error) {
	v := w.Visit()
	if d.Kind == "" {
		d.Kind = Ticket
	}
	if d.Class == "" {
		d.Class = "internal"
	}
	if d.Priority == 0 {
		d.Priority = Normal
	}
	if err := d.check(); err != nil {
		return Case{}, visit.Key{}, err
	}
	now := v.Now()
	c := Case{ID: v.NewID(), Kind: d.Kind, Class: d.Class, Queue: d.Queue, Purpose: d.Purpose, State: New, Priority: d.Priority,
		Subject: line(strings.TrimSpace(d.Subject), MaxSubject), Requester: d.Requester.clean(), Created: now, Updated: now, Version: 1, MayBelong: d.MayBelong}
	key, err := w.NewKey(c.ID, "case", d.Purpose)
	if err != nil {
		return c, key, err
	}
	c.Number = w.NextNumber()
	w.Put(sqlInsert, c.ID, c.Number, string(c.Kind), c.Class, c.Queue, c.Purpose, string(c.State), c.State.Live(), int64(c.Priority), c.Assignee,
		w.Seal(key, "cases", "head", c.ID, c.packHead()), clock.Micros(now), c.MayBelong)
	w.Case(c.Number)
	w.Made("cases", 1)
	w.Set("state", string(c.State))
	w.Set("queue", c.Queue)
	w.Set("priority", visit.Number(int64(c.Priority)))
	w.Set("assignee", "")
	if d.Requester.Mail != first.From.Mail {
		addParty(w, &c, d.Requester)
	}
	c.Messages = 1
	return c, key, add(w, key, &c, first)
}

// Add puts a message into a case and moves the case's state as the message asks: a letter from outside reopens
// what was waiting or solved.
func Add(w *visit.Writer, key visit.Key, c *Case, m NewMessage) error {
	return addAnd(w, key, c, m, nil)
}

// addAnd is Add with the state that the handler chose.
func addAnd(w *visit.Writer, key visit.Key, c *Case, m NewMessage, chosen *State) error {
	if err := add(w, key, c, m); err != nil {
		return err
	}
	next := c.State
	switch {
	case chosen != nil:
		next = *chosen
	case m.Kind == Incoming && (c.State == Pending || c.State == Solved):
		next = Open
	case m.Kind == Reply && c.State == New:
		next = Open
	}
	c.Messages++
	c.move(w, next)
	w.Put(sqlTouch, clock.Micros(c.Updated), 1, string(c.State), c.State.Live(), clock.Micros(c.Closed), c.ID)
	return nil
}

// move changes a case's state and says so in the record.
func (c *Case) move(w *visit.Writer, next State) {
	now := w.Visit().Now()
	if next != c.State {
		w.Was("state", string(c.State))
		w.Set("state", string(next))
		c.Closed = time.Time{}
		if !next.Live() {
			c.Closed = now
		}
		c.State = next
	}
	c.Updated = now
	c.Version++
}

// ForUpdate gives a case with its key inside a change, to add to it.
func ForUpdate(ctx context.Context, w *visit.Writer, number int64) (Case, visit.Key, error) {
	return readable(ctx, &w.Reader, number)
}

// Change is what to change of a case; nil leaves a field as it is.
type Change struct {
	State    *State
	Priority *Priority
	Assignee *string // account id; empty: nobody
	Queue    *string // id
	Purpose  string  // of that queue: a case stays within its purpose
	Version  int64   // 0, or the version that the change was made against: another is a Conflict
}

// Alter changes a case's clear fields, each with before and after in the record.
func Alter(ctx context.Context, w *visit.Writer, number int64, ch Change) (Case, error) {
	c, _, err := byNumber(ctx, &w.Reader, number)
	if err != nil {
		return c, err
	}
	w.Case(number)
	if ch.Version != 0 && ch.Version != c.Version {
		return c, fault.New(fault.Conflict, "fault.case.changed", "number", number)
	}
	if err := ch.check(c); err != nil {
		return c, err
	}
	set := func(field, was, is string) {
		if was != is {
			w.Was(field, was)
			w.Set(field, is)
		}
	}
	if ch.Priority != nil {
		set("priority", visit.Number(int64(c.Priority)), visit.Number(int64(*ch.Priority)))
		c.Priority = *ch.Priority
	}
	if ch.Assignee != nil {
		set("assignee", c.Assignee, *ch.Assignee)
		c.Assignee = *ch.Assignee
	}
	if ch.Queue != nil {
		set("queue", c.Queue, *ch.Queue)
		c.Queue = *ch.Queue
	}
	next := c.State
	if ch.State != nil {
		next = *ch.State
	}
	c.move(w, next)
	w.Put(sqlChange, string(c.State), c.State.Live(), int64(c.Priority), c.Assignee, c.Queue, clock.Micros(c.Closed), clock.Micros(c.Updated), c.ID)
	return c, nil
}

func (ch Change) check(c Case) error {
	switch {
	case ch.State != nil && !ch.State.Valid():
		return fault.New(fault.Invalid, "fault.case.state", "state", string(*ch.State))
	case ch.Priority != nil && !ch.Priority.Valid():
		return fault.New(fault.Invalid, "fault.case.priority")
	case ch.Queue != nil && ch.Purpose != c.Purpose:
		// The key is bound to its purpose; moving to another is a new reason for processing (GDPR art. 5(1)(b)).
		return fault.New(fault.Invalid, "fault.case.other_purpose")
	}
	return nil
}

// Erase destroys a case's key: nothing of what anybody said in it can be read any more, here now and in every copy when the
// epoch key is next destroyed. The clear fields stay, so that numbers and the log hold together.
func Erase(ctx context.Context, w *visit.Writer, number int64) error {
	c, _, err := byNumber(ctx, &w.Reader, number)
	if err != nil {
		return err
	}
	w.Case(number)
	w.Set("erased", "true")
	w.Erase(c.ID)
	return nil
}
