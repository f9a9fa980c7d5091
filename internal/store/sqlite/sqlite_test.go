package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/store/sqlite"
)

func wantKey(t *testing.T, err error, key string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Key != key {
		t.Errorf("got %v, want %s", err, key)
	}
}

// use opens a database, reads all of it and closes it.
func use(e store.Engine) error {
	ctx := context.Background()
	db, err := e.Open(ctx, "house")
	if err != nil {
		return err
	}
	err = db.View(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT sum(length(body)) FROM thing`, nil, new(int64))
	})
	return errors.Join(err, db.Close())
}

func filled(t *testing.T) (store.Engine, string) {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	e, err := sqlite.New(dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Create(ctx, "house"); err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, "house")
	if err != nil {
		t.Fatal(err)
	}
	list := []store.Migration{{Number: 1, Name: "1", SQL: `CREATE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, body BYTEA NOT NULL)`}}
	if _, _, err := store.Migrate(ctx, e.Dialect(), db, list); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		tx.Put(`INSERT INTO thing (id, body) VALUES ($1, $2)`, i, make([]byte, 2000))
	}
	if err := errors.Join(tx.Commit(ctx), db.Close()); err != nil {
		t.Fatal(err)
	}
	return e, filepath.Join(dir, "house.db")
}

// A damaged file is named as such, with what to do, and nothing of it is overwritten.
func TestDamagedFiles(t *testing.T) {
	for name, harm := range map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"cut page":  func(b []byte) []byte { return b[:1000] },
		"words": func([]byte) []byte {
			return []byte("this is no database but a letter, quite a long one, longer than a header of one hundred bytes is")
		},
		"header": func(b []byte) []byte { b[0] ^= 1; return b },
		"pages":  func(b []byte) []byte { clear(b[4096:]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			e, path := filled(t)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			harmed := harm(b)
			if err := os.WriteFile(path, harmed, 0o600); err != nil {
				t.Fatal(err)
			}
			wantKey(t, use(e), "fault.store.damaged")
			after, err := os.ReadFile(path)
			if err != nil || string(after) != string(harmed) {
				t.Error("the damaged file was changed: ", err)
			}
		})
	}
}

func TestCheckFindsFlippedRow(t *testing.T) {
	e, path := filled(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff, 0xff}, 4096*6); err != nil { // a page's header
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(context.Background(), "house")
	if err != nil {
		t.Fatal(err)
	}
	found, err := db.Check(context.Background())
	if err == nil && len(found) == 0 {
		t.Error("nothing was found")
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// What a crash in the middle of Create or Load left is no database and is swept.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a.db.partial", "a.db.partial-wal", "b.txt"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := sqlite.New(dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if names, err := e.List(context.Background()); err != nil || len(names) != 0 {
		t.Error(names, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Error(left, err)
	}
	if err := e.Create(context.Background(), "a"); err != nil {
		t.Error(err)
	}
}

// The folder's name may hold what means something in an address.
func TestStrangeFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "å ?mode=memory#%41&x")
	e, err := sqlite.New(dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := e.Create(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := e.Copy(ctx, "a", filepath.Join(dir, "copy ?x#")); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, "copy ?x#"))
	if err != nil || info.Size() == 0 {
		t.Error(info, err)
	}
	if err := e.Load(ctx, "b", filepath.Join(dir, "copy ?x#")); err != nil {
		t.Error(err)
	}
	db, err := e.Open(ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
