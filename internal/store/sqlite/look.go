package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"insegel/internal/store"
)

// Look implements store.Looker: it reads a database that a killed process left with a write-ahead log, before anything
// opens it for writing. A connection that may not write neither merges that log into the file nor removes it when it is closed, so
// that a log which turns out to be cut stays as it was found. Where no log was left, and while the database is open, there is
// nothing to look at.
func (e *Engine) Look(ctx context.Context, name string, fn func(store.Reader) error) (err error) {
	if err := store.CheckName(name); err != nil {
		return err
	}
	e.mu.Lock()
	inUse := e.open[name] > 0
	e.mu.Unlock()
	if _, err := os.Stat(e.path(name) + "-wal"); inUse || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if info, err := os.Stat(e.path(name)); err != nil || info.Size() == 0 {
		return nil // opening says so
	}
	c, err := connectToLook(e.path(name), name)
	if err != nil {
		return err
	}
	r := &reader{c: c, ctx: ctx}
	defer func() {
		r.c = nil
		c.closeRows()
		err = errors.Join(err, c.close())
	}()
	if err := c.simple("BEGIN"); err != nil {
		return err
	}
	err = fn(r)
	c.closeRows()
	return errors.Join(err, c.simple("ROLLBACK"))
}
