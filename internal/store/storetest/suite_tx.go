package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"insegel/internal/fault"
	"insegel/internal/store"
)

func transaction(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	tx, err := db.Begin(ctx)
	must(t, err)
	_, err = tx.Exec(ctx, `INSERT INTO thing (id) VALUES (1)`)
	must(t, err)
	if !tx.InTx(ctx) {
		t.Error("not in a transaction")
	}
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 0 {
		t.Error("seen before commit")
	}
	tx.Discard()
	tx.Discard()
	if tx.InTx(ctx) {
		t.Error("in a transaction after Discard")
	}
	write(t, db, func(tx store.Tx) {
		var n int64
		must(t, tx.QueryRow(ctx, `INSERT INTO thing (id) VALUES (2) RETURNING id`, nil, &n))
	})
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 1 {
		t.Error(n)
	}
}

func put(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		tx.Put(`INSERT INTO thing (id) VALUES ($1)`, 1)
		tx.Put(`INSERT INTO thing (id) VALUES ($1)`, 2)
		n, err := tx.Exec(ctx, `UPDATE thing SET name = $1`, "x")
		if err != nil || n != 2 {
			t.Error("Exec does not come after what was Put: ", n, err)
		}
		tx.Put(`DELETE FROM thing WHERE id = $1`, 1)
	})
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 1 {
		t.Error(n)
	}
	for _, how := range []string{"flush", "query", "release", "commit"} {
		tx, err := db.Begin(ctx)
		must(t, err)
		must(t, tx.Savepoint(ctx))
		tx.Put(`INSERT INTO thing (id) VALUES ($1)`, 2)
		tx.Put(`INSERT INTO thing (id) VALUES ($1)`, 3)
		switch how {
		case "flush":
			err = tx.Flush(ctx)
		case "query":
			var n int64
			err = tx.QueryRow(ctx, `SELECT count(*) FROM thing`, nil, &n)
		case "release":
			err = tx.Release(ctx)
		case "commit":
			err = tx.Commit(ctx)
		}
		if !errors.Is(err, store.ErrUnique) {
			t.Errorf("%s: %v, want the error of what was Put", how, err)
		}
		if errors.Is(err, store.ErrUncertain) {
			t.Errorf("%s: the server said no, that is not uncertain: %v", how, err)
		}
		tx.Discard()
	}
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 1 {
		t.Error("something of a failed transaction was kept: ", n)
	}
}

