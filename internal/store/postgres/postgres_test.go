package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/store/postgres"
	"insegel/internal/store/storetest"
)

func address(t *testing.T) string {
	t.Helper()
	if storetest.Postgres(t) == nil {
		t.Skip("absent: initdb (PostgreSQL's server)")
	}
	at, err := storetest.PostgresURL(t)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func engine(t *testing.T, opts postgres.Options, names ...string) store.Engine {
	t.Helper()
	ctx := context.Background()
	e, err := postgres.New(ctx, address(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range names {
			if err := e.Drop(ctx, n); err != nil {
				t.Error(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, n := range names {
		if err := e.Create(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func wantKey(t *testing.T, err error, key string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Key != key {
		t.Errorf("got %v, want %s", err, key)
	}
}

func open(t *testing.T, e store.Engine, name string) store.DB {
	t.Helper()
	db, err := e.Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A few connections serve more databases; where all are in use the answer is "busy" and not a wait without end.
func TestCapOfTheNode(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	e := engine(t, postgres.Options{MaxConns: 2, PerDatabase: 2, Wait: 50 * time.Millisecond}, names...)
	ctx := context.Background()
	var dbs []store.DB
	for _, n := range names {
		dbs = append(dbs, open(t, e, n))
	}
	one := func(r store.Reader) error { return r.QueryRow(ctx, `SELECT 1`, nil, new(int64)) }
	for range 3 {
		for _, db := range dbs {
			if err := db.View(ctx, one); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := dbs[0].View(ctx, func(r store.Reader) error {
		return dbs[1].View(ctx, func(store.Reader) error { return dbs[2].View(ctx, one) })
	})
	wantKey(t, err, "fault.store.busy")
	if err := dbs[2].View(ctx, one); err != nil {
		t.Error(err)
	}
}

func TestCapUnderLoad(t *testing.T) {
	names := []string{"a", "b", "c"}
	e := engine(t, postgres.Options{MaxConns: 3, PerDatabase: 3, Wait: 20 * time.Second}, names...)
	ctx := context.Background()
	var wg sync.WaitGroup
	for _, n := range names {
		db := open(t, e, n)
		for range 8 {
			wg.Go(func() {
				for range 20 {
					err := db.View(ctx, func(r store.Reader) error { return r.QueryRow(ctx, `SELECT 1`, nil, new(int64)) })
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestAddresses(t *testing.T) {
	ctx := context.Background()
	for _, at := range []string{"", "host=/tmp user=x password=hemligt", "mysql://x:hemligt@y/z", "postgres://x:hemligt@h:notaport/z", "postgres://%zz:hemligt@h/z"} {
		_, err := postgres.New(ctx, at, postgres.Options{})
		wantKey(t, err, "fault.store.address")
		if strings.Contains(fmt.Sprint(err), "hemligt") {
			t.Error("the password is in the error: ", err)
		}
	}
	_, err := postgres.New(ctx, "postgres://x:hemligt@127.0.0.1:1/z", postgres.Options{})
	wantKey(t, err, "fault.store.away")
	if !errors.Is(err, store.ErrLost) || strings.Contains(fmt.Sprint(err), "hemligt") {
		t.Error(err)
	}
}

func TestLongNames(t *testing.T) {
	e := engine(t, postgres.Options{})
	wantKey(t, e.Create(context.Background(), strings.Repeat("a", 60)), "fault.store.name")
}

func TestMissingTool(t *testing.T) {
	e := engine(t, postgres.Options{BinDir: t.TempDir()}, "a")
	err := e.Copy(context.Background(), "a", filepath.Join(t.TempDir(), "copy"))
	wantKey(t, err, "fault.store.tool")
}

// What the durability and the one lock stand on is set on each connection, whatever the role's defaults are.
func TestSettings(t *testing.T) {
	e := engine(t, postgres.Options{}, "a")
	ctx := context.Background()
	db := open(t, e, "a")
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard()
	for name, want := range map[string]string{
		"synchronous_commit": "on", "idle_in_transaction_session_timeout": "5s", "statement_timeout": "30s",
		"lock_timeout": "10s", "server_encoding": "UTF8", "lc_collate": "C", "transaction_isolation": "read committed",
	} {
		var got string
		if err := tx.QueryRow(ctx, `SHOW `+name, nil, &got); err != nil || got != want {
			t.Errorf("%s is %q, want %q: %v", name, got, want, err)
		}
	}
}

// A warning on COMMIT is no yes (a cancelled wait for the standby answers so).
func TestWarningOnCommit(t *testing.T) {
	e := engine(t, postgres.Options{}, "a")
	ctx := context.Background()
	db := open(t, e, "a")
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard()
	for _, sql := range []string{
		`CREATE TABLE w (n BIGINT)`,
		`CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'canceling wait'; RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER w AFTER INSERT ON w DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()`,
		`INSERT INTO w (n) VALUES (1)`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(ctx); !errors.Is(err, store.ErrUncertain) {
		t.Errorf("%v, want ErrUncertain", err)
	}
}

// A node that freezes inside a transaction loses it, and with it the lock.
func TestFrozenNode(t *testing.T) {
	e := engine(t, postgres.Options{}, "a")
	ctx := context.Background()
	db, other := open(t, e, "a"), open(t, e, "a")
	if _, _, err := store.Migrate(ctx, e.Dialect(), db, storetest.LedgerSchema); err != nil {
		t.Fatal(err)
	}
	lock := `UPDATE head SET size = size WHERE one = 1`
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard()
	if _, err := tx.Exec(ctx, lock); err != nil {
		t.Fatal(err)
	}
	second, err := other.Begin(ctx) // waits for the lock until the server ends the frozen one
	if err != nil {
		t.Fatal(err)
	}
	defer second.Discard()
	if _, err := second.Exec(ctx, lock); err != nil {
		t.Error("the lock did not come free: ", err)
	}
	if err := tx.Commit(ctx); err == nil {
		t.Error("the frozen transaction committed")
	}
}
