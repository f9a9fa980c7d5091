package jobs_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"insegel/internal/jobs"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// queue is a database with the one table, and a lock so that its one writer is shared.
type queue struct {
	t  *testing.T
	db store.DB
	mu sync.Mutex
}

func each(t *testing.T, fn func(*testing.T, *queue)) {
	t.Helper()
	list := []store.Migration{jobs.Migrations[0]}
	list[0].Number = 1
	storetest.Each(t, func(t *testing.T, e store.Engine) { fn(t, &queue{t: t, db: storetest.OpenNew(t, e, "jobs", list)}) })
}

func (q *queue) write(fn func(store.Writer)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	tx, err := q.db.Begin(q.t.Context())
	if err != nil {
		q.t.Error(err)
		return
	}
	defer tx.Discard()
	fn(tx)
	if err := tx.Flush(q.t.Context()); err != nil {
		q.t.Error(err)
	}
	if err := tx.Commit(q.t.Context()); err != nil {
		q.t.Error(err)
	}
}

func (q *queue) add(ids ...string) {
	q.write(func(w store.Writer) {
		for i, id := range ids {
			jobs.Add(w, jobs.Job{ID: id, Kind: "mail.send", Arg: "arg of " + id, Due: now.Add(time.Duration(i) * time.Minute), Created: now})
		}
	})
}

func (q *queue) view(fn func(store.Reader) error) {
	q.t.Helper()
	if err := q.db.View(q.t.Context(), fn); err != nil {
		q.t.Fatal(err)
	}
}

func (q *queue) due(at time.Time, limit int) (ids []string) {
	q.t.Helper()
	q.view(func(r store.Reader) error {
		all, err := jobs.Due(q.t.Context(), r, at, limit)
		for _, j := range all {
			ids = append(ids, j.ID)
		}
		return err
	})
	return ids
}

func (q *queue) next() (due time.Time, ok bool) {
	q.t.Helper()
	q.view(func(r store.Reader) (err error) { due, ok, err = jobs.Next(q.t.Context(), r); return err })
	return due, ok
}

func (q *queue) lease(id, node string, at, until time.Time) (ok bool) {
	q.write(func(w store.Writer) {
		var err error
		if ok, err = jobs.Lease(q.t.Context(), w, id, node, at, until); err != nil {
			q.t.Error(err)
		}
	})
	return ok
}

func want(t *testing.T, got []string, wanted ...string) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("got %v, want %v", got, wanted)
	}
}

func TestJobsComeDueInTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, q *queue) {
		if _, ok := q.next(); ok {
			t.Error("an empty queue has a next job")
		}
		q.add("a", "b", "c")
		want(t, q.due(now.Add(-time.Microsecond), 10))
		want(t, q.due(now, 10), "a")
		want(t, q.due(now.Add(time.Hour), 10), "a", "b", "c")
		want(t, q.due(now.Add(time.Hour), 2), "a", "b")
		if due, ok := q.next(); !ok || !due.Equal(now) {
			t.Errorf("next %v, %v", due, ok)
		}
		q.view(func(r store.Reader) error {
			all, err := jobs.Due(t.Context(), r, now, 1)
			if j := all[0]; j.Kind != "mail.send" || j.Arg != "arg of a" || j.Attempt != 0 || j.Fault != "" || j.Dead || !j.Due.Equal(now) || !j.Created.Equal(now) {
				t.Errorf("%+v", j)
			}
			return err
		})
	})
}

func TestALeasedJobIsNotTakenTwice(t *testing.T) {
	each(t, func(t *testing.T, q *queue) {
		q.add("a", "b")
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 8 {
			wg.Go(func() {
				if q.lease("a", fmt.Sprint("node", i), now, now.Add(time.Minute)) {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d took it", won)
		}
		if q.lease("nothing", "node", now, now.Add(time.Minute)) {
			t.Error("a job that is not there was taken")
		}
		want(t, q.due(now.Add(59*time.Second), 10))
		if due, _ := q.next(); !due.Equal(now.Add(time.Minute)) {
			t.Errorf("next %v", due)
		}
		// Its worker died: after the lease it is due again.
		want(t, q.due(now.Add(time.Minute), 10), "a", "b")
		if !q.lease("a", "other", now.Add(time.Minute), now.Add(2*time.Minute)) {
			t.Error("a lease that ran out still holds")
		}
	})
}

func TestANodeThatComesBackFreesWhatItHeld(t *testing.T) {
	each(t, func(t *testing.T, q *queue) {
		q.add("a", "b")
		later := now.Add(time.Hour)
		if !q.lease("a", "one", later, later.Add(time.Hour)) || !q.lease("b", "two", later, later.Add(time.Hour)) {
			t.Fatal("not taken")
		}
		q.write(func(w store.Writer) { jobs.Free(w, "one") })
		want(t, q.due(later, 10), "a")
	})
}

func TestAFailedJobIsPutOffAndAtLastGivenUp(t *testing.T) {
	each(t, func(t *testing.T, q *queue) {
		q.add("a")
		for i := range 3 {
			at := now.Add(time.Duration(i) * time.Hour)
			if !q.lease("a", "node", at, at.Add(time.Minute)) {
				t.Fatal("not taken")
			}
			q.write(func(w store.Writer) { jobs.PutOff(w, "a", at.Add(time.Hour), "fault.mail.refused", false) })
			want(t, q.due(at.Add(59*time.Minute), 10))
			want(t, q.due(at.Add(time.Hour), 10), "a")
		}
		q.view(func(r store.Reader) error {
			all, err := jobs.Due(t.Context(), r, now.Add(3*time.Hour), 10)
			if j := all[0]; j.Attempt != 3 || j.Fault != "fault.mail.refused" || j.Dead {
				t.Errorf("%+v", j)
			}
			return err
		})
		q.write(func(w store.Writer) { jobs.PutOff(w, "a", now, "fault.mail.refused", true) })
		want(t, q.due(now.Add(1000*time.Hour), 10))
		if _, ok := q.next(); ok {
			t.Error("a dead job is next")
		}
		q.view(func(r store.Reader) error {
			dead, err := jobs.Dead(t.Context(), r, 10)
			if len(dead) != 1 || !dead[0].Dead || dead[0].Attempt != 4 {
				t.Errorf("%+v", dead)
			}
			pending, err2 := jobs.Pending(t.Context(), r, "a")
			if !pending || err2 != nil {
				t.Error("a dead job is not to be seen any more")
			}
			return err
		})
	})
}

func TestADoneJobIsGone(t *testing.T) {
	each(t, func(t *testing.T, q *queue) {
		q.add("a", "b")
		q.write(func(w store.Writer) { jobs.Done(w, "a"); jobs.Done(w, "a") })
		want(t, q.due(now.Add(time.Hour), 10), "b")
		q.view(func(r store.Reader) error {
			a, err := jobs.Pending(t.Context(), r, "a")
			if a {
				t.Error("a done job is pending")
			}
			return err
		})
	})
}

func TestWhatWasRestoredRunsNothing(t *testing.T) {
	each(t, func(t *testing.T, q *queue) {
		q.add("a", "b", "c")
		q.write(func(w store.Writer) { jobs.HoldAll(w) })
		want(t, q.due(now.Add(time.Hour), 10))
		q.view(func(r store.Reader) error {
			dead, err := jobs.Dead(t.Context(), r, 10)
			if len(dead) != 3 {
				t.Errorf("%d jobs are held", len(dead))
			}
			return err
		})
	})
}
