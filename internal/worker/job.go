package worker

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/visit"
)

// maxBatch is how many jobs are leased in one commit.
const maxBatch = 32

// beginOwn begins work of our own, and waits until all that it leased is begun: such work is quick. more is true where there
// is more of it.
func (w *Worker) beginOwn(ctx context.Context, v *visit.Visit) (more bool, err error) {
	batch, until, more, err := w.take(ctx, v, false, maxBatch)
	for _, j := range batch {
		select {
		case w.slots <- struct{}{}:
		case <-ctx.Done():
			return false, ctx.Err() // what was leased and not begun is given back at the next start
		}
		w.spawn(ctx, v.Tenant(), j, until, func() { <-w.slots })
	}
	return more, err
}

// beginAway begins work that waits for other machines, as much as there are slots for, and waits for nothing.
func (w *Worker) beginAway(ctx context.Context, v *visit.Visit) error {
	if len(w.away) == 0 {
		return nil
	}
	w.mu.Lock()
	n := min(w.free, maxBatch)
	w.free -= n
	w.mu.Unlock()
	batch, until, more, err := w.take(ctx, v, true, n)
	w.mu.Lock()
	w.free += n - len(batch)
	if more && !slices.Contains(w.hungry, v.Tenant()) {
		w.hungry = append(w.hungry, v.Tenant())
	}
	w.mu.Unlock()
	for _, j := range batch {
		w.spawn(ctx, v.Tenant(), j, until, func() {
			w.mu.Lock()
			w.free++
			w.mu.Unlock()
		})
	}
	return err
}

// take leases what is due, at most n, and tells until when and whether there is more. What still runs here although its lease is
// over is left alone: it cannot be taken from a goroutine that does not listen.
func (w *Worker) take(ctx context.Context, v *visit.Visit, away bool, n int) (taken []jobs.Job, until time.Time, more bool, err error) {
	now := w.c.Clock.Now()
	w.mu.Lock()
	limit := n + 1 + len(w.running)
	w.mu.Unlock()
	found, err := visit.View(ctx, v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.DueOf(ctx, r, now, w.away, away, limit) })
	if err != nil {
		return nil, until, false, err
	}
	w.mu.Lock()
	found = slices.DeleteFunc(found, func(j jobs.Job) bool { return w.running[j.ID] })
	w.mu.Unlock()
	if more = len(found) > n; more {
		found = found[:n]
	}
	if len(found) == 0 {
		return nil, until, more, nil
	}
	until = now.Add(w.c.Lease)
	err = visit.Upkeep(ctx, v, func(ctx context.Context, k *visit.Keeper) error {
		taken = taken[:0]
		for _, j := range found {
			ok, err := jobs.Lease(ctx, k, j.ID, w.c.Node, now, until)
			if err != nil {
				return err
			}
			if ok {
				taken = append(taken, j)
			}
		}
		return nil
	})
	if err != nil {
		taken = nil
	}
	return taken, until, more, err
}

// spawn does a job beside the others, and then gives its slot back.
func (w *Worker) spawn(ctx context.Context, tenantID string, j jobs.Job, until time.Time, release func()) {
	w.mu.Lock()
	w.running[j.ID] = true
	w.mu.Unlock()
	w.run.Go(func() {
		w.one(ctx, tenantID, j, until)
		w.mu.Lock()
		delete(w.running, j.ID)
		w.mu.Unlock()
		release()
		w.prod()
	})
}

// margin is how long before the end of its lease a job is cut, so that it can still be put off.
func (w *Worker) margin() time.Duration { return min(10*time.Second, w.c.Lease/10) }

// one does a job, and puts it off if it failed.
func (w *Worker) one(ctx context.Context, tenantID string, j jobs.Job, until time.Time) {
	left := until.Sub(w.c.Clock.Now()) - w.margin()
	if left <= 0 {
		return // it waited for its slot too long: its lease ends and it is taken anew
	}
	work, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	err := w.do(work, tenantID, j)
	if err == nil {
		return
	}
	if ctx.Err() == nil {
		w.c.Logger.Warn("job failed", "tenant", tenantID, "job", j.ID, "kind", j.Kind, "attempt", j.Attempt+1, "fault", fault.Of(err).Key, "err", err)
	}
	cut := work.Err() != nil && ctx.Err() == nil
	// What is only away comes back, however long that takes; what uses up its whole lease does not mend itself.
	dead := j.Attempt+1 >= w.c.Attempts && (cut || fault.KindOf(err) != fault.Unavailable)
	w.putOff(ctx, tenantID, j, err, dead)
}

// putOff has its own context: a job that was cut short by the stop is still given back.
func (w *Worker) putOff(ctx context.Context, tenantID string, j jobs.Job, cause error, dead bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	due := w.c.Clock.Now().Add(backoff(j.Attempt))
	v, err := w.c.Waist.Enter(ctx, tenantID, access.System("worker", noAddress), access.KeepHouse)
	if err == nil {
		defer v.Leave()
		err = visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
			jobs.PutOff(k, j.ID, due, fault.Of(cause).Key, dead)
			return nil
		})
	}
	if err != nil {
		w.c.Logger.Warn("job not put off: it waits for the end of its lease", "tenant", tenantID, "job", j.ID, "err", err)
		return
	}
	if !dead {
		w.Wake(tenantID, due)
	}
}

func (w *Worker) do(ctx context.Context, tenantID string, j jobs.Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.Internal, "fault.job.panicked", "kind", j.Kind)
			w.c.Logger.Error("job panicked", "tenant", tenantID, "job", j.ID, "kind", j.Kind, "panic", said(r), "stack", string(debug.Stack()))
		}
	}()
	kind, ok := w.c.Kinds[j.Kind]
	if !ok {
		return fault.New(fault.Internal, "fault.job.unknown", "kind", j.Kind)
	}
	v, err := w.c.Waist.Enter(ctx, tenantID, access.System("job "+j.Kind, noAddress), kind.Action)
	if err != nil {
		return err
	}
	defer v.Leave()
	if err := kind.Do(ctx, v, j); err != nil {
		return err
	}
	left, err := visit.View(ctx, v, func(r *visit.Reader) (bool, error) { return jobs.Pending(ctx, r, j.ID) })
	if err != nil || !left {
		return err
	}
	return visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
		jobs.Done(k, j.ID)
		return nil
	})
}

// said is what a panic may say in the log: the runtime's own words, never a value that somebody wrote.
func said(r any) string {
	if err, ok := r.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", r)
}

// backoff grows from a second to ten minutes.
func backoff(attempt int) time.Duration {
	return min(time.Second<<min(attempt, 10), 10*time.Minute)
}
