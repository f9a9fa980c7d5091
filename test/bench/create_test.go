package bench

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the bare engine

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/cases"
	"insegel/internal/clock"
	"insegel/internal/id"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/store/postgres"
	"insegel/internal/store/storetest"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

// engines gives each engine with fsync on, as in production: what is measured is durable.
func engines(b *testing.B, fn func(b *testing.B, e store.Engine, url string)) {
	b.Run("sqlite", func(b *testing.B) { fn(b, storetest.SQLite(b), "") })
	b.Run("postgres", func(b *testing.B) {
		url := storetest.OwnCluster(b).URL("bench")
		e, err := postgres.New(b.Context(), url, postgres.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = e.Close() })
		fn(b, e, url)
	})
}

// house is a customer with one queue.
func house(b *testing.B, e store.Engine) (*visittest.House, queue.Queue) {
	h := visittest.New(b, e, app.Migrations())
	q, err := queue.Create(b.Context(), h.Enter(b, visittest.Console(), access.CreateQueue), queue.New{Name: "Support", Address: "support@acme.example", Purpose: "support"})
	if err != nil {
		b.Fatal(err)
	}
	return h, q
}

// clients does n operations with so many clients at once.
func clients(b *testing.B, n int, do func(ctx context.Context, client int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for i := range n {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := do(b.Context(), i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkCreate compares a case made through the waist (keys, seals, message, record and all) with the bare engine's durable
// commit of one row, by as many clients on as many connections.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
			engines(b, func(b *testing.B, e store.Engine, url string) {
				b.Run("bare", func(b *testing.B) { clients(b, n, bare(b, url, n)) })
				h, q := house(b, e)
				b.Run("insegel", func(b *testing.B) {
					clients(b, n, func(ctx context.Context, _ int) error { return create(ctx, h, q) })
				})
			})
		})
	}
}

// bare is the raw engine as anybody would use it: one prepared insert, committed durably.
func bare(b *testing.B, url string, n int) func(context.Context, int) error {
	const table = `CREATE TABLE IF NOT EXISTS bare (id TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, body BYTEA NOT NULL)`
	const insert = `INSERT INTO bare (id, n, body) VALUES ($1, $2, $3)`
	ids := id.NewSource(clock.System{}, nil)
	row := make([]byte, 500)
	if url == "" {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		db.SetMaxOpenConns(1) // its one writer; more only wait for the lock, badly
		if _, err := db.Exec(table); err != nil {
			b.Fatal(err)
		}
		st, err := db.Prepare(insert)
		if err != nil {
			b.Fatal(err)
		}
		return func(_ context.Context, _ int) error { _, err := st.Exec(ids.New(), 1, row); return err }
	}
	conns := make([]*pgx.Conn, n)
	for i := range conns {
		c, err := pgx.Connect(b.Context(), strings.Replace(url, "/bench?", "/postgres?", 1))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close(context.Background()) })
		conns[i] = c
	}
	if _, err := conns[0].Exec(b.Context(), table); err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, i int) error {
		_, err := conns[i].Exec(ctx, insert, ids.New(), 1, row)
		return err
	}
}

func create(ctx context.Context, h *visittest.House, q queue.Queue) error {
	v, err := h.Waist.Enter(ctx, h.Customer, visittest.Console(), access.CreateCase)
	if err != nil {
		return err
	}
	defer v.Leave()
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (int64, error) {
		c, _, err := cases.Create(w, cases.Draft{Queue: q.ID, Purpose: q.Purpose, Subject: "Fel adress i folkbokföringen",
			Requester: cases.Person{Name: "Anna Lind", Mail: "anna@example.org"}},
			cases.NewMessage{ID: v.NewID(), Kind: cases.Incoming, Channel: cases.ByAPI, Head: cases.Head{From: cases.Person{Mail: "anna@example.org"}}, Body: body})
		return c.Number, err
	})
	return err
}

const body = `Hej,

jag ser att min adress i registret fortfarande är den gamla, trots att jag anmälde flytten i våras.
Kan ni rätta den, och tala om för mig vilka brev som har gått till fel adress under tiden?

Med vänlig hälsning
Anna Lind
`
