package sqlite

import (
	"context"
	"fmt"

	"insegel/internal/store"
)

// tx is the open write transaction. A statement that failed ends the change, as PostgreSQL does it by
// itself: until RollbackTo nothing more is accepted.
type tx struct {
	d      *db
	c      *conn
	failed error
	over   bool
}

func (t *tx) ready() error {
	switch {
	case t.over:
		return store.ErrOver
	case t.failed != nil:
		return fmt.Errorf("%w: %w", store.ErrFailed, t.failed)
	}
	return nil
}

func (t *tx) note(err error) error {
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}

// flushed gives the error of an earlier Put.
func (t *tx) Flush(context.Context) error { return t.ready() }

// Put runs at once, since there are no round trips to save; its error waits for the next call.
func (t *tx) Put(sql string, args ...any) {
	if t.ready() != nil {
		return
	}
	_, err := t.c.exec(context.Background(), sql, args)
	_ = t.note(err)
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
	rs, err := t.c.query(ctx, context.Background(), sql, args)
	if err != nil {
		return nil, t.note(err)
	}
	return &txRows{rows: rs, t: t}, nil
}

func (t *tx) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	rs, err := t.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	if !rs.Next() {
		err := orNoRows(rs.Err())
		_ = rs.Close()
		return err
	}
	err = rs.Scan(dest...)
	if cerr := rs.Close(); err == nil {
		err = cerr
	}
	return err
}

// txRows makes an error in the middle of a result end the change too.
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

func (t *tx) own(sql string) error {
	if err := t.ready(); err != nil {
		return err
	}
	t.c.closeRows()
	return t.note(t.c.simple(sql))
}

func (t *tx) Savepoint(context.Context) error { return t.own("SAVEPOINT change") }

func (t *tx) Release(context.Context) error { return t.own("RELEASE change") }

// ReleaseLater is Release: Put has run already.
func (t *tx) ReleaseLater() error { return t.own("RELEASE change") }

func (t *tx) RollbackTo(context.Context) error {
	if t.over {
		return store.ErrOver
	}
	t.c.closeRows()
	if err := t.c.simple("ROLLBACK TO change"); err != nil {
		return t.note(err)
	}
	t.failed = nil
	return t.own("RELEASE change")
}

func (t *tx) InTx(context.Context) bool { return !t.over && t.c.inTx() }

// Commit: an error after which the transaction is still open is a certain no. Otherwise the engine
// rolled back, but the commit frame may already lie in the WAL and be found after a crash.
func (t *tx) Commit(context.Context) error {
	if err := t.ready(); err != nil {
		return err
	}
	t.c.closeRows()
	err := t.c.simple("COMMIT")
	if err == nil {
		t.end(true)
		return nil
	}
	open := t.c.inTx()
	t.end(false)
	if open {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUncertain, err)
}

func (t *tx) Discard() {
	if t.over {
		return
	}
	t.c.closeRows()
	t.end(t.c.simple("ROLLBACK") == nil)
}

func (t *tx) end(clean bool) {
	t.over = true
	if !clean {
		t.d.dropWriter()
	}
	<-t.d.writing
}
