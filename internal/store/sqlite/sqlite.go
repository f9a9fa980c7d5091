// Package sqlite is the embedded engine: one SQLite file a database, in WAL with synchronous=FULL, through
// modernc.org/sqlite (no cgo).
//
// It owns the files of its folder, their connections, what is fsynced when, and what the engine's
// errors mean. It does not own tables, keys, or when a database is open: that is the Pool's.
//
// Nothing in this process may open a database's file in any other way while it is open here: closing any
// descriptor of a file drops the locks POSIX gave the process on it, SQLite's included.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"insegel/internal/fault"
	"insegel/internal/store"
)

// Dialect is this engine's name.
const Dialect = "sqlite"

const (
	ext = ".db"
	// Page caches are the larger part of what an open database costs; the system's page cache stands behind them.
	writeCacheKB = 1024
	readCacheKB  = 512
	// application is written to each file ("Insg"), so that an empty file is not taken for an empty database.
	application = 0x496e7367
)

// Options of an Engine. The zero value is usable.
type Options struct {
	Logger  *slog.Logger
	Readers int // reading connections a database at most; 0 means 4
}

// Engine is a folder of databases.
type Engine struct {
	dir  string
	opts Options
	log  *slog.Logger

	mu   sync.Mutex
	open map[string]int
}

// New makes an engine over a folder, which it creates (mode 0700) if need be. What an interrupted Create or
// Load left behind is swept away.
func New(dir string, opts Options) (*Engine, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if opts.Readers <= 0 {
		opts.Readers = 4
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, explainFile(err)
	}
	e := &Engine{dir: abs, opts: opts, log: opts.Logger, open: make(map[string]int)}
	left, err := filepath.Glob(filepath.Join(abs, "*"+partial))
	if err != nil {
		return nil, err
	}
	for _, f := range left {
		if err := removeAll(f); err != nil {
			return nil, explainFile(err)
		}
	}
	return e, nil
}

// Dialect implements store.Engine.
func (e *Engine) Dialect() string { return Dialect }

// Close implements store.Engine. Databases are closed by who opened them.
func (e *Engine) Close() error { return nil }

func (e *Engine) path(name string) string { return filepath.Join(e.dir, name+ext) }

// Exists implements store.Engine.
func (e *Engine) Exists(_ context.Context, name string) (bool, error) {
	if err := store.CheckName(name); err != nil {
		return false, err
	}
	_, err := os.Stat(e.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, explainFile(err)
}

// Create implements store.Engine: the file is made whole under another name, fsynced and renamed, so a
// power cut leaves either no database or an empty one.
func (e *Engine) Create(ctx context.Context, name string) error {
	if there, err := e.Exists(ctx, name); err != nil || there {
		return err
	}
	tmp := e.path(name) + partial
	if err := removeAll(tmp); err != nil {
		return explainFile(err)
	}
	if err := blank(tmp, name); err != nil {
		return errors.Join(err, removeAll(tmp))
	}
	if err := e.publish(tmp, name); !errors.Is(err, store.Exists(name)) {
		return err
	}
	return nil // somebody else created it meanwhile
}

// blank makes an empty database that is already in WAL mode.
func blank(path, name string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- the engine's own folder
	if err != nil {
		return explainFile(err)
	}
	if err := f.Close(); err != nil {
		return explainFile(err)
	}
	c, err := connectRaw(path, name)
	if err != nil {
		return err
	}
	for _, sql := range []string{"PRAGMA journal_mode=WAL", fmt.Sprintf("PRAGMA application_id=%d", application)} {
		if err := c.simple(sql); err != nil {
			return errors.Join(err, c.close())
		}
	}
	return c.close()
}

// publish makes a finished file the database of that name, for good. It does not replace one: the folder is
// this process's alone (flock), and inside the process the lock makes look and rename one step.
func (e *Engine) publish(tmp, name string) error {
	if err := syncFile(tmp); err != nil {
		return errors.Join(explainFile(err), removeAll(tmp))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := os.Stat(e.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(store.Exists(name), explainFile(errors.Join(err, removeAll(tmp))))
	}
	if err := os.Rename(tmp, e.path(name)); err != nil {
		return errors.Join(explainFile(err), removeAll(tmp))
	}
	return explainFile(syncDir(e.dir))
}

// Open implements store.Engine.
func (e *Engine) Open(ctx context.Context, name string) (store.DB, error) {
	there, err := e.Exists(ctx, name)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, store.Missing(name)
	}
	info, err := os.Stat(e.path(name))
	if err != nil {
		return nil, explainFile(err)
	}
	if info.Size() == 0 { // SQLite takes it for an empty database
		return nil, store.Damaged(errors.New("sqlite: the file is empty"), name)
	}
	e.mu.Lock() // before connecting, so that Drop cannot come between
	e.open[name]++
	e.mu.Unlock()
	c, err := connect(e.path(name), name, true, writeCacheKB)
	if err != nil {
		e.forget(name)
		return nil, err
	}
	return newDB(e, name, c), nil
}

func (e *Engine) forget(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open[name]--; e.open[name] <= 0 {
		delete(e.open, name)
	}
}

// Drop implements store.Engine.
func (e *Engine) Drop(_ context.Context, name string) error {
	if err := store.CheckName(name); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open[name] > 0 {
		return fault.New(fault.Conflict, "fault.store.open", "name", name)
	}
	if err := removeAll(e.path(name)); err != nil {
		return explainFile(err)
	}
	return explainFile(syncDir(e.dir))
}

// List implements store.Engine.
func (e *Engine) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(e.dir)
	if err != nil {
		return nil, explainFile(err)
	}
	var names []string
	for _, f := range entries {
		if n, ok := strings.CutSuffix(f.Name(), ext); ok && f.Type().IsRegular() && store.CheckName(n) == nil {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names, nil
}
