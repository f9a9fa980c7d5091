package storetest

import (
	"context"
	"fmt"
	"sync/atomic"

	"insegel/internal/store"
)

// LedgerSchema is what Ledger needs.
var LedgerSchema = []store.Migration{{Number: 1, Name: "ledger", SQL: `
	CREATE TABLE head (one BIGINT NOT NULL PRIMARY KEY, size BIGINT NOT NULL);
	INSERT INTO head (one, size) VALUES (1, 0);
	CREATE TABLE log (number BIGINT NOT NULL PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL);
	CREATE UNIQUE INDEX log_id ON log (id);
	CREATE TABLE fact (id TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, n BIGINT NOT NULL, body BYTEA NOT NULL);
`}}

// Record is a record of Ledger.
type Record struct{ ID, Body string }

// Ledger is the smallest true ledger: a counter under a row lock and a log of ids without gaps. It stands in
// for the audit room's where only the store is under test.
type Ledger struct {
	Committed atomic.Int64 // how often a head was told so
	Refuse    atomic.Pointer[error]
	After     func() error // what Committed answers; nil is no error
}

// Lock implements store.Ledger.
func (l *Ledger) Lock(ctx context.Context, w store.Writer) (store.Head, error) {
	if err := l.Refuse.Load(); err != nil {
		return nil, *err
	}
	h := &head{l: l}
	err := w.QueryRow(ctx, `UPDATE head SET size = size WHERE one = 1 RETURNING size`, nil, &h.size)
	return h, err
}

type head struct {
	l          *Ledger
	size, mark int64
}

func (h *head) Has(ctx context.Context, r store.Reader, id string) (bool, error) {
	var n int64
	err := r.QueryRow(ctx, `SELECT count(*) FROM log WHERE id = $1`, []any{id}, &n)
	return n > 0, err
}

func (h *head) Append(_ context.Context, w store.Writer, records []any) error {
	for _, r := range records {
		rec, ok := r.(Record)
		if !ok {
			return fmt.Errorf("storetest: %T is no record", r)
		}
		h.size++
		w.Put(`INSERT INTO log (number, id, body) VALUES ($1, $2, $3)`, h.size, rec.ID, rec.Body)
	}
	return nil
}

func (h *head) Mark() { h.mark = h.size }
func (h *head) Undo() { h.size = h.mark }

func (h *head) Write(_ context.Context, w store.Writer) error {
	w.Put(`UPDATE head SET size = $1 WHERE one = 1`, h.size)
	return nil
}

func (h *head) Committed() error {
	h.l.Committed.Add(1)
	if h.l.After != nil {
		return h.l.After()
	}
	return nil
}

// Fact is a change that writes one fact and one record.
func Fact(id, owner string, n int64, body []byte) store.Change {
	return store.Change{ID: id, Run: func(_ context.Context, w store.Writer) ([]any, error) {
		w.Put(`INSERT INTO fact (id, owner, n, body) VALUES ($1, $2, $3, $4)`, id, owner, n, body)
		return []any{Record{ID: id, Body: owner}}, nil
	}}
}

// CheckLedger tells what is wrong with a database written by Fact: gaps in the numbers, a head that does not agree, a
// fact without its record or the other way round.
func CheckLedger(ctx context.Context, db store.DB) error {
	return db.View(ctx, func(r store.Reader) error {
		var size, rows, last, apart int64
		if err := r.QueryRow(ctx, `SELECT size FROM head WHERE one = 1`, nil, &size); err != nil {
			return err
		}
		if err := r.QueryRow(ctx, `SELECT count(*), coalesce(max(number), 0) FROM log`, nil, &rows, &last); err != nil {
			return err
		}
		if err := r.QueryRow(ctx, `SELECT count(*) FROM fact LEFT JOIN log ON log.id = fact.id WHERE log.id IS NULL`, nil, &apart); err != nil {
			return err
		}
		if size != rows || size != last || apart != 0 {
			return fmt.Errorf("head says %d, log has %d rows up to number %d, %d facts without record", size, rows, last, apart)
		}
		return nil
	})
}

// Facts gives the ids of all facts.
func Facts(ctx context.Context, db store.DB) (map[string]bool, error) {
	out := make(map[string]bool)
	err := db.View(ctx, func(r store.Reader) error {
		rs, err := r.Query(ctx, `SELECT id FROM fact`)
		if err != nil {
			return err
		}
		for rs.Next() {
			var id string
			if err := rs.Scan(&id); err != nil {
				return err
			}
			out[id] = true
		}
		return rs.Err()
	})
	return out, err
}
