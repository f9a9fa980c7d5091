package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/idempotency"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

const key = "Idempotency-Key"

func TestRepeatedWritesAreOne(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		s := d.scene()
		letter := d.hold("Subject: annan\r\n\r\nhej\r\n")
		for _, r := range d.api.routes {
			if !r.writes() {
				continue
			}
			if r.id == "discard_held" {
				s.letter = letter
			}
			first := d.ask(r.method, s.path(r), body(r), key, "k-1")
			if first.status/100 != 2 || first.header.Get("Idempotent-Replayed") != "" {
				t.Fatalf("%s: %d %s", r.id, first.status, first.body)
			}
			d.serve(Limits{}) // another process: nothing is kept in memory
			again := d.ask(r.method, s.path(r), body(r), key, "k-1")
			if again.status != first.status || string(again.body) != string(first.body) || again.header.Get("Idempotent-Replayed") != "true" ||
				again.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("Location") != first.header.Get("Location") {
				t.Errorf("%s: %d %s, again: %d %s", r.id, first.status, first.body, again.status, again.body)
			}
			if b, ok := bodies[r.id]; ok {
				other := d.ask(r.method, s.path(r), strings.ReplaceAll(b, ":", " : "), key, "k-1")
				if other.status != first.status {
					t.Errorf("%s: blanks make another request: %d", r.id, other.status)
				}
				changed := strings.NewReplacer(`"b"`, `"c"`, `"open"`, `"pending"`, "Second", "Third").Replace(b)
				if a := d.ask(r.method, s.path(r), changed, key, "k-1"); a.status != 422 || a.code(t) != "fault.idempotency.reused" {
					t.Errorf("%s: another body under the same key: %d %s", r.id, a.status, a.body)
				}
			}
		}
		var l CaseList
		d.must(200, "GET", "/api/v1/cases", nil).into(t, &l)
		if len(l.Items) != 2 {
			t.Errorf("%d cases", len(l.Items))
		}
		d.must(400, "POST", "/api/v1/cases", bodies["create_case"], key, "två ord")
		d.must(400, "POST", "/api/v1/cases", bodies["create_case"], key, strings.Repeat("k", 256))
		d.must(422, "PATCH", fmt.Sprintf("/api/v1/cases/%d", l.Items[0].Number), `{"state":"open"}`, key, "k-1") // the key counts for the route
	})
}

func TestKeysAreEachTokensOwnAndRunOut(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		number := func(a answered) int64 {
			var c Case
			a.into(t, &c)
			return c.Number
		}
		make := func(headers ...string) int64 {
			return number(d.must(201, "POST", "/api/v1/cases", bodies["create_case"], append(headers, key, "same")...))
		}
		one := make()
		if other := make("Authorization", "Bearer "+d.tokenFor(d.Customer, "anna@acme.example", "*")); other == one {
			t.Error("another token's key counted")
		}
		if make() != one {
			t.Error("not remembered")
		}
		d.Clock.Add(idempotency.Life - time.Hour)
		d.token = d.tokenFor(d.Customer, "anna@acme.example", "*")
		two := make()
		v := d.Enter(t, visittest.System(), access.KeepHouse)
		if err := idempotency.Tidy(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if d.keys() != 3 || make() != two {
			t.Errorf("%d keys are left, want 3", d.keys())
		}
		d.Clock.Add(time.Hour)
		if err := idempotency.Tidy(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if d.keys() != 1 {
			t.Errorf("%d keys are left, want 1", d.keys())
		}
	})
}

func (d *desk) keys() (n int64) {
	d.t.Helper()
	v := d.Enter(d.t, visittest.System(), access.KeepHouse)
	n, err := visit.View(d.t.Context(), v, func(r *visit.Reader) (n int64, err error) {
		return n, r.QueryRow(d.t.Context(), `SELECT COUNT(*) FROM idempotency`, nil, &n)
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

// Two at once and a caller who goes away at any moment: one case, and whoever asks again gets it.
func TestAtOnceAndCancelled(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, "POST", d.server.URL+"/api/v1/cases", strings.NewReader(bodies["create_case"]))
				if err != nil {
					t.Error(err)
					return
				}
				req.Host = "acme.localhost"
				req.Header.Set("Authorization", "Bearer "+d.token)
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set(key, fmt.Sprintf("k-%d", i%8))
				if i%3 != 0 {
					go func() {
						for range i * 50 {
							_ = d.Clock.Now()
						}
						cancel()
					}()
				}
				if res, err := d.server.Client().Do(req); err == nil {
					b, _ := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if res.StatusCode != 201 && res.StatusCode != 503 {
						t.Errorf("status %d: %s", res.StatusCode, b)
					}
				}
			})
		}
		wg.Wait()
		seen := map[int64]bool{}
		for i := range 8 {
			var c Case
			d.must(201, "POST", "/api/v1/cases", bodies["create_case"], key, fmt.Sprintf("k-%d", i)).into(t, &c)
			seen[c.Number] = true
		}
		var l CaseList
		d.must(200, "GET", "/api/v1/cases", nil).into(t, &l)
		if len(seen) != 8 || len(l.Items) != 8 {
			t.Errorf("%d cases for 8 keys, %d in the list", len(seen), len(l.Items))
		}
	})
}
