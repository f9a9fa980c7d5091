package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"insegel/internal/clock"
	"insegel/internal/store"
)

// Entry is a record as read from the log, with its place in the tree.
type Entry struct {
	Seq int64
	Record
	act     []byte
	commits []byte
	hashes  []byte
}

// maxPage bounds how many records one call reads.
const maxPage = 1000

// OfCase gives the records of one case, newest first, below a sequence number (0: from the newest).
func OfCase(ctx context.Context, r store.Reader, number, below int64, limit int) ([]Entry, error) {
	return entries(ctx, r, sqlOfCase, number, top(below), min(limit, maxPage))
}

// Acts are names of up to four actions.
type Acts [4]string

// Done gives the newest records of one case that are of certain actions: a page that tells what was changed is not made slow by
// how often the case was read.
func Done(ctx context.Context, r store.Reader, number int64, acts Acts, limit int) ([]Entry, error) {
	return entries(ctx, r, sqlDone, number, acts[0], acts[1], acts[2], acts[3], min(limit, maxPage))
}

// OfAction gives the records of one action, newest first, below a sequence number.
func OfAction(ctx context.Context, r store.Reader, action string, below int64, limit int) ([]Entry, error) {
	return entries(ctx, r, sqlLists, action, top(below), min(limit, maxPage))
}

// Latest gives the newest records below a sequence number.
func Latest(ctx context.Context, r store.Reader, below int64, limit int) ([]Entry, error) {
	return entries(ctx, r, sqlLatest, top(below), min(limit, maxPage))
}

func top(below int64) int64 {
	if below <= 0 {
		return 1<<62 - 1
	}
	return below
}

func entries(ctx context.Context, r store.Reader, sql string, args ...any) ([]Entry, error) {
	rows, err := r.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Entry
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

func scanEntry(rows store.Rows) (Entry, error) {
	var e Entry
	var at int64
	if err := rows.Scan(&e.Seq, &e.ID, &at, &e.Action, &e.Actor, &e.Case, &e.act, &e.ActSalt,
		&e.Origin.Key, &e.Origin.Sealed, &e.Change.Key, &e.Change.Sealed, &e.commits, &e.hashes); err != nil {
		return e, err
	}
	e.At = clock.FromMicros(at)
	if err := json.Unmarshal(e.act, &e.Act); err != nil {
		return e, fmt.Errorf("record %d: act: %w", e.Seq, err)
	}
	_, origin, change, err := splitCommits(e.commits)
	if err != nil {
		return e, fmt.Errorf("record %d: %w", e.Seq, err)
	}
	e.Origin.Commit, e.Change.Commit = origin, change
	return e, nil
}
