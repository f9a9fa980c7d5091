package tenant

import (
	"context"
	"sync"
)

// readers counts who reads a tenant's snapshots, by generation, so that an old epoch key is destroyed only when nobody can
// still meet a row that was wrapped under it.
type readers struct {
	mu  sync.Mutex
	now *generation
}

type generation struct {
	n     int
	ended bool
	empty chan struct{}
}

// Reading is called before a snapshot is opened; the function it gives, when it is closed.
func (t *Tenant) Reading() (done func()) {
	r := &t.readers
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		r.now = &generation{empty: make(chan struct{})}
	}
	g := r.now
	g.n++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if g.n--; g.ended && g.n == 0 {
			close(g.empty)
		}
	}
}

// drain waits until every snapshot that is open now is closed; those that are opened meanwhile do not matter.
func (r *readers) drain(ctx context.Context) error {
	r.mu.Lock()
	old := r.now
	r.now = nil
	if old == nil {
		r.mu.Unlock()
		return nil
	}
	old.ended = true
	if old.n == 0 {
		close(old.empty)
	}
	r.mu.Unlock()
	select {
	case <-old.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
