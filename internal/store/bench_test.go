package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the bare engine, as anybody would use it

	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

const bareTable = `CREATE TABLE bare (id TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, n BIGINT NOT NULL, body BYTEA NOT NULL)`

const bareInsert = `INSERT INTO bare (id, owner, n, body) VALUES ($1, $2, $3, $4)`

// BenchmarkCommit compares a change through the committer (a fact, a record, the head) with the bare engine's durable
// commit of one row, by 1 and 64 clients. fsync is on in all of them.
func BenchmarkCommit(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("sqlite/bare/%d", clients), func(b *testing.B) { bareSQLite(b, clients) })
		b.Run(fmt.Sprintf("sqlite/committer/%d", clients), func(b *testing.B) { committer(b, storetest.SQLite(b), clients) })
	}
	c := storetest.OwnCluster(b)
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("postgres/bare/%d", clients), func(b *testing.B) { barePostgres(b, c.URL("postgres"), clients) })
		b.Run(fmt.Sprintf("postgres/committer/%d", clients), func(b *testing.B) {
			e, err := openEngine(context.Background(), c.URL(fmt.Sprintf("bench%d_%d", clients, b.N)))
			if err != nil {
				b.Fatal(err)
			}
			committer(b, e, clients)
		})
	}
}

// clientsDo shares b.N among clients, each with its number.
func clientsDo(b *testing.B, clients int, fn func(client int, id string) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for c := range clients {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := fn(c, fmt.Sprint(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func committer(b *testing.B, e store.Engine, clients int) {
	db := storetest.OpenNew(b, e, "bench", storetest.LedgerSchema)
	c := store.NewCommitter(db, &storetest.Ledger{}, store.Options{})
	body := make([]byte, 500)
	clientsDo(b, clients, func(_ int, id string) error {
		return c.Do(context.Background(), storetest.Fact(id, "o", 1, body))
	})
	if err := c.Close(); err != nil {
		b.Error(err)
	}
}

func bareSQLite(b *testing.B, clients int) {
	at := "file:" + filepath.Join(b.TempDir(), "bare.db") +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)"
	db, err := sql.Open("sqlite", at)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1) // its one writer; more only wait for the lock, badly
	if _, err := db.Exec(bareTable); err != nil {
		b.Fatal(err)
	}
	st, err := db.Prepare(bareInsert)
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 500)
	clientsDo(b, clients, func(_ int, id string) error {
		_, err := st.Exec(id, "o", int64(1), body)
		return err
	})
}

func barePostgres(b *testing.B, at string, clients int) {
	ctx := context.Background()
	conns := make([]*pgx.Conn, clients)
	for i := range conns {
		c, err := pgx.Connect(ctx, at)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close(ctx) }()
		conns[i] = c
	}
	if _, err := conns[0].Exec(ctx, `DROP TABLE IF EXISTS bare; `+bareTable); err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 500)
	clientsDo(b, clients, func(c int, id string) error {
		_, err := conns[c].Exec(ctx, bareInsert, id, "o", int64(1), body)
		return err
	})
}
