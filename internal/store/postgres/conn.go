package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"insegel/internal/store"
)

// conn is one connection with what waits to be sent on it. It is used by one goroutine at a time.
type conn struct {
	pg      *pgx.Conn
	d       *db
	queue   []queued
	open    *rows
	warning string // the last WARNING the server sent
}

// queued is a statement that waits for the next round trip; done is told when the server did it.
type queued struct {
	sql  string
	args []any
	err  error // of the arguments
	done func(pgconn.CommandTag)
}

// get gives an idle connection of the database, or a new one under the node's cap, within a bounded wait.
func (e *Engine) get(ctx context.Context, d *db) (c *conn, reused bool, err error) {
	e.mu.Lock()
	for i := len(e.idle) - 1; i >= 0; i-- {
		if c := e.idle[i]; c.d == d {
			e.idle = append(e.idle[:i], e.idle[i+1:]...)
			e.mu.Unlock()
			return c, true, nil
		}
	}
	e.mu.Unlock()
	if err := e.slot(ctx); err != nil {
		return nil, false, err
	}
	if c, err = e.dial(ctx, d); err != nil {
		<-e.slots
		return nil, false, err
	}
	return c, false, nil
}

// slot takes a place under the cap. An idle connection of any database gives its place up.
func (e *Engine) slot(ctx context.Context) error {
	select {
	case e.slots <- struct{}{}:
		return nil
	default:
	}
	e.mu.Lock()
	e.waiting++ // from here on whoever gives a connection back closes it
	var old *conn
	if len(e.idle) > 0 {
		old, e.idle = e.idle[0], e.idle[1:]
	}
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.waiting--
		e.mu.Unlock()
	}()
	if old != nil {
		e.hangUp(old)
	}
	t := time.NewTimer(e.opts.Wait)
	defer t.Stop()
	select {
	case e.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return store.Busy(errors.New("postgres: all connections of this node are in use"))
	}
}

func (e *Engine) dial(ctx context.Context, d *db) (*conn, error) {
	c := &conn{d: d}
	conf := e.conf.Copy()
	conf.Database = d.full
	conf.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			c.warning = n.Code + " " + n.Message
		}
	}
	pg, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, dialError(err, d.name)
	}
	c.pg = pg
	return c, nil
}

// put gives a clean connection back.
func (e *Engine) put(c *conn) {
	e.mu.Lock()
	if e.waiting > 0 || c.pg.IsClosed() || c.d.isClosed() {
		e.mu.Unlock()
		e.hangUp(c)
		return
	}
	e.idle = append(e.idle, c)
	e.mu.Unlock()
}

// hangUp closes a connection and frees its place.
func (e *Engine) hangUp(c *conn) {
	shut(c.pg)
	<-e.slots
}

// dropIdle closes the idle connections of a database: one was found dead, or the database is closed.
func (e *Engine) dropIdle(d *db) {
	e.mu.Lock()
	var dead []*conn
	kept := e.idle[:0]
	for _, c := range e.idle {
		if c.d == d {
			dead = append(dead, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(e.idle[len(kept):])
	e.idle = kept
	e.mu.Unlock()
	for _, c := range dead {
		e.hangUp(c)
	}
}

func (c *conn) later(sql string, args []any, done func(pgconn.CommandTag)) {
	vals, err := store.Args(args)
	c.queue = append(c.queue, queued{sql: store.For(Dialect, sql), args: vals, err: err, done: done})
}

// send sends what is queued, in one round trip.
func (c *conn) send(ctx context.Context) error {
	br, err := c.batch(ctx)
	if br == nil {
		return err
	}
	if cerr := br.Close(); err == nil {
		err = cerr
	}
	return explain(err, c.pg, c.d.name)
}

// batch sends the queue and reads all answers but that of extra. A non-nil result must be closed.
func (c *conn) batch(ctx context.Context, extra ...queued) (pgx.BatchResults, error) {
	if c.open != nil {
		return nil, store.ErrRowsOpen
	}
	todo := c.queue
	if len(todo)+len(extra) == 0 {
		return nil, ctx.Err()
	}
	b := &pgx.Batch{}
	for _, list := range [][]queued{todo, extra} {
		for _, q := range list {
			if q.err != nil {
				return nil, q.err // nothing was sent and the queue is as it was
			}
			b.Queue(q.sql, q.args...)
		}
	}
	c.queue = nil
	br := c.pg.SendBatch(ctx, b)
	for _, q := range todo {
		tag, err := br.Exec()
		if err != nil {
			_ = br.Close()
			return nil, explain(err, c.pg, c.d.name)
		}
		if q.done != nil {
			q.done(tag)
		}
	}
	return br, nil
}

func (c *conn) exec(ctx context.Context, sql string, args []any) (n int64, err error) {
	c.later(sql, args, func(tag pgconn.CommandTag) { n = tag.RowsAffected() })
	return n, c.send(ctx)
}

// simple sends the engine's own statements by the simple protocol: several in one round trip, and nothing is
// prepared, which a failed transaction would refuse.
func (c *conn) simple(ctx context.Context, sql string) error {
	_, err := c.pg.PgConn().Exec(ctx, sql).ReadAll()
	return explain(err, c.pg, c.d.name)
}

func (c *conn) query(ctx context.Context, sql string, args []any) (*rows, error) {
	if c.open != nil {
		return nil, store.ErrRowsOpen
	}
	vals, err := store.Args(args)
	if err != nil {
		return nil, err
	}
	sql = store.For(Dialect, sql)
	if len(c.queue) == 0 {
		rs, err := c.pg.Query(ctx, sql, vals...)
		if err != nil {
			return nil, explain(err, c.pg, c.d.name)
		}
		c.open = &rows{c: c, rs: rs}
		return c.open, nil
	}
	br, err := c.batch(ctx, queued{sql: sql, args: vals})
	if err != nil {
		return nil, err
	}
	rs, err := br.Query()
	if err != nil {
		_ = br.Close()
		return nil, explain(err, c.pg, c.d.name)
	}
	c.open = &rows{c: c, rs: rs, br: br}
	return c.open, nil
}

// rows is a result, with the batch it came in.
type rows struct {
	c   *conn
	rs  pgx.Rows
	br  pgx.BatchResults
	err error
}

func (r *rows) Next() bool {
	if r.c == nil {
		return false
	}
	if r.rs.Next() {
		return true
	}
	_ = r.Close()
	return false
}

func (r *rows) Scan(dest ...any) error {
	if r.c == nil {
		return store.ErrNoRows
	}
	return r.rs.Scan(dest...)
}

func (r *rows) Err() error { return r.err }

func (r *rows) Close() error {
	if r.c == nil {
		return r.err
	}
	c := r.c
	c.open, r.c = nil, nil
	r.rs.Close()
	err := r.rs.Err()
	if r.br != nil {
		if berr := r.br.Close(); err == nil {
			err = berr
		}
	}
	r.err = explain(err, c.pg, c.d.name)
	return r.err
}

// row scans the first row; the others are not looked at.
func row(r store.Rows, err error, dest []any) error {
	if err != nil {
		return err
	}
	if !r.Next() {
		if err := errors.Join(r.Err(), r.Close()); err != nil {
			return err
		}
		return store.ErrNoRows
	}
	err = r.Scan(dest...)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return err
}
