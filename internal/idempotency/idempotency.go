// Package idempotency lets a program repeat a write whose answer it did not get: the key that it sent is written in the same
// transaction as the change, so that after any crash either both are there or neither is.
//
// It owns the table idempotency, which holds marks (HMACs), a status and the id of what was made: no content. The answer to a
// repetition is made by reading the thing again. It knows no HTTP and no feature's nouns.
package idempotency

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Life is how long a key is known.
const Life = 24 * time.Hour

// MaxKey is how long a key may be, in bytes.
const MaxKey = 255

// Migrations are the room's table.
var Migrations = []store.Migration{{Number: 10, Name: "idempotency", SQL: `
CREATE TABLE idempotency (
	mark BYTEA PRIMARY KEY,
	request BYTEA NOT NULL,
	status BIGINT NOT NULL,
	ref TEXT NOT NULL,
	at BIGINT NOT NULL
);
CREATE INDEX idempotency_at ON idempotency (at);
`}}

const (
	sqlGet  = `SELECT request, status, ref, at FROM idempotency WHERE mark = $1`
	sqlKeep = `
INSERT INTO idempotency (mark, request, status, ref, at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (mark) DO UPDATE SET request = excluded.request, status = excluded.status, ref = excluded.ref, at = excluded.at`
	sqlTidy = `DELETE FROM idempotency WHERE at <= $1`
)

// Key is what a caller sent with a write. The zero Key was not sent and does nothing.
type Key struct{ mark, request []byte }

// New makes a Key: it counts for one actor and one route only. request is a digest of what was asked for, so that a key which
// comes back with something else is told from a repetition.
func New(v *visit.Visit, route, sent string, request [32]byte) Key {
	return Key{mark: v.Lookup("idempotency", v.Actor().ID()+"\n"+route+"\n"+sent),
		request: v.Lookup("idempotency request", hex.EncodeToString(request[:]))}
}

// Answer is what the first request was answered.
type Answer struct {
	Status int
	Ref    string // id or number of what it made or changed
}

// Check is a change's first step. A repetition gets the first answer: its change ends there, without an error, so that it is
// answered only when the first, which may stand in the same transaction, is durable. A key that came with another request is a
// fault. All changes of a tenant run one after the other, so of two at once the second finds what the first wrote.
func (k Key) Check(ctx context.Context, w *visit.Writer) (before *Answer, err error) {
	if k.mark == nil {
		return nil, nil
	}
	var request []byte
	var status, at int64
	var ref string
	err = w.QueryRow(ctx, sqlGet, []any{k.mark}, &request, &status, &ref, &at)
	switch {
	case errors.Is(err, store.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case w.Visit().Now().Sub(clock.FromMicros(at)) >= Life:
		return nil, nil
	case !bytes.Equal(request, k.request):
		return nil, fault.New(fault.Invalid, "fault.idempotency.reused")
	}
	w.Set("repeated", "true")
	return &Answer{Status: int(status), Ref: ref}, nil
}

// Keep is a change's last step: it writes what the answer will be.
func (k Key) Keep(w *visit.Writer, a Answer) {
	if k.mark != nil {
		w.Put(sqlKeep, k.mark, k.request, int64(a.Status), a.Ref, clock.Micros(w.Visit().Now()))
	}
}

// Tidy forgets keys that have run out.
func Tidy(ctx context.Context, v *visit.Visit) error {
	return visit.Upkeep(ctx, v, func(ctx context.Context, k *visit.Keeper) error {
		_, err := k.Exec(ctx, sqlTidy, clock.Micros(v.Now().Add(-Life)))
		return err
	})
}
