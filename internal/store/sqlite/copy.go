package sqlite

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"insegel/internal/store"
)

// pagesAStep is how much of a copy runs between two looks at the context (4 MB).
const pagesAStep = 1024

// Copy implements store.Engine with SQLite's online backup under one read transaction: writers go on, the
// copy shows one moment, and row numbers stay (VACUUM INTO may renumber them, and full-text indexes
// point to them).
func (e *Engine) Copy(ctx context.Context, name, file string) error {
	there, err := e.Exists(ctx, name)
	if err != nil {
		return err
	}
	if !there {
		return store.Missing(name)
	}
	e.mu.Lock()
	e.open[name]++
	e.mu.Unlock()
	defer e.forget(name)
	tmp := file + partial
	if err := removeAll(tmp); err != nil {
		return explainFile(err)
	}
	if err := e.backup(ctx, name, tmp); err != nil {
		return errors.Join(err, removeAll(tmp))
	}
	if err := errors.Join(syncFile(tmp), os.Rename(tmp, file), syncDir(dirOf(file))); err != nil {
		return errors.Join(explainFile(err), removeAll(tmp))
	}
	return nil
}

func (e *Engine) backup(ctx context.Context, name, tmp string) (err error) {
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- the operator named it
	if err != nil {
		return explainFile(err)
	}
	if err := f.Close(); err != nil {
		return explainFile(err)
	}
	c, err := connect(e.path(name), name, false, readCacheKB)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	var n int64
	if err := c.simple("BEGIN"); err != nil {
		return err
	}
	if err := c.row(ctx, "SELECT count(*) FROM sqlite_master", nil, &n); err != nil { // takes the snapshot
		return err
	}
	b, ok := c.raw.(interface {
		NewBackup(string) (*sqlite.Backup, error)
	})
	if !ok {
		return errors.New("sqlite: the driver has no backup")
	}
	abs, err := filepath.Abs(tmp)
	if err != nil {
		return err
	}
	to := url.URL{Scheme: "file", Path: abs} // a bare name would end at its first question mark
	bk, err := b.NewBackup(to.String())
	if err != nil {
		return explain(err, name)
	}
	defer func() { err = errors.Join(err, explain(bk.Finish(), name)) }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err := bk.Step(pagesAStep); err != nil || !more {
			return explain(err, name)
		}
	}
}

// Load implements store.Engine: the file is copied, checked through, and only then becomes a database.
func (e *Engine) Load(ctx context.Context, name, file string) error {
	there, err := e.Exists(ctx, name)
	if err != nil {
		return err
	}
	if there {
		return store.Exists(name)
	}
	tmp := e.path(name) + partial
	if err := removeAll(tmp); err != nil {
		return explainFile(err)
	}
	if err := copyFile(file, tmp); err != nil {
		return errors.Join(explainFile(err), removeAll(tmp))
	}
	if err := checkFile(ctx, tmp, name); err != nil {
		return errors.Join(err, removeAll(tmp))
	}
	return e.publish(tmp, name)
}

func checkFile(ctx context.Context, path, name string) error {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return store.Damaged(errors.Join(err, errors.New("sqlite: the file is empty")), name)
	}
	c, err := connectRaw(path, name)
	if err != nil {
		return err
	}
	var id int64
	var verdict, mode string
	err = c.row(ctx, "PRAGMA application_id", nil, &id)
	if err == nil && id != application {
		err = store.Damaged(errors.New("sqlite: not a database of Insegel"), name)
	}
	if err == nil {
		err = c.row(ctx, "PRAGMA integrity_check(1)", nil, &verdict)
	}
	if err == nil && verdict != "ok" {
		err = store.Damaged(errors.New("sqlite: "+verdict), name)
	}
	if err == nil {
		err = c.row(ctx, "PRAGMA journal_mode=WAL", nil, &mode)
	}
	return errors.Join(err, c.close())
}
