// Package purpose is the register of processing (GDPR art. 30) as configuration: what personal data are used for, on
// what legal basis, about whom, how long, and which roles read them. A queue without an entry here takes no mail (K1).
//
// It owns the table purpose. It does not own queues or cases; they name a purpose by its id.
package purpose

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
)

// Class tells how data of a purpose are handled (C5).
type Class string

// The classes, from free to closest.
const (
	Open         Class = "open"
	InternalData Class = "internal"
	Confidential Class = "confidential"
)

// Purpose is an entry of the register. ID is a short word of the program's or the customer's administrator
// ([a-z0-9-], at most 40), kept in clear because keys are bound to it; what it is called in full is a text of
// the catalogues or sealed elsewhere.
type Purpose struct {
	ID        string
	Basis     string // art. 6(1): consent, contract, obligation, vital, task, interest
	Class     Class
	Keep      time.Duration // after a case is closed; 0: until told otherwise
	Readers   []access.Role
	TakesMail bool // built-in purposes are for the program's own data: no queue may use them
}

// Migrations are the room's table.
var Migrations = []store.Migration{{Number: 3, Name: "purpose", SQL: `
CREATE TABLE purpose (
	id TEXT PRIMARY KEY,
	basis TEXT NOT NULL,
	class TEXT NOT NULL,
	keep BIGINT NOT NULL,
	readers TEXT NOT NULL,
	takes_mail BOOLEAN NOT NULL,
	created BIGINT NOT NULL
);
`}}

const (
	sqlList   = `SELECT id, basis, class, keep, readers, takes_mail FROM purpose ORDER BY id`
	sqlGet    = `SELECT id, basis, class, keep, readers, takes_mail FROM purpose WHERE id = $1`
	sqlInsert = `INSERT INTO purpose (id, basis, class, keep, readers, takes_mail, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`
)

// Starters are what a new tenant has: the program's own data, and support and security ready to use.
func Starters() []Purpose {
	everybody := access.Roles()
	return []Purpose{
		{ID: access.PurposeAccounts, Basis: "contract", Class: InternalData, Readers: everybody},
		{ID: access.PurposeSettings, Basis: "interest", Class: InternalData, Readers: everybody},
		{ID: access.PurposeLog, Basis: "obligation", Class: Confidential, Keep: 90 * 24 * time.Hour, Readers: []access.Role{access.Administrator}},
		{ID: "support", Basis: "contract", Class: InternalData, Readers: everybody, TakesMail: true},
		{ID: "security", Basis: "obligation", Class: InternalData, Readers: everybody, TakesMail: true},
	}
}

// Register adds an entry.
func Register(w store.Writer, p Purpose, now time.Time) error {
	if !validID(p.ID) {
		return fault.New(fault.Invalid, "fault.purpose.name", "id", p.ID)
	}
	if !slices.Contains([]string{"consent", "contract", "obligation", "vital", "task", "interest"}, p.Basis) {
		return fault.New(fault.Invalid, "fault.purpose.basis", "basis", p.Basis)
	}
	if !slices.Contains([]Class{Open, InternalData, Confidential}, p.Class) {
		return fault.New(fault.Invalid, "fault.purpose.class", "class", string(p.Class))
	}
	roles := make([]string, len(p.Readers))
	for i, r := range p.Readers {
		if !r.Valid() {
			return fault.New(fault.Invalid, "fault.role", "role", string(r))
		}
		roles[i] = string(r)
	}
	w.Put(sqlInsert, p.ID, p.Basis, string(p.Class), int64(p.Keep/time.Second), strings.Join(roles, " "), p.TakesMail, clock.Micros(now))
	return nil
}

// List gives the register.
func List(ctx context.Context, r store.Reader) ([]Purpose, error) {
	rows, err := r.Query(ctx, sqlList)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Purpose
	for rows.Next() {
		p, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// Get gives one entry, or a fault Invalid: whoever names a purpose that is not registered is told so.
func Get(ctx context.Context, r store.Reader, id string) (Purpose, error) {
	p, err := scan(func(dest ...any) error { return r.QueryRow(ctx, sqlGet, []any{id}, dest...) })
	if errors.Is(err, store.ErrNoRows) {
		return Purpose{}, fault.New(fault.Invalid, "fault.purpose.unregistered", "id", id)
	}
	return p, err
}

func scan(into func(...any) error) (Purpose, error) {
	var p Purpose
	var class, readers string
	var keep int64
	if err := into(&p.ID, &p.Basis, &class, &keep, &readers, &p.TakesMail); err != nil {
		return Purpose{}, err
	}
	p.Class, p.Keep = Class(class), time.Duration(keep)*time.Second
	for r := range strings.FieldsSeq(readers) {
		p.Readers = append(p.Readers, access.Role(r))
	}
	return p, nil
}

func validID(id string) bool {
	if id == "" || len(id) > 40 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
