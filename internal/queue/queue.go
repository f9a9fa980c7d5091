// Package queue keeps the queues: where cases of one purpose arrive, with a name and a mail address.
//
// It owns the table queue. A queue needs a purpose of the register that takes mail (K1). It does not own cases, nor the
// directory in which the installation looks addresses up: the waist claims there what a queue here holds.
package queue

import (
	"context"
	"errors"
	"strings"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/lang"
	"insegel/internal/mailmsg"
	"insegel/internal/purpose"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Queue is one queue.
type Queue struct {
	ID      string
	Name    string
	Address string
	Purpose string
	Lang    lang.Lang // of what the program itself writes to people outside
}

// Migrations are the room's table. Name and address are sealed under the tenant's settings key; the address is found
// by its HMAC.
var Migrations = []store.Migration{{Number: 7, Name: "queue", SQL: `
CREATE TABLE queue (
	id TEXT PRIMARY KEY,
	name BYTEA NOT NULL,
	address BYTEA NOT NULL,
	address_hash BYTEA NOT NULL UNIQUE,
	purpose TEXT NOT NULL,
	lang TEXT NOT NULL,
	created BIGINT NOT NULL
);
`}}

const (
	sqlInsert = `INSERT INTO queue (id, name, address, address_hash, purpose, lang, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	sqlList   = `SELECT id, name, address, purpose, lang FROM queue ORDER BY created, id`
	sqlGet    = `SELECT id, name, address, purpose, lang FROM queue WHERE id = $1`
	sqlByMail = `SELECT id, name, address, purpose, lang FROM queue WHERE address_hash = $1`
)

// MaxName is how long a queue's name may be, in bytes.
const MaxName = 200

// New is what a queue is made from.
type New struct {
	Name, Address, Purpose string
	Lang                   lang.Lang

	// First and Also run in the change that makes the queue, before and after it; either may be nil. Where First says that it is
	// done already, no queue is made.
	First func(context.Context, *visit.Writer) (done bool, err error)
	Also  func(*visit.Writer, Queue)
}

// Create makes a queue that takes mail for its address: first the address is claimed in the directory, then the queue is
// written here, then the claim is confirmed. A crash between leaves mail for it waiting at its sender (451) until the tenant
// is opened again. An unregistered purpose, or one of the program's own, is refused: nothing may come in that is not for
// something.
func Create(ctx context.Context, v *visit.Visit, n New) (Queue, error) {
	q := Queue{ID: v.NewID(), Name: strings.TrimSpace(n.Name), Purpose: n.Purpose, Lang: lang.Match(string(n.Lang))}
	if q.Name == "" || len(q.Name) > MaxName {
		return Queue{}, fault.New(fault.Invalid, "fault.queue.name", "limit", MaxName)
	}
	address := mailmsg.NormalizeAddress(n.Address)
	if address == "" {
		return Queue{}, fault.New(fault.Invalid, "fault.queue.address")
	}
	if strings.Contains(address, "+") {
		return Queue{}, fault.New(fault.Invalid, "fault.queue.plus") // what follows + signs the answers
	}
	q.Address = address
	if err := takesMail(ctx, v, q.Purpose); err != nil {
		return Queue{}, err
	}
	claim, err := v.Reserve(ctx, address)
	if err != nil {
		return Queue{}, err
	}
	done, err := visit.Update(ctx, v, func(w *visit.Writer) (bool, error) {
		if n.First != nil {
			if done, err := n.First(ctx, w); done || err != nil {
				return done, err
			}
		}
		w.Object(q.ID)
		w.Set("purpose", q.Purpose)
		w.Made("queue", 1)
		w.Claimed(claim)
		key := w.Settings()
		hash := w.Lookup("address", address)
		if _, err := byHash(ctx, &w.Reader, hash); err == nil {
			return false, fault.New(fault.Conflict, "fault.address.taken")
		} else if fault.KindOf(err) != fault.NotFound {
			return false, err
		}
		w.Put(sqlInsert, q.ID, w.SealText(key, "queue", "name", q.ID, q.Name),
			w.SealText(key, "queue", "address", q.ID, q.Address), hash, q.Purpose, string(q.Lang), clock.Micros(v.Now()))
		if n.Also != nil {
			n.Also(w, q)
		}
		return false, nil
	})
	if err != nil {
		return Queue{}, err
	}
	if done {
		return q, v.Reconcile(ctx) // a crash may have come before the claim was confirmed; what is not claimed stays unconfirmed
	}
	// The queue is there: that somebody has stopped waiting for it must not leave its mail at the senders'.
	return q, v.Confirm(context.WithoutCancel(ctx), claim)
}

func takesMail(ctx context.Context, v *visit.Visit, purposeID string) error {
	p, err := visit.View(ctx, v, func(r *visit.Reader) (purpose.Purpose, error) { return purpose.Get(ctx, r, purposeID) })
	if err == nil && !p.TakesMail {
		err = fault.New(fault.Invalid, "fault.purpose.no_mail", "id", purposeID)
	}
	return err
}

// List gives the queues of the visit's purposes, the oldest first.
func List(ctx context.Context, r *visit.Reader) ([]Queue, error) {
	rows, err := r.Query(ctx, sqlList)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Queue
	for rows.Next() {
		q, err := scan(r, rows.Scan)
		if err != nil {
			return nil, err
		}
		if r.Visit().May(q.Purpose) {
			all = append(all, q)
		}
	}
	return all, rows.Err()
}

// Get gives one queue by its id.
func Get(ctx context.Context, r *visit.Reader, queueID string) (Queue, error) {
	return one(ctx, r, sqlGet, queueID)
}

// ByAddress gives the queue that takes mail for a normalised address without its "+" part.
func ByAddress(ctx context.Context, r *visit.Reader, address string) (Queue, error) {
	return byHash(ctx, r, r.Lookup("address", address))
}

// Named finds a queue by id, name or address, as people and scripts say it.
func Named(ctx context.Context, r *visit.Reader, said string) (Queue, error) {
	all, err := List(ctx, r)
	if err != nil {
		return Queue{}, err
	}
	for _, q := range all {
		if q.ID == said || strings.EqualFold(q.Name, said) || strings.EqualFold(q.Address, said) {
			return q, nil
		}
	}
	return Queue{}, fault.New(fault.NotFound, "fault.queue.not_found")
}

func byHash(ctx context.Context, r *visit.Reader, hash []byte) (Queue, error) {
	return one(ctx, r, sqlByMail, hash)
}

func one(ctx context.Context, r *visit.Reader, sql string, arg any) (Queue, error) {
	q, err := scan(r, func(dest ...any) error { return r.QueryRow(ctx, sql, []any{arg}, dest...) })
	if errors.Is(err, store.ErrNoRows) || err == nil && !r.Visit().May(q.Purpose) {
		return Queue{}, fault.New(fault.NotFound, "fault.queue.not_found")
	}
	return q, err
}

func scan(r *visit.Reader, into func(...any) error) (q Queue, err error) {
	var name, address []byte
	if err := into(&q.ID, &name, &address, &q.Purpose, (*string)(&q.Lang)); err != nil {
		return q, err
	}
	key := r.Settings()
	if q.Name, err = key.Text("queue", "name", q.ID, name); err != nil {
		return q, err
	}
	q.Address, err = key.Text("queue", "address", q.ID, address)
	return q, err
}
