// Package worker runs jobs, each in a visit of its own.
//
// It owns nothing in the database but the lease of a job: what a job does is the business of who registered its kind. It learns of
// new work from the waist after each commit, from the directory's hints after a start, and from a slow sweep that heals lost hints.
package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/visit"
)

// Kind is how one kind of job is done.
type Kind struct {
	Action access.Action
	// Do does it in the visit. It removes the job in the change that it makes (Writer.Done), so that work and its end are
	// one; if it returns nil without having done so the job is removed after it.
	Do func(ctx context.Context, v *visit.Visit, j jobs.Job) error
}

// Config is what a Worker is made from.
type Config struct {
	Waist    *visit.Waist
	Clock    clock.Clock
	Logger   *slog.Logger
	Node     string          // whose leases these are
	Kinds    map[string]Kind // by job kind
	Tenants  func(ctx context.Context) ([]string, error)
	Hints    func(ctx context.Context) (map[string]time.Time, error)
	Parallel int           // jobs at once, of all tenants: 8
	Lease    time.Duration // how long one may take: 5 min
	Attempts int           // before a job is given up and left for a person: 20
	Sweep    time.Duration // between looks at every tenant: 10 min
}

// Worker runs jobs until its context ends.
type Worker struct {
	c     Config
	slots chan struct{}
	mu    sync.Mutex
	due   map[string]time.Time // when a tenant is to be looked at
	busy  map[string]bool
	freed map[string]bool
	hints *hinter
	poke  chan struct{}
	run   sync.WaitGroup
}

// New makes a Worker.
func New(c Config) *Worker {
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	if c.Lease <= 0 {
		c.Lease = 5 * time.Minute
	}
	if c.Attempts <= 0 {
		c.Attempts = 20
	}
	if c.Sweep <= 0 {
		c.Sweep = 10 * time.Minute
	}
	return &Worker{c: c, slots: make(chan struct{}, c.Parallel), due: map[string]time.Time{}, busy: map[string]bool{},
		freed: map[string]bool{}, hints: newHinter(c.Waist), poke: make(chan struct{}, 1)}
}

// Wake says that a tenant has work due. It never blocks; the waist calls it after each commit that wrote a job.
func (w *Worker) Wake(tenantID string, due time.Time) {
	w.mu.Lock()
	if at, ok := w.due[tenantID]; !ok || due.Before(at) {
		w.due[tenantID] = due
	}
	w.hints.want(tenantID, due)
	w.mu.Unlock()
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, and returns when what it had begun is done or given back.
func (w *Worker) Run(ctx context.Context) {
	defer w.run.Wait()
	w.run.Go(func() { w.sweep(ctx) })
	w.run.Go(func() { w.hints.run(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.poke:
		case <-timer.C:
		}
		timer.Reset(w.start(ctx))
	}
}

// start begins with every tenant that is due and not busy, and tells how long to wait for the next.
func (w *Worker) start(ctx context.Context) time.Duration {
	now := w.c.Clock.Now()
	wait := time.Minute
	w.mu.Lock()
	defer w.mu.Unlock()
	for t, at := range w.due {
		switch {
		case w.busy[t]:
		case !at.After(now):
			delete(w.due, t)
			w.busy[t] = true
			w.run.Go(func() { w.tenant(ctx, t) })
		default:
			wait = min(wait, at.Sub(now))
		}
	}
	return max(wait, time.Millisecond)
}

// tenant does what is due in one tenant, then notes when to come again.
func (w *Worker) tenant(ctx context.Context, tenantID string) {
	next, err := w.drain(ctx, tenantID)
	if err != nil && ctx.Err() == nil {
		w.c.Logger.Warn("jobs wait", "tenant", tenantID, "fault", fault.Of(err).Key, "err", err)
		next = w.c.Clock.Now().Add(2 * time.Second)
	}
	w.mu.Lock()
	delete(w.busy, tenantID)
	if at, ok := w.due[tenantID]; !next.IsZero() && (!ok || next.Before(at)) {
		w.due[tenantID] = next
	}
	w.hints.follow(tenantID, next)
	w.mu.Unlock()
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// drain does jobs until none is due; it gives the time of the next.
func (w *Worker) drain(ctx context.Context, tenantID string) (next time.Time, err error) {
	v, err := w.c.Waist.Enter(ctx, tenantID, access.System("worker", noAddress), access.KeepHouse)
	if err != nil {
		return next, err
	}
	defer v.Leave()
	if err := w.free(ctx, v); err != nil {
		return next, err
	}
	for ctx.Err() == nil {
		batch, err := w.take(ctx, v)
		if err != nil {
			return next, err
		}
		if len(batch) == 0 {
			return visit.View(ctx, v, func(r *visit.Reader) (time.Time, error) {
				due, ok, err := jobs.Next(ctx, r)
				if !ok {
					due = time.Time{}
				}
				return due, err
			})
		}
		w.doAll(ctx, v, batch)
	}
	return w.c.Clock.Now(), nil
}

// free gives back, once after a start, what this node had leased when it was killed.
func (w *Worker) free(ctx context.Context, v *visit.Visit) error {
	w.mu.Lock()
	done := w.freed[v.Tenant()]
	w.mu.Unlock()
	if done {
		return nil
	}
	err := visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
		jobs.Free(k, w.c.Node)
		return nil
	})
	if err == nil {
		w.mu.Lock()
		w.freed[v.Tenant()] = true
		w.mu.Unlock()
	}
	return err
}

// maxBatch is how many jobs are leased in one commit.
const maxBatch = 32

// take leases what is due.
func (w *Worker) take(ctx context.Context, v *visit.Visit) (taken []jobs.Job, err error) {
	now := w.c.Clock.Now()
	found, err := visit.View(ctx, v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.Due(ctx, r, now, maxBatch) })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	err = visit.Upkeep(ctx, v, func(ctx context.Context, k *visit.Keeper) error {
		taken = taken[:0]
		for _, j := range found {
			ok, err := jobs.Lease(ctx, k, j.ID, w.c.Node, now, now.Add(w.c.Lease))
			if err != nil {
				return err
			}
			if ok {
				taken = append(taken, j)
			}
		}
		return nil
	})
	return taken, err
}

