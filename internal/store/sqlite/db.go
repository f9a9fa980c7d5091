package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"insegel/internal/store"
)

// wait bounds how long a reader or the writer waits for a connection.
const wait = 10 * time.Second

type db struct {
	e       *Engine
	name    string
	path    string
	writing chan struct{} // one token: the one writing connection
	reading chan struct{} // as many tokens as there may be reading connections
	closed  chan struct{}

	mu      sync.Mutex
	writer  *conn
	readers []*conn // idle
	once    sync.Once
	err     error
}

func newDB(e *Engine, name string, writer *conn) *db {
	return &db{
		e: e, name: name, path: e.path(name), writer: writer,
		writing: make(chan struct{}, 1), reading: make(chan struct{}, e.opts.Readers), closed: make(chan struct{}),
	}
}

// take takes a token within a bounded wait.
func (d *db) take(ctx context.Context, tokens chan struct{}) error {
	select {
	case <-d.closed:
		return store.ErrClosed
	default:
	}
	select {
	case tokens <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case tokens <- struct{}{}:
		return nil
	case <-d.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return store.Busy(errors.New("sqlite: no connection became free"))
	}
}

func (d *db) reader() (*conn, error) {
	d.mu.Lock()
	if n := len(d.readers); n > 0 {
		c := d.readers[n-1]
		d.readers = d.readers[:n-1]
		d.mu.Unlock()
		return c, nil
	}
	d.mu.Unlock()
	return connect(d.path, d.name, false, readCacheKB)
}

// View implements store.DB.
func (d *db) View(ctx context.Context, fn func(store.Reader) error) error {
	return d.read(ctx, fn, true)
}

// Peek implements store.DB.
func (d *db) Peek(ctx context.Context, fn func(store.Reader) error) error {
	return d.read(ctx, fn, false)
}

func (d *db) read(ctx context.Context, fn func(store.Reader) error, snapshot bool) (err error) {
	if err := d.take(ctx, d.reading); err != nil {
		return err
	}
	defer func() { <-d.reading }()
	c, err := d.reader()
	if err != nil {
		return err
	}
	if snapshot {
		if err := c.simple("BEGIN"); err != nil {
			return errors.Join(err, c.close())
		}
	}
	r := &reader{c: c, ctx: ctx}
	defer func() { // also when fn panics: the snapshot must not outlive it
		r.c = nil
		c.closeRows()
		if snapshot {
			if end := c.simple("ROLLBACK"); end != nil {
				err = errors.Join(err, c.close())
				return
			}
		}
		d.mu.Lock()
		d.readers = append(d.readers, c)
		d.mu.Unlock()
	}()
	return fn(r)
}

type reader struct {
	c   *conn
	ctx context.Context
}

func (r *reader) Query(ctx context.Context, sql string, args ...any) (store.Rows, error) {
	if r.c == nil {
		return nil, store.ErrOver
	}
	rs, err := r.c.query(ctx, ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return rs, nil
}

func (r *reader) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	if r.c == nil {
		return store.ErrOver
	}
	return r.c.rowUnder(ctx, ctx, sql, args, dest)
}

// Begin implements store.DB. BEGIN IMMEDIATE takes the file's write lock at once: a transaction that
// upgraded later could find its snapshot old.
func (d *db) Begin(ctx context.Context) (store.Tx, error) {
	if err := d.take(ctx, d.writing); err != nil {
		return nil, err
	}
	if d.writer == nil {
		c, err := connect(d.path, d.name, true, writeCacheKB)
		if err != nil {
			<-d.writing
			return nil, err
		}
		d.writer = c
	}
	if err := d.writer.simple("BEGIN IMMEDIATE"); err != nil {
		d.dropWriter()
		<-d.writing
		return nil, err
	}
	return &tx{d: d, c: d.writer}, nil
}

// dropWriter throws the writing connection away; closing it rolls back what it had open.
func (d *db) dropWriter() {
	if d.writer != nil {
		_ = d.writer.close()
		d.writer = nil
	}
}

// Check implements store.DB.
func (d *db) Check(ctx context.Context) ([]string, error) {
	var found []string
	err := d.View(ctx, func(r store.Reader) error {
		found = nil
		lines, err := texts(ctx, r, "PRAGMA integrity_check(20)")
		if err != nil {
			return err
		}
		if len(lines) != 1 || lines[0] != "ok" {
			found = append(found, lines...)
		}
		rs, err := r.Query(ctx, "PRAGMA foreign_key_check")
		if err != nil {
			return err
		}
		for n := 0; rs.Next() && n < 20; n++ {
			var table, parent string
			var row *int64
			var fk int64
			if err := rs.Scan(&table, &row, &parent, &fk); err != nil {
				return errors.Join(err, rs.Close())
			}
			found = append(found, fmt.Sprintf("a row of %s points to a row of %s that is not there", table, parent))
		}
		return errors.Join(rs.Err(), rs.Close())
	})
	return found, err
}

func texts(ctx context.Context, r store.Reader, sql string) ([]string, error) {
	rs, err := r.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	var out []string
	for rs.Next() {
		var s string
		if err := rs.Scan(&s); err != nil {
			return nil, errors.Join(err, rs.Close())
		}
		out = append(out, s)
	}
	return out, errors.Join(rs.Err(), rs.Close())
}

// Close waits for who reads or writes, then closes all. The last connection to go folds the WAL into the file.
func (d *db) Close() error {
	d.once.Do(func() {
		close(d.closed)
		for range cap(d.reading) {
			d.reading <- struct{}{}
		}
		d.writing <- struct{}{}
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, c := range d.readers {
			d.err = errors.Join(d.err, c.close())
		}
		d.readers = nil
		if d.writer != nil {
			d.err = errors.Join(d.err, d.writer.close())
			d.writer = nil
		}
		d.e.forget(d.name)
	})
	return d.err
}
