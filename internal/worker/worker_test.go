package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/purpose"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
	"insegel/internal/worker"
)

const (
	sqlEffect  = `INSERT INTO effect (id, job) VALUES ($1, $2)`
	sqlEffects = `SELECT COUNT(*), COUNT(DISTINCT job) FROM effect`
)

func schema() []store.Migration {
	all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations,
		[]store.Migration{{Number: 6, Name: "effect", SQL: "CREATE TABLE effect (id TEXT PRIMARY KEY, job TEXT NOT NULL)"}})
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

// yard is a house with jobs in it and workers that come and go.
type yard struct {
	*visittest.House
	t     *testing.T
	sweep time.Duration
}

func each(t *testing.T, fn func(*yard)) {
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		fn(&yard{House: visittest.New(t, e, schema(), "effect"), t: t, sweep: time.Hour})
	})
}

// config is a worker's, for a life on a node.
func (y *yard) config(node string, kinds map[string]worker.Kind) worker.Config {
	return worker.Config{Waist: y.Waist, Clock: y.Clock, Logger: slog.New(slog.DiscardHandler), Node: node, Kinds: kinds, Parallel: 4, Sweep: y.sweep,
		Tenants: func(context.Context) ([]string, error) { return []string{y.Operator, y.Customer}, nil }, Hints: y.Lookup.Wakes}
}

// live runs a worker, and gives what ends it and waits for it.
func (y *yard) live(c worker.Config) (w *worker.Worker, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	w = worker.New(c)
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	end = sync.OnceFunc(func() { cancel(); <-ended })
	y.t.Cleanup(end)
	return w, end
}

func (y *yard) add(kind string, n int, after time.Duration) {
	y.t.Helper()
	v := y.Enter(y.t, visittest.Console(), access.CreateCase)
	_, err := visit.Update(y.t.Context(), v, func(w *visit.Writer) (struct{}, error) {
		for i := range n {
			w.Job(kind, fmt.Sprint(i), y.Clock.Now().Add(after))
		}
		return struct{}{}, nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
}

// effect does a job's work: a row, with the job's end in the same change.
func (y *yard) effect(ctx context.Context, v *visit.Visit, j jobs.Job) error {
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Put(sqlEffect, w.Visit().NewID(), j.ID)
		w.Made("effect", 1)
		w.Done(j.ID)
		return struct{}{}, nil
	})
	return err
}

func (y *yard) effects() (n, distinct int64) {
	y.t.Helper()
	v := y.Enter(y.t, visittest.System(), access.KeepHouse)
	_, err := visit.View(y.t.Context(), v, func(r *visit.Reader) (struct{}, error) {
		return struct{}{}, r.QueryRow(y.t.Context(), sqlEffects, nil, &n, &distinct)
	})
	if err != nil {
		y.t.Fatal(err)
	}
	return n, distinct
}

// done waits until n jobs had their effect, and holds that each had it once.
func (y *yard) done(n int64) {
	y.t.Helper()
	waitFor(y.t, func() bool { have, _ := y.effects(); return have >= n })
	if have, distinct := y.effects(); have != n || distinct != n {
		y.t.Fatalf("%d effects of %d jobs, want %d", have, distinct, n)
	}
}

func (y *yard) dead() []jobs.Job {
	y.t.Helper()
	v := y.Enter(y.t, visittest.System(), access.KeepHouse)
	all, err := visit.View(y.t.Context(), v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.Dead(y.t.Context(), r, 100) })
	if err != nil {
		y.t.Fatal(err)
	}
	return all
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 9000 { // for as long as a loaded machine may need
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("it never came to be")
}

// one is the only kind of job there is.
func one(do func(context.Context, *visit.Visit, jobs.Job) error) map[string]worker.Kind {
	return map[string]worker.Kind{"work": {Action: access.FileMail, Do: do}}
}

