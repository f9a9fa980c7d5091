package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"insegel/internal/store"
)

// committing bounds the wait for COMMIT, a standby's answer included.
const committing = 30 * time.Second

// tx is the open write transaction. Its own statements (BEGIN, SAVEPOINT, RELEASE, COMMIT) are queued like any Put, so
// that a change costs as few round trips as it has questions, and at least one.
type tx struct {
	d      *db
	c      *conn
	begun  bool // the server said so
	saved  bool // the savepoint stands on the server
	mark   int  // where in the queue it is while it does not
	inside bool // between Savepoint and Release or RollbackTo
	failed error
	over   bool
}

func (t *tx) ready() error {
	switch {
	case t.over:
		return store.ErrOver
	case t.failed != nil:
		if errors.Is(t.failed, store.ErrLost) {
			return t.failed // the committer must see it
		}
		return fmt.Errorf("%w: %w", store.ErrFailed, t.failed)
	}
	return nil
}

// note remembers the first error. If it came before the server had this change's savepoint, while an earlier
// change's statements were sent along, it may be theirs.
func (t *tx) note(err error) error {
	if err != nil && t.failed == nil {
		if t.inside && !t.saved && t.mark > 0 && len(t.c.queue) == 0 && !errors.Is(err, store.ErrLost) {
			err = fmt.Errorf("%w: %w", store.ErrEarlier, err)
		}
		t.failed = err
	}
	return err
}

func (t *tx) Put(sql string, args ...any) {
	if t.ready() == nil {
		t.c.later(sql, args, nil)
	}
}

func (t *tx) Flush(ctx context.Context) error {
	if err := t.ready(); err != nil {
		return err
	}
	return t.note(t.c.send(ctx))
}

func (t *tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	n, err := t.c.exec(ctx, sql, args)
	return n, t.note(err)
}

func (t *tx) Query(ctx context.Context, sql string, args ...any) (store.Rows, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	rs, err := t.c.query(ctx, sql, args)
	if err != nil {
		return nil, t.note(err)
	}
	return &txRows{rows: rs, t: t}, nil
}

func (t *tx) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	rs, err := t.Query(ctx, sql, args...)
	return row(rs, err, dest)
}

// txRows makes an error in the middle of a result end the change.
type txRows struct {
	*rows
	t *tx
}

func (r *txRows) Next() bool {
	ok := r.rows.Next()
	if !ok {
		_ = r.t.note(r.rows.Err())
	}
	return ok
}

func (r *txRows) Close() error { return r.t.note(r.rows.Close()) }

func (t *tx) closeRows() {
	if t.c.open != nil {
		_ = t.note(t.c.open.Close())
	}
}

func (t *tx) Savepoint(context.Context) error {
	t.closeRows()
	if err := t.ready(); err != nil {
		return err
	}
	t.mark, t.inside = len(t.c.queue), true
	t.c.later(`SAVEPOINT change`, nil, func(pgconn.CommandTag) { t.saved = true })
	return nil
}

func (t *tx) Release(ctx context.Context) error {
	if err := t.ReleaseLater(); err != nil {
		return err
	}
	t.inside = true
	err := t.note(t.c.send(ctx))
	t.inside = err != nil
	return err
}

func (t *tx) ReleaseLater() error {
	t.closeRows()
	if err := t.ready(); err != nil {
		return err
	}
	t.c.later(`RELEASE SAVEPOINT change`, nil, func(pgconn.CommandTag) { t.saved = false })
	t.inside = false
	return nil
}

// RollbackTo: where the savepoint never reached the server, forgetting the queue is enough.
func (t *tx) RollbackTo(ctx context.Context) error {
	if t.over {
		return store.ErrOver
	}
	t.closeRows()
	t.inside = false
	if !t.saved {
		if t.failed != nil && (!t.begun || t.c.pg.IsClosed() || t.status() == 'E') {
			return t.failed
		}
		t.c.queue, t.failed = t.c.queue[:min(t.mark, len(t.c.queue))], nil
		return nil
	}
	t.c.queue, t.failed, t.saved = nil, nil, false
	return t.note(t.c.simple(ctx, `ROLLBACK TO SAVEPOINT change; RELEASE SAVEPOINT change`))
}

// status is what the server itself said last: I idle, T in a transaction, E in a failed one.
func (t *tx) status() byte { return t.c.pg.PgConn().TxStatus() }

func (t *tx) InTx(context.Context) bool {
	if t.over || t.c.pg.IsClosed() {
		return false
	}
	t.closeRows()
	if !t.begun {
		return t.failed == nil
	}
	return t.status() == 'T'
}

// Commit sends what is queued and COMMIT in one round trip, under a context of its own: a cancelled
// COMMIT tells nothing.
func (t *tx) Commit(ctx context.Context) error {
	t.closeRows()
	if err := t.ready(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), committing)
	defer cancel()
	before := len(t.c.queue)
	var done int // how many of the statements before COMMIT the server did
	for i := range t.c.queue {
		q := &t.c.queue[i]
		if q.err != nil {
			return t.note(q.err) // nothing was sent
		}
		was := q.done
		q.done = func(tag pgconn.CommandTag) {
			done++
			if was != nil {
				was(tag)
			}
		}
	}
	var tag string
	t.c.warning = ""
	t.c.later(`COMMIT`, nil, func(ct pgconn.CommandTag) { tag = ct.String() })
	err := t.c.send(ctx)
	err = t.verdict(err, tag, done < before)
	t.end(err == nil)
	return err
}

// verdict says what an answer to COMMIT proves. earlier: the server stopped before it came to COMMIT.
func (t *tx) verdict(err error, tag string, earlier bool) error {
	switch {
	case err == nil && tag == "COMMIT" && t.c.warning == "":
		return nil
	case err == nil && tag == "ROLLBACK":
		return fmt.Errorf("%w: COMMIT answered ROLLBACK", store.ErrFailed)
	case err == nil:
		// 01000: cancelled while waiting for the standby; committed here, perhaps not there.
		return fmt.Errorf("%w: COMMIT answered %q with warning %q", store.ErrUncertain, tag, t.c.warning)
	}
	k := code(err)
	if k != "" && (earlier || strings.HasPrefix(k, "23") || strings.HasPrefix(k, "40")) {
		return err // the server itself said no
	}
	// The cause is cut off from its kind: a fault in the chain would mean that it is known why nothing was saved.
	return fmt.Errorf("%w: %v", store.ErrUncertain, err)
}

func (t *tx) Discard() {
	if t.over {
		return
	}
	t.closeRows()
	t.c.queue = nil
	if !t.begun && !t.c.pg.IsClosed() && t.failed == nil {
		t.end(true)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialing)
	defer cancel()
	t.end(t.c.simple(ctx, `ROLLBACK`) == nil)
}

func (t *tx) end(clean bool) {
	t.over = true
	if clean {
		t.d.e.put(t.c)
	} else {
		t.d.e.hangUp(t.c)
		t.d.e.dropIdle(t.d)
	}
	<-t.d.writing
}
