package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"insegel/internal/fault"
	"insegel/internal/store"
)

// Run is the conformance suite: what every engine must do alike. make gives a fresh engine.
func Run(t *testing.T, make func(*testing.T) store.Engine) {
	for name, fn := range map[string]func(*testing.T, store.Engine){
		"databases": databases, "names": badNames, "values": values, "texts": texts, "rows": oneResult, "view": snapshot,
		"read only": readOnly, "transaction": transaction, "put": put, "failed statement": failedStatement, "unique": unique,
		"savepoints": savepoints, "after the end": afterEnd, "order": order, "differ": differ, "copy": copyLoad, "damaged copy": damagedCopy,
		"migrate": migrate, "newer schema": newerSchema, "broken migration": brokenMigration, "check": check, "panic": panics,
		"cancelled view": cancelledView, "busy writer": busyWriter,
	} {
		t.Run(name, func(t *testing.T) { fn(t, make(t)) })
	}
}

const things = `CREATE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, name TEXT, yes BOOLEAN, body BYTEA)`

// OpenNew creates and opens a database and closes it at the test's end.
func OpenNew(t testing.TB, e store.Engine, name string, list []store.Migration) store.DB {
	t.Helper()
	ctx := context.Background()
	if err := e.Create(ctx, name); err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := store.Migrate(ctx, e.Dialect(), db, list); err != nil {
		t.Fatal(err)
	}
	return db
}

func thingDB(t *testing.T, e store.Engine) store.DB {
	return OpenNew(t, e, "things", []store.Migration{{Number: 1, Name: "thing", SQL: things}})
}

