package bench

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

// desks is how many cases the list is read from; BENCH_CASES sets another number.
func desks() int {
	if n, err := strconv.Atoi(os.Getenv("BENCH_CASES")); err == nil && n > 0 {
		return n
	}
	return 100_000
}

// BenchmarkRead compares the first page of 50 of many cases, and one case of five messages, with the bare engine's reading of the
// same rows. The commit of the read record is measured apart: "list" leaves it out, "list+record" is what a page costs.
func BenchmarkRead(b *testing.B) {
	engines(b, func(b *testing.B, e store.Engine, url string) {
		h, q := house(b, e)
		fill(b, h, q, desks())
		number := threaded(b, h, q)
		cred := session(b, h)
		raw := rawDB(b, e, url, h)
		b.Run("list/bare", func(b *testing.B) { each(b, func(ctx context.Context) error { return raw(ctx) }) })
		b.Run("list", func(b *testing.B) { each(b, func(ctx context.Context) error { return list(ctx, h, cred, true) }) })
		b.Run("list+record", func(b *testing.B) { each(b, func(ctx context.Context) error { return list(ctx, h, cred, false) }) })
		b.Run("case", func(b *testing.B) {
			each(b, func(ctx context.Context) error { return show(ctx, h, cred, number, true) })
		})
		b.Run("case+record", func(b *testing.B) {
			each(b, func(ctx context.Context) error { return show(ctx, h, cred, number, false) })
		})
	})
}

// each runs one after another and reports the median.
func each(b *testing.B, do func(context.Context) error) {
	b.Helper()
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for range b.N {
		start := time.Now()
		if err := do(b.Context()); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	b.StopTimer()
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
}

func fill(b *testing.B, h *visittest.House, q queue.Queue, n int) {
	b.Helper()
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for range (n + 63 - i) / 64 {
				if err := create(b.Context(), h, q); err != nil {
					b.Error(err)
					return
				}
				h.Clock.Add(time.Millisecond)
			}
		})
	}
	all.Wait()
}

// threaded is a case of five messages.
func threaded(b *testing.B, h *visittest.House, q queue.Queue) int64 {
	v := h.Enter(b, visittest.Console(), access.CreateCase)
	n, err := visit.Update(b.Context(), v, func(w *visit.Writer) (int64, error) {
		msg := func() cases.NewMessage {
			return cases.NewMessage{ID: v.NewID(), Kind: cases.Incoming, Channel: cases.ByAPI, Head: cases.Head{From: cases.Person{Mail: "anna@example.org"}}, Body: body}
		}
		c, key, err := cases.Create(w, cases.Draft{Queue: q.ID, Purpose: q.Purpose, Subject: "Fem meddelanden", Requester: cases.Person{Mail: "anna@example.org"}}, msg())
		for range 4 {
			if err == nil {
				err = cases.Add(w, key, &c, msg())
			}
		}
		return c.Number, err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func session(b *testing.B, h *visittest.House) access.Credential {
	_, c := h.Person(b, access.Handler)
	return c
}

// unrecorded ends a view before its record is written, so that reading is measured without the commit.
var errUnrecorded = store.ErrNoRows

func list(ctx context.Context, h *visittest.House, c access.Credential, unrecorded bool) error {
	v, err := h.Waist.Enter(ctx, h.Customer, c, access.ListCases)
	if err != nil {
		return err
	}
	defer v.Leave()
	live := true
	_, err = visit.View(ctx, v, func(r *visit.Reader) ([]cases.Case, error) {
		page, _, err := cases.List(ctx, r, cases.Filter{Live: &live}, "", 50)
		if err == nil && len(page) != 50 {
			b := strconv.Itoa(len(page))
			panic("a page of " + b)
		}
		if err == nil && unrecorded {
			err = errUnrecorded
		}
		return page, err
	})
	if unrecorded && err == errUnrecorded {
		return nil
	}
	return err
}

func show(ctx context.Context, h *visittest.House, c access.Credential, number int64, unrecorded bool) error {
	v, err := h.Waist.Enter(ctx, h.Customer, c, access.ReadCase)
	if err != nil {
		return err
	}
	defer v.Leave()
	_, err = visit.View(ctx, v, func(r *visit.Reader) (cases.Thread, error) {
		t, err := cases.Read(ctx, r, number)
		if err == nil && len(t.Messages) != 5 {
			panic("a case of other messages")
		}
		if err == nil && unrecorded {
			err = errUnrecorded
		}
		return t, err
	})
	if unrecorded && err == errUnrecorded {
		return nil
	}
	return err
}

// rawDB reads the same fifty rows as anybody would who held the database: one prepared statement, nothing opened.
func rawDB(b *testing.B, e store.Engine, url string, h *visittest.House) func(context.Context) error {
	const page = `
SELECT id, number, kind, class, queue, purpose, state, priority, assignee, head, created, updated, closed, due, version, messages, may_belong
FROM cases WHERE live = $1 ORDER BY updated DESC, number DESC LIMIT 50`
	var id, kind, class, queue, purpose, state, assignee string
	var number, priority, created, updated, closed, due, version, messages, belong int64
	var head []byte
	dest := []any{&id, &number, &kind, &class, &queue, &purpose, &state, &priority, &assignee, &head, &created, &updated, &closed, &due, &version, &messages, &belong}
	if url == "" {
		file := filepath.Join(b.TempDir(), "copy.db")
		if err := e.Copy(b.Context(), h.Customer, file); err != nil { // its own file: nobody opens a database that is open here
			b.Fatal(err)
		}
		db, err := sql.Open("sqlite", "file:"+file)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		st, err := db.Prepare(page)
		if err != nil {
			b.Fatal(err)
		}
		return func(ctx context.Context) error {
			rows, err := st.QueryContext(ctx, true)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				if err := rows.Scan(dest...); err != nil {
					return err
				}
			}
			return rows.Err()
		}
	}
	c, err := pgx.Connect(b.Context(), strings.Replace(url, "/bench?", "/bench_"+h.Customer+"?", 1))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close(context.Background()) })
	return func(ctx context.Context) error {
		rows, err := c.Query(ctx, page, true)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}