func (w *Worker) doAll(ctx context.Context, v *visit.Visit, batch []jobs.Job) {
	var all sync.WaitGroup
	for _, j := range batch {
		select {
		case w.slots <- struct{}{}:
		case <-ctx.Done():
			all.Wait()
			return // what was leased and not begun is given back at the next start
		}
		all.Go(func() {
			defer func() { <-w.slots }()
			w.one(ctx, v, j)
		})
	}
	all.Wait()
}

// one does a job, and puts it off if it failed.
func (w *Worker) one(ctx context.Context, v *visit.Visit, j jobs.Job) {
	ctx, cancel := context.WithTimeout(ctx, w.c.Lease-10*time.Second)
	defer cancel()
	err := w.do(ctx, v, j)
	if err == nil {
		return
	}
	if ctx.Err() == nil {
		w.c.Logger.Warn("job failed", "tenant", v.Tenant(), "job", j.ID, "kind", j.Kind, "attempt", j.Attempt+1, "fault", fault.Of(err).Key, "err", err)
	}
	dead := j.Attempt+1 >= w.c.Attempts && fault.KindOf(err) != fault.Unavailable
	// Its own context: a job that was cut short by the stop is still given back.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
		jobs.PutOff(k, j.ID, w.c.Clock.Now().Add(backoff(j.Attempt)), fault.Of(err).Key, dead)
		return nil
	})
	if err != nil {
		w.c.Logger.Warn("job not put off", "tenant", v.Tenant(), "job", j.ID, "err", err)
	}
}

func (w *Worker) do(ctx context.Context, v *visit.Visit, j jobs.Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.Internal, "fault.job.panicked", "kind", j.Kind)
			w.c.Logger.Error("job panicked", "job", j.ID, "kind", j.Kind, "panic", r)
		}
	}()
	kind, ok := w.c.Kinds[j.Kind]
	if !ok {
		return fault.New(fault.Internal, "fault.job.unknown", "kind", j.Kind)
	}
	own, err := w.c.Waist.Enter(ctx, v.Tenant(), access.System("job "+j.Kind, noAddress), kind.Action)
	if err != nil {
		return err
	}
	defer own.Leave()
	if err := kind.Do(ctx, own, j); err != nil {
		return err
	}
	left, err := visit.View(ctx, own, func(r *visit.Reader) (bool, error) { return jobs.Pending(ctx, r, j.ID) })
	if err != nil || !left {
		return err
	}
	return visit.Upkeep(ctx, own, func(_ context.Context, k *visit.Keeper) error {
		jobs.Done(k, j.ID)
		return nil
	})
}

// backoff grows from a second to ten minutes.
func backoff(attempt int) time.Duration {
	return min(time.Second<<min(attempt, 10), 10*time.Minute)
}