func TestCutInTheMiddleIsDoneAgainOnce(t *testing.T) {
	each(t, func(y *yard) {
		y.add("work", 3, 0)
		begun := make(chan struct{}, 10)
		w, end := y.live(y.config("n1", one(func(ctx context.Context, v *visit.Visit, j jobs.Job) error {
			switch j.Arg {
			case "0": // cut before anything was done
				begun <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			case "1": // cut between the commit and the end of the job's code
				err := y.effect(ctx, v, j)
				begun <- struct{}{}
				<-ctx.Done()
				return errors.Join(err, ctx.Err())
			}
			begun <- struct{}{}
			<-ctx.Done()
			return y.effect(ctx, v, j) // a change that comes too late is not done
		})))
		w.Wake(y.Customer, y.Clock.Now())
		for range 3 {
			<-begun
		}
		end()
		if n, _ := y.effects(); n != 1 {
			y.t.Fatalf("%d effects before the restart, want 1", n)
		}
		y.Clock.Add(time.Minute)
		w, _ = y.live(y.config("n1", one(y.effect)))
		w.Wake(y.Customer, y.Clock.Now())
		y.done(3)
	})
}

// killed leaves jobs leased, as kill -9 does.
func (y *yard) killed(node string) {
	y.t.Helper()
	v := y.Enter(y.t, visittest.System(), access.KeepHouse)
	now := y.Clock.Now()
	due, err := visit.View(y.t.Context(), v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.Due(y.t.Context(), r, now, 100) })
	if err != nil || len(due) == 0 {
		y.t.Fatalf("due: %v %v", due, err)
	}
	err = visit.Upkeep(y.t.Context(), v, func(ctx context.Context, k *visit.Keeper) error {
		for _, j := range due {
			if _, err := jobs.Lease(ctx, k, j.ID, node, now, now.Add(5*time.Minute)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
}

func TestLeasesOfTheDead(t *testing.T) {
	each(t, func(y *yard) {
		y.add("work", 3, 0)
		y.killed("n1")
		w, end := y.live(y.config("n2", one(y.effect)))
		w.Wake(y.Customer, y.Clock.Now())
		y.add("work", 1, 0)
		w.Wake(y.Customer, y.Clock.Now())
		y.done(1) // n2 works, and leaves alone what n1 may still be doing
		y.Clock.Add(5*time.Minute + time.Second)
		w.Wake(y.Customer, y.Clock.Now())
		y.done(4)
		end()
		y.add("work", 2, 0)
		y.killed("n1")
		w, _ = y.live(y.config("n1", one(y.effect)))
		w.Wake(y.Customer, y.Clock.Now())
		y.done(6) // its own leases need not run out
	})
}

func TestFailingBacksOffAndDies(t *testing.T) {
	each(t, func(y *yard) {
		y.add("work", 1, 0)
		y.add("away", 1, 0)
		y.add("panic", 1, 0)
		y.add("unheard of", 1, 0)
		var mu sync.Mutex
		at := map[string][]time.Time{}
		fails := func(err error) worker.Kind {
			return worker.Kind{Action: access.FileMail, Do: func(_ context.Context, _ *visit.Visit, j jobs.Job) error {
				mu.Lock()
				at[j.Kind] = append(at[j.Kind], y.Clock.Now())
				mu.Unlock()
				if err == nil {
					panic("astrid@acme.example wrote this")
				}
				return err
			}}
		}
		c := y.config("n1", map[string]worker.Kind{"work": fails(errors.New("no")), "panic": fails(nil), "away": fails(fault.New(fault.Unavailable, "fault.store.away"))})
		c.Attempts = 5
		w, _ := y.live(c)
		tries := func(kind string) int { mu.Lock(); defer mu.Unlock(); return len(at[kind]) }
		for n := 1; n <= 7; n++ {
			w.Wake(y.Customer, y.Clock.Now())
			waitFor(y.t, func() bool { return tries("away") == n && tries("work") == min(n, 5) && tries("panic") == min(n, 5) })
			waitFor(y.t, func() bool { return y.pending("away") == n })
			y.Clock.Add(backoffOf(n) - time.Millisecond)
			w.Wake(y.Customer, y.Clock.Now())
			y.Clock.Add(time.Millisecond)
		}
		waitFor(y.t, func() bool { return len(y.dead()) == 3 })
		for _, j := range y.dead() {
			want := map[string]string{"work": "fault.internal", "panic": "fault.job.panicked", "unheard of": "fault.job.unknown"}[j.Kind]
			if j.Attempt != 5 || j.Fault != want {
				y.t.Errorf("dead: %+v, want %s", j, want)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for i := 1; i < len(at["away"]); i++ {
			if d := at["away"][i].Sub(at["away"][i-1]); d < backoffOf(i) {
				y.t.Errorf("attempt %d came after %s", i+1, d)
			}
		}
	})
}

func backoffOf(attempt int) time.Duration { return time.Second << (attempt - 1) }

// pending gives the attempts that the one job of a kind has behind it.
func (y *yard) pending(kind string) int {
	y.t.Helper()
	v := y.Enter(y.t, visittest.System(), access.KeepHouse)
	far := y.Clock.Now().Add(24 * time.Hour)
	all, err := visit.View(y.t.Context(), v, func(r *visit.Reader) ([]jobs.Job, error) {
		return jobs.DueOf(y.t.Context(), r, far, []string{kind}, true, 10)
	})
	if err != nil || len(all) != 1 {
		y.t.Fatalf("pending %s: %v %v", kind, all, err)
	}
	return all[0].Attempt
}

func TestHintsAndSweepFindWork(t *testing.T) {
	each(t, func(y *yard) {
		c := y.config("n1", one(y.effect))
		c.Tenants = func(context.Context) ([]string, error) { return nil, nil } // only hints can tell
		w, end := y.live(c)
		y.add("work", 1, time.Hour)
		w.Wake(y.Customer, y.Clock.Now().Add(time.Hour))
		waitFor(y.t, func() bool { return y.hinted() == 1 })
		end()
		y.Clock.Add(2 * time.Hour)
		w, end = y.live(c)
		y.done(1)
		y.Clock.Add(10 * time.Minute) // the lease that the look saw is over
		w.Wake(y.Customer, y.Clock.Now())
		waitFor(y.t, func() bool { return y.hinted() == 0 }) // what was followed is not followed again
		end()
		c.Hints = func(context.Context) (map[string]time.Time, error) { return nil, errors.New("directory away") }
		c.Tenants = func(context.Context) ([]string, error) { return []string{y.Customer}, nil }
		y.add("work", 1, 0)
		_, end = y.live(c)
		y.done(2)
		end()
	})
}

func (y *yard) hinted() int {
	y.t.Helper()
	due, err := y.Lookup.Wakes(y.t.Context())
	if err != nil {
		y.t.Fatal(err)
	}
	return len(due)
}

// TestSlowServersDoNotHoldLettersUp: sending that hangs takes its own slots only, in its tenant and in others.
func TestSlowServersDoNotHoldLettersUp(t *testing.T) {
	each(t, func(y *yard) {
		y.add("send", 100, -time.Minute)
		var most, now atomic.Int64
		answer := make(chan struct{})
		kinds := one(y.effect)
		kinds["send"] = worker.Kind{Action: access.SendMail, Away: true, Do: func(ctx context.Context, v *visit.Visit, j jobs.Job) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			select {
			case <-answer:
			case <-ctx.Done():
				return ctx.Err()
			}
			return y.effect(ctx, v, j)
		}}
		w, _ := y.live(y.config("n1", kinds))
		w.Wake(y.Customer, y.Clock.Now())
		waitFor(y.t, func() bool { return now.Load() == 8 })
		y.add("work", 50, 0)
		w.Wake(y.Customer, y.Clock.Now())
		y.done(50)
		close(answer)
		y.done(150)
		if most.Load() > 8 {
			y.t.Errorf("%d at once, want at most 8", most.Load())
		}
	})
}

func TestJobThatNeverEndsIsCut(t *testing.T) {
	each(t, func(y *yard) {
		y.add("work", 1, 0)
		c := y.config("n1", one(func(ctx context.Context, _ *visit.Visit, _ jobs.Job) error {
			<-ctx.Done()
			return ctx.Err()
		}))
		c.Lease, c.Attempts = 500*time.Millisecond, 2
		w, end := y.live(c)
		w.Wake(y.Customer, y.Clock.Now())
		waitFor(y.t, func() bool { return y.pending("work") == 1 })
		y.Clock.Add(time.Minute)
		w.Wake(y.Customer, y.Clock.Now())
		waitFor(y.t, func() bool { return len(y.dead()) == 1 }) // it uses up every lease: it is no matter of waiting
		end()
	})
}

// TestOneThatDoesNotListen: a job that ignores its end is not begun a second time beside itself, and others go on.
func TestOneThatDoesNotListen(t *testing.T) {
	each(t, func(y *yard) {
		y.add("work", 1, 0)
		var begun atomic.Int64
		let := make(chan struct{})
		c := y.config("n1", one(func(ctx context.Context, v *visit.Visit, j jobs.Job) error {
			if j.Kind == "work" && begun.Add(1) == 1 {
				<-let
			}
			return y.effect(context.WithoutCancel(ctx), v, j)
		}))
		w, _ := y.live(c)
		w.Wake(y.Customer, y.Clock.Now())
		waitFor(y.t, func() bool { return begun.Load() == 1 })
		y.Clock.Add(time.Hour)
		y.add("work", 3, 0)
		w.Wake(y.Customer, y.Clock.Now())
		y.done(3)
		close(let)
		y.done(4)
	})
}

// TestManyTenants: two hundred tenants with a job each, and no more goroutines than there are looks and slots.
func TestManyTenants(t *testing.T) {
	y := &yard{House: visittest.New(t, storetest.SQLite(t), schema()), t: t, sweep: time.Hour}
	ids := y.found(200)
	var done, most atomic.Int64
	before := int64(runtime.NumGoroutine())
	c := y.config("n1", one(func(ctx context.Context, v *visit.Visit, j jobs.Job) error {
		if n := int64(runtime.NumGoroutine()); n > most.Load() {
			most.Store(n)
		}
		err := y.effect(ctx, v, j)
		if err == nil {
			done.Add(1)
		}
		return err
	}))
	c.Tenants = func(context.Context) ([]string, error) { return ids, nil }
	w, end := y.live(c)
	for _, id := range ids {
		w.Wake(id, y.Clock.Now())
	}
	waitFor(t, func() bool {
		y.Clock.Add(100 * time.Millisecond) // a look that found every handle taken is tried again later
		w.Wake(ids[0], y.Clock.Now())
		return done.Load() == 200
	})
	end()
	// 8 looks, 4 jobs, the rounds, and what each open tenant's engine and committer have.
	if n := most.Load() - before; n > 100 {
		t.Errorf("%d goroutines for 200 tenants", n)
	}
}

// found makes tenants with one job each.
func (y *yard) found(n int) (ids []string) {
	y.t.Helper()
	ctx := y.t.Context()
	op, err := y.Waist.Enter(ctx, y.Operator, visittest.Console(), access.CreateTenant)
	if err != nil {
		y.t.Fatal(err)
	}
	defer op.Leave()
	for i := range n {
		id := y.IDs.New()
		if err := y.Waist.Found(ctx, op, id, fmt.Sprintf("t%d", i), "T"); err != nil {
			y.t.Fatal(err)
		}
		v, err := y.Waist.Enter(ctx, id, visittest.Console(), access.CreateCase)
		if err != nil {
			y.t.Fatal(err)
		}
		_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
			w.Job("work", "0", y.Clock.Now())
			return struct{}{}, nil
		})
		v.Leave()
		if err != nil {
			y.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