func failedStatement(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		_, err := tx.Exec(ctx, `INSERT INTO thing (id) VALUES (1)`)
		must(t, err)
		must(t, tx.Savepoint(ctx))
		_, err = tx.Exec(ctx, `INSERT INTO thing (id) VALUES (2)`)
		must(t, err)
		if _, err := tx.Exec(ctx, `INSERT INTO thing (id) VALUES (1)`); !errors.Is(err, store.ErrUnique) {
			t.Error(err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO thing (id) VALUES (3)`); !errors.Is(err, store.ErrFailed) {
			t.Error("a change went on after an error: ", err)
		}
		if err := tx.Release(ctx); err == nil {
			t.Error("a failed change was released")
		}
		must(t, tx.RollbackTo(ctx))
		if !tx.InTx(ctx) {
			t.Fatal("the transaction did not survive")
		}
		_, err = tx.Exec(ctx, `INSERT INTO thing (id) VALUES (4)`)
		must(t, err)
	})
	if n := count(t, db, `SELECT sum(id) FROM thing`); n != 5 {
		t.Errorf("sum %d, want rows 1 and 4", n)
	}
}

func unique(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := OpenNew(t, e, "u", []store.Migration{{Number: 1, Name: "u", SQL: `
		CREATE TABLE p (id BIGINT NOT NULL PRIMARY KEY);
		CREATE TABLE u (a TEXT NOT NULL, b TEXT NOT NULL, p BIGINT NOT NULL REFERENCES p (id), PRIMARY KEY (a, b));
		CREATE UNIQUE INDEX u_b ON u (b);
		INSERT INTO p (id) VALUES (1)`}})
	insert := `INSERT INTO u (a, b, p) VALUES ($1, $2, $3)`
	for i, c := range []struct {
		a, b   string
		p      int64
		unique bool
		fails  bool
	}{{"x", "y", 1, false, false}, {"x", "y", 1, true, true}, {"z", "y", 1, true, true}, {"z", "z", 2, false, true}} {
		tx, err := db.Begin(ctx)
		must(t, err)
		_, err = tx.Exec(ctx, insert, c.a, c.b, c.p)
		if (err != nil) != c.fails || errors.Is(err, store.ErrUnique) != c.unique {
			t.Errorf("%d: %v", i, err)
		}
		if err == nil {
			must(t, tx.Commit(ctx))
		}
		tx.Discard()
	}
}

func savepoints(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		for i := range 20 {
			must(t, tx.Savepoint(ctx))
			tx.Put(`INSERT INTO thing (id) VALUES ($1)`, i)
			if i%3 == 0 { // undone after it was sent, before it was sent, and after an error
				switch i % 2 {
				case 0:
					must(t, tx.Flush(ctx))
				default:
					tx.Put(`INSERT INTO thing (id) VALUES ($1)`, i)
					if err := tx.Flush(ctx); err == nil {
						t.Error("the same key twice")
					}
				}
				must(t, tx.RollbackTo(ctx))
				continue
			}
			if i == 10 {
				must(t, tx.RollbackTo(ctx))
				continue
			}
			must(t, tx.Release(ctx))
		}
	})
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 12 {
		t.Errorf("%d rows, want 12", n)
	}
}

func afterEnd(t *testing.T, e store.Engine) {
	ctx := context.Background()
	db := thingDB(t, e)
	var kept store.Reader
	must(t, db.View(ctx, func(r store.Reader) error { kept = r; return nil }))
	var n int64
	if err := kept.QueryRow(ctx, `SELECT count(*) FROM thing`, nil, &n); !errors.Is(err, store.ErrOver) {
		t.Error("a reader outlived its view: ", err)
	}
	tx, err := db.Begin(ctx)
	must(t, err)
	must(t, tx.Commit(ctx))
	if _, err := tx.Exec(ctx, `DELETE FROM thing`); !errors.Is(err, store.ErrOver) {
		t.Error("a transaction outlived its commit: ", err)
	}
}

func migrate(t *testing.T, e store.Engine) {
	ctx := context.Background()
	list := []store.Migration{
		{Number: 1, Name: "one", SQL: "CREATE TABLE a (id BIGINT NOT NULL); -- a; b\nINSERT INTO a (id) VALUES (1); INSERT INTO a (id) VALUES (2);"},
		{Number: 2, Name: "two", SQLite: "CREATE TABLE lite (id BIGINT)", Postgres: "CREATE TABLE pg (id BIGINT)"},
		{Number: 3, Name: "three", SQL: "UPDATE a SET id = id + 10"},
	}
	must(t, e.Create(ctx, "m"))
	var wg sync.WaitGroup
	for range 4 { // nodes that start together
		wg.Go(func() {
			db, err := e.Open(ctx, "m")
			if err != nil {
				t.Error(err)
				return
			}
			if _, to, err := store.Migrate(ctx, e.Dialect(), db, list); err != nil || to != 3 {
				t.Error(to, err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db, err := e.Open(ctx, "m")
	must(t, err)
	defer func() { must(t, db.Close()) }()
	if n := count(t, db, `SELECT sum(id) FROM a`); n != 23 {
		t.Errorf("sum %d: a step ran twice or not", n)
	}
	from, to, err := store.Migrate(ctx, e.Dialect(), db, list)
	if from != 3 || to != 3 || err != nil {
		t.Error(from, to, err)
	}
	if _, _, err := store.Migrate(ctx, e.Dialect(), db, list[1:]); err == nil {
		t.Error("a list with a gap was taken")
	}
}

func newerSchema(t *testing.T, e store.Engine) {
	ctx := context.Background()
	two := []store.Migration{{Number: 1, Name: "1", SQL: things}, {Number: 2, Name: "2", SQL: `INSERT INTO thing (id) VALUES (1)`}}
	db := OpenNew(t, e, "n", two)
	_, _, err := store.Migrate(ctx, e.Dialect(), db, two[:1])
	wantKind(t, err, fault.Conflict, "fault.store.newer_schema")
	if v, err := store.Version(ctx, db); v != 2 || err != nil {
		t.Error(v, err)
	}
}

func brokenMigration(t *testing.T, e store.Engine) {
	ctx := context.Background()
	list := []store.Migration{{Number: 1, Name: "1", SQL: things}, {Number: 2, Name: "2", SQL: `INSERT INTO thing (id) VALUES (1); CREATE TABLE thing (x BIGINT)`}}
	db := OpenNew(t, e, "x", list[:1])
	if _, to, err := store.Migrate(ctx, e.Dialect(), db, list); err == nil || to != 1 {
		t.Fatal(to, err)
	}
	if n := count(t, db, `SELECT count(*) FROM thing`); n != 0 {
		t.Error("half a step was kept")
	}
	list[1].SQL = `INSERT INTO thing (id) VALUES (1)`
	if _, to, err := store.Migrate(ctx, e.Dialect(), db, list); err != nil || to != 2 {
		t.Fatal(to, err)
	}
}

// cancelledView: a reader that is cancelled at any moment gives its connection back clean.
func cancelledView(t *testing.T, e store.Engine) {
	db := thingDB(t, e)
	write(t, db, func(tx store.Tx) {
		for i := range 200 {
			tx.Put(`INSERT INTO thing (id, name) VALUES ($1, $2)`, i, fmt.Sprint(i))
		}
	})
	for i := range 60 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*100*time.Microsecond)
		_ = db.View(ctx, func(r store.Reader) error {
			rs, err := r.Query(ctx, `SELECT a.id FROM thing a, thing b, thing c ORDER BY a.name || b.name || c.name`)
			if err != nil {
				return err
			}
			for rs.Next() {
				continue
			}
			return rs.Err()
		})
		cancel()
		if n := count(t, db, `SELECT count(*) FROM thing`); n != 200 {
			t.Fatal(n)
		}
	}
}

// busyWriter: whoever waits for the writing connection waits no longer than its context.
func busyWriter(t *testing.T, e store.Engine) {
	db := thingDB(t, e)
	tx, err := db.Begin(context.Background())
	must(t, err)
	defer tx.Discard()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := db.Begin(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
