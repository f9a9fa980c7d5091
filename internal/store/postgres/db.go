package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"insegel/internal/store"
)

type db struct {
	e       *Engine
	name    string
	full    string
	writing chan struct{} // one token
	reading chan struct{} // what is left of PerDatabase
	closed  chan struct{}
	once    sync.Once
}

func newDB(e *Engine, name, full string) *db {
	return &db{
		e: e, name: name, full: full,
		writing: make(chan struct{}, 1), reading: make(chan struct{}, e.opts.PerDatabase-1), closed: make(chan struct{}),
	}
}

func (d *db) isClosed() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

func (d *db) take(ctx context.Context, tokens chan struct{}) error {
	if d.isClosed() {
		return store.ErrClosed
	}
	select {
	case tokens <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(d.e.opts.Wait)
	defer t.Stop()
	select {
	case tokens <- struct{}{}:
		return nil
	case <-d.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return store.Busy(errors.New("postgres: no connection became free"))
	}
}

// View implements store.DB. BEGIN goes out together with the first query.
func (d *db) View(ctx context.Context, fn func(store.Reader) error) error {
	return d.read(ctx, fn, false)
}

// Peek implements store.DB: a statement is its own snapshot, and the session's transactions are read-only unless a
// writer says otherwise.
func (d *db) Peek(ctx context.Context, fn func(store.Reader) error) error {
	return d.read(ctx, fn, true)
}

func (d *db) read(ctx context.Context, fn func(store.Reader) error, peek bool) error {
	if err := d.take(ctx, d.reading); err != nil {
		return err
	}
	c, reused, err := d.e.get(ctx, d)
	if err != nil {
		<-d.reading
		return err
	}
	c.queue = nil
	r := &reader{d: d, c: c, reused: reused, peek: peek}
	r.begin()
	defer r.end() // also when fn panics
	return fn(r)
}

type reader struct {
	d      *db
	c      *conn
	reused bool // an idle connection may have died meanwhile
	peek   bool // no snapshot over several statements
	begun  bool
}

func (r *reader) begin() {
	if r.peek {
		return
	}
	r.c.queue = nil
	r.c.later(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`, nil, func(pgconn.CommandTag) { r.begun = true })
}

// end ends the snapshot beside the caller, who need not wait for that round trip.
func (r *reader) end() {
	c, d := r.c, r.d
	r.c = nil
	if c == nil {
		<-d.reading
		return
	}
	if !r.begun && !r.peek && !c.pg.IsClosed() {
		c.queue = nil
		d.e.put(c)
		<-d.reading
		return
	}
	if c.open != nil {
		_ = c.open.Close()
	}
	if r.peek && !c.pg.IsClosed() {
		d.e.put(c)
		<-d.reading
		return
	}
	go func() {
		defer func() { <-d.reading }()
		c.queue = nil
		ctx, cancel := context.WithTimeout(context.Background(), dialing)
		defer cancel()
		if err := c.simple(ctx, `ROLLBACK`); err != nil {
			d.e.hangUp(c)
			return
		}
		d.e.put(c)
	}()
}

func (r *reader) Query(ctx context.Context, sql string, args ...any) (store.Rows, error) {
	rs, err := r.query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return rs, nil
}

func (r *reader) query(ctx context.Context, sql string, args []any) (*rows, error) {
	if r.c == nil {
		return nil, store.ErrOver
	}
	if !r.begun {
		r.begin() // again, where the first query never went out: nothing is read outside the snapshot
	}
	rs, err := r.c.query(ctx, sql, args)
	if err == nil || !r.reused || r.begun || !errors.Is(err, store.ErrLost) {
		return rs, err
	}
	// The idle connection was dead (the server restarted): nothing was read on it yet.
	r.d.e.hangUp(r.c)
	r.d.e.dropIdle(r.d)
	r.reused = false
	if r.c, _, err = r.d.e.get(ctx, r.d); err != nil {
		return nil, err
	}
	r.begin()
	return r.c.query(ctx, sql, args)
}

func (r *reader) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	rs, err := r.query(ctx, sql, args)
	return row(rs, err, dest)
}

// Begin implements store.DB. BEGIN itself goes out with the first statement.
func (d *db) Begin(ctx context.Context) (store.Tx, error) {
	if err := d.take(ctx, d.writing); err != nil {
		return nil, err
	}
	c, _, err := d.e.get(ctx, d)
	if err != nil {
		<-d.writing
		return nil, err
	}
	t := &tx{d: d, c: c}
	c.queue = nil
	c.later(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`, nil, func(pgconn.CommandTag) { t.begun = true })
	// A frozen node frees the head's lock. A reader holds none, and may open what it read before it reads on.
	c.later(`SET LOCAL idle_in_transaction_session_timeout = 5000`, nil, nil)
	return t, nil
}

// Close implements store.DB: it waits for who reads or writes.
func (d *db) Close() error {
	d.once.Do(func() {
		close(d.closed)
		for range cap(d.reading) {
			d.reading <- struct{}{}
		}
		d.writing <- struct{}{}
		d.e.dropIdle(d)
		d.e.forget(d.name)
	})
	return nil
}
