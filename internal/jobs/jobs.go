// Package jobs holds work to do later, written in the transaction that wants it.
//
// It owns the table job: adding, taking by lease, putting off, finishing. It does not run anything (worker does) and holds no
// word that a person wrote: a job's argument is ids and numbers.
package jobs

import (
	"context"
	"errors"
	"time"

	"insegel/internal/clock"
	"insegel/internal/store"
)

// Job is one piece of work.
type Job struct {
	ID      string
	Kind    string // "mail.file", "mail.send", …
	Arg     string // ids, as the kind's room wrote them
	Due     time.Time
	Attempt int
	Created time.Time
	Fault   string // key of the last attempt's fault, empty at first
	Dead    bool   // given up: it stays visible until somebody mends or removes it
}

// Migrations are the room's table.
var Migrations = []store.Migration{{Number: 5, Name: "jobs", SQL: `
CREATE TABLE job (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL,
	arg TEXT NOT NULL,
	due BIGINT NOT NULL,
	leased BIGINT NOT NULL,
	node TEXT NOT NULL,
	attempt BIGINT NOT NULL,
	created BIGINT NOT NULL,
	fault TEXT NOT NULL,
	dead BOOLEAN NOT NULL
);
CREATE INDEX job_due ON job (dead, due);
`}}

const (
	sqlAdd = `
INSERT INTO job (id, kind, arg, due, leased, node, attempt, created, fault, dead)
VALUES ($1, $2, $3, $4, 0, '', 0, $5, '', FALSE)`
	sqlDue = `
SELECT id, kind, arg, due, attempt, created, fault, dead FROM job
WHERE NOT dead AND due <= $1 AND leased <= $2 ORDER BY due LIMIT $3`
	sqlDueOf = `
SELECT id, kind, arg, due, attempt, created, fault, dead FROM job
WHERE NOT dead AND due <= $1 AND leased <= $2 AND (kind IN ($3, $4, $5, $6, $7, $8, $9, $10)) = $11 ORDER BY due LIMIT $12`
	sqlNext   = `SELECT MIN(CASE WHEN leased > due THEN leased ELSE due END) FROM job WHERE NOT dead`
	sqlLease  = `UPDATE job SET leased = $1, node = $2 WHERE id = $3 AND leased <= $4`
	sqlFree   = `UPDATE job SET leased = 0, node = '' WHERE node = $1 AND leased > 0`
	sqlPutOff = `UPDATE job SET due = $1, leased = 0, attempt = attempt + 1, fault = $2, dead = $3 WHERE id = $4`
	sqlDone   = `DELETE FROM job WHERE id = $1`
	sqlExists = `SELECT attempt FROM job WHERE id = $1`
	sqlDead   = `SELECT id, kind, arg, due, attempt, created, fault, dead FROM job WHERE dead ORDER BY due LIMIT $1`
	sqlHold   = `UPDATE job SET dead = TRUE WHERE NOT dead`
	sqlAgain  = `UPDATE job SET dead = FALSE, due = $1, leased = 0, node = '', attempt = 0 WHERE dead AND kind = $2`
)

// Add queues a job.
func Add(w store.Writer, j Job) {
	w.Put(sqlAdd, j.ID, j.Kind, j.Arg, clock.Micros(j.Due), clock.Micros(j.Created))
}

// Due gives jobs that are due and not leased, the oldest first.
func Due(ctx context.Context, r store.Reader, now time.Time, limit int) ([]Job, error) {
	return list(ctx, r, sqlDue, clock.Micros(now), clock.Micros(now), limit)
}

// MaxKinds is how many kinds DueOf can tell from the others.
const MaxKinds = 8

// DueOf is Due for jobs of some kinds, or for all but those: one sort of work must not hide behind another.
func DueOf(ctx context.Context, r store.Reader, now time.Time, kinds []string, among bool, limit int) ([]Job, error) {
	args := []any{clock.Micros(now), clock.Micros(now)}
	for i := range MaxKinds {
		kind := ""
		if i < len(kinds) {
			kind = kinds[i]
		}
		args = append(args, kind)
	}
	return list(ctx, r, sqlDueOf, append(args, among, limit)...)
}

// Dead gives jobs that were given up.
func Dead(ctx context.Context, r store.Reader, limit int) ([]Job, error) {
	return list(ctx, r, sqlDead, limit)
}

func list(ctx context.Context, r store.Reader, sql string, args ...any) ([]Job, error) {
	rows, err := r.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Job
	for rows.Next() {
		var j Job
		var due, attempt, created int64
		if err := rows.Scan(&j.ID, &j.Kind, &j.Arg, &due, &attempt, &created, &j.Fault, &j.Dead); err != nil {
			return nil, err
		}
		j.Due, j.Attempt, j.Created = clock.FromMicros(due), int(attempt), clock.FromMicros(created)
		all = append(all, j)
	}
	return all, rows.Err()
}

// Next tells when the earliest job is due or its lease over; ok is false where there is none.
func Next(ctx context.Context, r store.Reader) (due time.Time, ok bool, err error) {
	var us *int64
	if err := r.QueryRow(ctx, sqlNext, nil, &us); err != nil || us == nil {
		return time.Time{}, false, err
	}
	return clock.FromMicros(*us), true, nil
}

// Lease takes a job for a node until a time; false where another took it or it is gone.
func Lease(ctx context.Context, w store.Writer, id, node string, now, until time.Time) (bool, error) {
	n, err := w.Exec(ctx, sqlLease, clock.Micros(until), node, id, clock.Micros(now))
	return n == 1, err
}

// Free gives back what a node had leased before it was killed. One process runs on a data folder, so at its start
// nothing of its name is being worked on.
func Free(w store.Writer, node string) { w.Put(sqlFree, node) }

// PutOff returns a job that failed, to be tried again or, dead, to be looked at by a person.
func PutOff(w store.Writer, id string, due time.Time, faultKey string, dead bool) {
	w.Put(sqlPutOff, clock.Micros(due), faultKey, dead, id)
}

// Done removes a job, in the transaction of what it did.
func Done(w store.Writer, id string) { w.Put(sqlDone, id) }

// Pending tells whether a job still is to be done: work whose outcome was uncertain asks before it acts again.
func Pending(ctx context.Context, r store.Reader, id string) (bool, error) {
	var n int64
	err := r.QueryRow(ctx, sqlExists, []any{id}, &n)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Release lets stopped jobs of a kind run again, from their first attempt.
func Release(w store.Writer, kind string, now time.Time) { w.Put(sqlAgain, clock.Micros(now), kind) }

// HoldAll stops every job: what was restored runs nothing until it is told to.
func HoldAll(w store.Writer) { w.Put(sqlHold) }
