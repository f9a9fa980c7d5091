// Package worker runs jobs, each in a visit of its own.
//
// It owns nothing in the database but the lease of a job: what a job does is the business of who registered its kind. It learns of
// new work from the waist after each commit, from the directory's hints after a start, and from a slow sweep that heals lost hints.
//
// Work that waits for other machines (sending) has slots of its own: a server that answers slowly must not keep letters
// from becoming cases. Everything is bounded: tenants looked at, jobs at once, leases taken ahead.
package worker

import (
	"context"
	"log/slog"
	"slices"
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
	Away   bool // it waits for other machines
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
	Parallel int           // jobs at once, of all tenants: 8; of those that wait for other machines twice as many besides
	Lease    time.Duration // how long one may take: 5 min
	Attempts int           // before a job is given up and left for a person: 20
	Sweep    time.Duration // between looks at every tenant: 10 min
}

func (c Config) withDefaults() Config {
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
	return c
}

// maxLooks is how many tenants are looked at at once: each look holds a tenant's database open.
const maxLooks = 8

// Worker runs jobs until its context ends.
type Worker struct {
	c     Config
	away  []string      // kinds that wait for other machines
	slots chan struct{} // of work of our own
	hints *hinter
	poke  chan struct{}
	run   sync.WaitGroup

	mu      sync.Mutex
	due     map[string]time.Time // when a tenant is to be looked at
	busy    map[string]bool      // tenants that are being looked at
	freed   map[string]bool      // tenants whose leases of an earlier life were given back
	failed  map[string]int       // looks at a tenant that failed in a row
	running map[string]bool      // ids of jobs that are being done
	free    int                  // slots of work that waits for other machines
	hungry  []string             // tenants that found none of those, in the order in which they came
}

// New makes a Worker.
func New(c Config) *Worker {
	c = c.withDefaults()
	w := &Worker{c: c, slots: make(chan struct{}, c.Parallel), free: 2 * c.Parallel, due: map[string]time.Time{}, busy: map[string]bool{},
		freed: map[string]bool{}, failed: map[string]int{}, running: map[string]bool{}, hints: newHinter(c.Waist), poke: make(chan struct{}, 1)}
	for name, k := range c.Kinds {
		if k.Away {
			w.away = append(w.away, name)
		}
	}
	slices.Sort(w.away)
	return w
}

// Wake says that a tenant has work due. It never blocks; the waist calls it after each commit that wrote a job.
func (w *Worker) Wake(tenantID string, due time.Time) {
	w.hints.want(tenantID, due)
	w.look(tenantID, due)
}

// look asks for a look at a tenant.
func (w *Worker) look(tenantID string, due time.Time) {
	w.mu.Lock()
	w.sooner(tenantID, due)
	w.mu.Unlock()
	w.prod()
}

func (w *Worker) sooner(tenantID string, due time.Time) {
	if at, ok := w.due[tenantID]; !ok || due.Before(at) {
		w.due[tenantID] = due
	}
}

func (w *Worker) prod() {
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

// start looks at the tenants that are due, as many as may be looked at, and tells how long to wait for the next. Whoever
// waits for a slot comes first when there is one.
func (w *Worker) start(ctx context.Context) time.Duration {
	now := w.c.Clock.Now()
	wait := time.Minute
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := min(w.free, len(w.hungry)); n > 0; n-- {
		w.sooner(w.hungry[0], now)
		w.hungry = w.hungry[1:]
	}
	for t, at := range w.due {
		switch {
		case at.After(now):
			wait = min(wait, at.Sub(now))
		case len(w.busy) < maxLooks && !w.busy[t]:
			delete(w.due, t)
			w.busy[t] = true
			w.run.Go(func() { w.tenant(ctx, t) })
		}
	}
	return max(wait, time.Millisecond)
}

// tenant begins what is due in one tenant, then notes when to come again. One that cannot be entered is tried more and more
// slowly.
func (w *Worker) tenant(ctx context.Context, tenantID string) {
	next, err := w.begin(ctx, tenantID)
	now := w.c.Clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, tenantID)
	defer w.prod()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		n := w.failed[tenantID]
		w.failed[tenantID] = n + 1
		next = now.Add(min(2*time.Second<<min(n, 10), w.c.Sweep))
		w.c.Logger.Warn("jobs wait", "tenant", tenantID, "fault", fault.Of(err).Key, "err", err)
	} else {
		delete(w.failed, tenantID)
	}
	if !next.IsZero() {
		w.sooner(tenantID, next)
	}
	w.hints.follow(tenantID, next)
}

// stuck is when to look again at work that is due and cannot be begun: another node has it, or every slot is taken.
const stuck = 2 * time.Second

// begin begins jobs that are due in a tenant; it gives the time of the next look, zero where there is nothing left.
func (w *Worker) begin(ctx context.Context, tenantID string) (next time.Time, err error) {
	v, err := w.c.Waist.Enter(ctx, tenantID, access.System("worker", noAddress), access.KeepHouse)
	if err != nil {
		return next, err
	}
	defer v.Leave()
	if err := w.giveBack(ctx, v); err != nil {
		return next, err
	}
	if err := w.beginAway(ctx, v); err != nil {
		return next, err
	}
	more, err := w.beginOwn(ctx, v)
	if err != nil {
		return next, err
	}
	now := w.c.Clock.Now()
	if more {
		return now, nil
	}
	next, err = visit.View(ctx, v, func(r *visit.Reader) (time.Time, error) {
		at, _, err := jobs.Next(ctx, r)
		return at, err
	})
	if err == nil && !next.IsZero() && !next.After(now) {
		next = now.Add(stuck)
	}
	return next, err
}

// giveBack frees, once after a start, what this node had leased when it was killed.
func (w *Worker) giveBack(ctx context.Context, v *visit.Visit) error {
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