// write runs fn in a transaction that is committed.
func write(t *testing.T, db store.DB, fn func(store.Tx)) {
	t.Helper()
	tx, err := db.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard()
	fn(tx)
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db store.DB, sql string, args ...any) (n int64) {
	t.Helper()
	ctx := context.Background()
	if err := db.View(ctx, func(r store.Reader) error { return r.QueryRow(ctx, sql, args, &n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind, key string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Key != key {
		t.Fatalf("got %v, want a fault %d %s", err, kind, key)
	}
}

func databases(t *testing.T, e store.Engine) {
	ctx := context.Background()
	_, err := e.Open(ctx, "b")
	wantKind(t, err, fault.NotFound, "fault.store.missing")
	for _, n := range []string{"b", "a", "b"} {
		must(t, e.Create(ctx, n))
	}
	names, err := e.List(ctx)
	if err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Fatal(names, err)
	}
	db, err := e.Open(ctx, "b")
	must(t, err)
	wantKind(t, e.Drop(ctx, "b"), fault.Conflict, "fault.store.open")
	must(t, db.Close())
	must(t, db.Close())
	if _, err := db.Begin(ctx); !errors.Is(err, store.ErrClosed) {
		t.Fatal("begin on a closed database: ", err)
	}
	if err := db.View(ctx, func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Fatal("view on a closed database: ", err)
	}
	must(t, e.Drop(ctx, "b"))
	must(t, e.Drop(ctx, "b"))
	there, err := e.Exists(ctx, "b")
	if err != nil || there {
		t.Fatal(there, err)
	}
	if there, err = e.Exists(ctx, "a"); err != nil || !there {
		t.Fatal(there, err)
	}
}

func badNames(t *testing.T, e store.Engine) {
	ctx := context.Background()
	for _, n := range []string{"", "../x", "A", "a b", `a"b`, "a.db", "å", strings.Repeat("a", 61), "a\x00"} {
		wantKind(t, e.Create(ctx, n), fault.Invalid, "fault.store.name")
		_, err := e.Open(ctx, n)
		wantKind(t, err, fault.Invalid, "fault.store.name")
		wantKind(t, e.Drop(ctx, n), fault.Invalid, "fault.store.name")
	}
}

func values(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	insert := `INSERT INTO thing (id, name, yes, body) VALUES ($1, $2, $3, $4)`
	write(t, db, func(tx store.Tx) {
		for id, row := range [][3]any{
			{"ÅÄÖ\n\t'\"", true, []byte{0, 1, 0xff}}, {nil, nil, nil}, {"", false, []byte{}}, {(*string)(nil), (*bool)(nil), []byte(nil)},
		} {
			if n, err := tx.Exec(ctx, insert, id, row[0], row[1], row[2]); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		}
		n, err := tx.Exec(ctx, `UPDATE thing SET yes = $1 WHERE id >= $2`, nil, int64(3))
		if err != nil || n != 1 {
			t.Fatal("rows touched: ", n, err)
		}
		if _, err := tx.Exec(ctx, insert, int64(-1<<63), nil, nil, nil); err != nil {
			t.Fatal(err)
		}
	})
	must(t, db.View(ctx, func(r store.Reader) error {
		var name string
		var yes bool
		var body []byte
		q := `SELECT name, yes, body FROM thing WHERE id = $1`
		must(t, r.QueryRow(ctx, q, []any{0}, &name, &yes, &body))
		if name != "ÅÄÖ\n\t'\"" || !yes || string(body) != "\x00\x01\xff" {
			t.Errorf("%q %v %x", name, yes, body)
		}
		must(t, r.QueryRow(ctx, q, []any{2}, &name, &yes, &body))
		if name != "" || yes || body == nil || len(body) != 0 {
			t.Errorf("%q %v %#v: empty is not NULL", name, yes, body)
		}
		var np *string
		var bp *bool
		var yp *[]byte
		must(t, r.QueryRow(ctx, q, []any{1}, &np, &bp, &body))
		if np != nil || bp != nil || body != nil {
			t.Errorf("%v %v %v, want NULLs", np, bp, body)
		}
		must(t, r.QueryRow(ctx, q, []any{2}, &np, &bp, &yp))
		if np == nil || bp == nil || yp == nil || *bp {
			t.Errorf("%v %v %v, want values", np, bp, yp)
		}
		if err := r.QueryRow(ctx, q, []any{99}, &np, &bp, &yp); !errors.Is(err, store.ErrNoRows) {
			t.Error("no row: ", err)
		}
		var low int64
		must(t, r.QueryRow(ctx, `SELECT min(id) FROM thing`, nil, &low))
		if low != -1<<63 {
			t.Error(low)
		}
		var sum int64
		must(t, r.QueryRow(ctx, `SELECT CAST(sum(id) AS BIGINT) FROM thing WHERE id >= 0`, nil, &sum))
		if sum != 6 {
			t.Error(sum)
		}
		return nil
	}))
	for _, bad := range []any{1.5, int8(1), struct{}{}, []string{"a"}} {
		err := db.View(ctx, func(r store.Reader) error {
			var n int64
			return r.QueryRow(ctx, `SELECT count(*) FROM thing WHERE id = $1`, []any{bad}, &n)
		})
		if err == nil {
			t.Errorf("%T was accepted", bad)
		}
	}
	err := db.View(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT name FROM thing WHERE id = 1`, nil, new(string))
	})
	if err == nil {
		t.Error("NULL went into a string")
	}
}

func texts(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		_, err := tx.Exec(ctx, `INSERT INTO thing (id, name) VALUES ($1, $2)`, 1, "a\x00b\xffc")
		must(t, err)
		tx.Put(`INSERT INTO thing (id, name) VALUES ($1, $2)`, 2, "\x00")
	})
	if n := count(t, db, `SELECT count(*) FROM thing WHERE name = $1`, "ab\uFFFDc"); n != 1 {
		t.Error("NUL and invalid UTF-8 are not the same text on reading")
	}
	if n := count(t, db, `SELECT count(*) FROM thing WHERE name = $1`, "a\x00b\xffc"); n != 1 {
		t.Error("the same bytes do not find what they wrote")
	}
}

func oneResult(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		for i := range 10 {
			tx.Put(`INSERT INTO thing (id) VALUES ($1)`, i)
		}
		rs, err := tx.Query(ctx, `SELECT id FROM thing ORDER BY id`)
		must(t, err)
		if !rs.Next() {
			t.Fatal("no row; what was Put before is not seen")
		}
		must(t, rs.Close())
		must(t, rs.Close())
	})
	must(t, db.View(ctx, func(r store.Reader) error {
		rs, err := r.Query(ctx, `SELECT id FROM thing ORDER BY id`)
		must(t, err)
		if !rs.Next() {
			t.Fatal(rs.Err())
		}
		var n int64
		if err := r.QueryRow(ctx, `SELECT count(*) FROM thing`, nil, &n); !errors.Is(err, store.ErrRowsOpen) {
			t.Error("a second result beside an open one: ", err)
		}
		got := 1
		for rs.Next() {
			must(t, rs.Scan(&n))
			got++
		}
		if rs.Err() != nil || got != 10 || n != 9 {
			t.Error(rs.Err(), got, n)
		}
		return r.QueryRow(ctx, `SELECT count(*) FROM thing`, nil, &n)
	}))
}

func snapshot(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	must(t, db.View(ctx, func(r store.Reader) error {
		var before, after int64
		must(t, r.QueryRow(ctx, `SELECT count(*) FROM thing`, nil, &before))
		write(t, db, func(tx store.Tx) { tx.Put(`INSERT INTO thing (id) VALUES (1)`) })
		must(t, r.QueryRow(ctx, `SELECT count(*) FROM thing`, nil, &after))
		if before != 0 || after != 0 {
			t.Errorf("a snapshot went from %d to %d", before, after)
		}
		return nil
	}))
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 1 {
		t.Error("a new snapshot does not see what was committed: ", n)
	}
}

func readOnly(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	for _, sql := range []string{`INSERT INTO thing (id) VALUES (1) RETURNING id`, `DELETE FROM thing RETURNING id`, `CREATE TABLE x (id BIGINT)`} {
		err := db.View(ctx, func(r store.Reader) error {
			var n int64
			return r.QueryRow(ctx, sql, nil, &n)
		})
		if err == nil || errors.Is(err, store.ErrNoRows) {
			t.Errorf("%s in a View: %v", sql, err)
		}
	}
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 0 {
		t.Error("a View wrote")
	}
}

func differ(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	var got string
	must(t, db.View(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, store.Differ(`SELECT 'sqlite' || $1`, `SELECT 'postgres' || CAST($1 AS TEXT)`), []any{"!"}, &got)
	}))
	if got != e.Dialect()+"!" {
		t.Error(got)
	}
}

func order(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	names := []string{"ö", "a", "Z", "ä", "_", "10", "9", "å", "ab", "a b"}
	write(t, db, func(tx store.Tx) {
		for i, n := range names {
			tx.Put(`INSERT INTO thing (id, name) VALUES ($1, $2)`, i, n)
		}
	})
	var got []string
	must(t, db.View(ctx, func(r store.Reader) error {
		rs, err := r.Query(ctx, `SELECT name FROM thing ORDER BY name NULLS LAST`)
		must(t, err)
		for rs.Next() {
			var s string
			must(t, rs.Scan(&s))
			got = append(got, s)
		}
		return rs.Err()
	}))
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("order %q, want the bytes' %q", got, names)
	}
}

func check(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := OpenNew(t, e, "c", LedgerSchema)
	c := store.NewCommitter(db, &Ledger{}, store.Options{})
	for i := range 100 {
		must(t, c.Do(ctx, Fact(fmt.Sprint(i), "x", 1, make([]byte, 5000))))
	}
	must(t, c.Close())
	if found, err := db.Check(ctx); err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
}

func panics(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	for range 10 { // more than there are connections
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = db.View(ctx, func(r store.Reader) error {
				_, err := r.Query(ctx, `SELECT id FROM thing`)
				must(t, err)
				panic("in a view")
			})
		}()
	}
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 0 {
		t.Error(n)
	}
}
