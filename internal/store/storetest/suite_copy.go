package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"insegel/internal/fault"
	"insegel/internal/store"
)

func copyLoad(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		for i := range 500 {
			tx.Put(`INSERT INTO thing (id, name, body) VALUES ($1, $2, $3)`, i, fmt.Sprint("n", i), make([]byte, 3000))
		}
	})
	file := filepath.Join(t.TempDir(), "copy")
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { // writers go on, two rows at a time
		defer close(done)
		for i := 1000; ; i += 2 {
			select {
			case <-stop:
				return
			default:
			}
			tx, err := db.Begin(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			tx.Put(`INSERT INTO thing (id) VALUES ($1)`, i)
			tx.Put(`INSERT INTO thing (id) VALUES ($1)`, i+1)
			if err := tx.Commit(ctx); err != nil {
				t.Error(err)
			}
		}
	}()
	err := e.Copy(ctx, "things", file)
	close(stop)
	<-done
	must(t, err)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	must(t, e.Load(ctx, "back", file))
	wantKind(t, e.Load(ctx, "back", file), fault.Conflict, "fault.store.exists")
	wantKind(t, e.Copy(ctx, "nobody", file), fault.NotFound, "fault.store.missing")
	back, err := e.Open(ctx, "back")
	must(t, err)
	defer func() { must(t, back.Close()) }()
	if n := count(t, back, `SELECT count(*) FROM thing`); n < 500 || n%2 != 0 {
		t.Errorf("the copy has %d rows: not one moment", n)
	}
	if v, err := store.Version(ctx, back); err != nil || v != 1 {
		t.Error(v, err)
	}
	if found, err := back.Check(ctx); err != nil || len(found) > 0 {
		t.Error(found, err)
	}
	write(t, back, func(tx store.Tx) { tx.Put(`INSERT INTO thing (id) VALUES (-1)`) })
}

func damagedCopy(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		for i := range 200 {
			tx.Put(`INSERT INTO thing (id, body) VALUES ($1, $2)`, i, []byte(strings.Repeat(fmt.Sprint(i), 500)))
		}
	})
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	must(t, e.Copy(ctx, "things", whole))
	b, err := os.ReadFile(whole)
	must(t, err)
	for name, bytes := range map[string][]byte{"cut": b[:len(b)/2], "empty": nil, "other": []byte("not a database at all, just words\n")} {
		file := filepath.Join(dir, name)
		must(t, os.WriteFile(file, bytes, 0o600))
		if err := e.Load(ctx, "back", file); err == nil {
			t.Errorf("%s was loaded", name)
		}
		there, err := e.Exists(ctx, "back")
		if err != nil || there {
			t.Errorf("%s left a database: %v", name, err)
		}
	}
	if names, err := e.List(ctx); err != nil || len(names) != 1 {
		t.Error(names, err)
	}
	must(t, e.Load(ctx, "back", whole))
}
