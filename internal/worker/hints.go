package worker

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/visit"
)

// noAddress is where a job comes from: this program.
var noAddress netip.Addr

// sweepGap lies between the tenants of a sweep, so that one of a thousand tenants does not crowd out the day's work.
const sweepGap = 20 * time.Millisecond

// sweep looks at every tenant: first those that the directory hints at, then the rest, and then slowly all over
// again, so that a lost hint delays work but never loses it.
func (w *Worker) sweep(ctx context.Context) {
	if due, err := w.c.Hints(ctx); err == nil {
		for t, at := range due {
			w.hints.stands(t, at)
			w.look(t, at)
		}
	} else if ctx.Err() == nil {
		w.c.Logger.Warn("no hints", "fault", fault.Of(err).Key)
	}
	for wait := time.Second; pause(ctx, wait); {
		tenants, err := w.c.Tenants(ctx)
		wait = w.c.Sweep
		if err != nil {
			wait = min(wait, 5*time.Second) // the directory is away: what nobody hinted at must not wait for a whole round
		}
		for _, t := range tenants {
			w.look(t, w.c.Clock.Now())
			if !pause(ctx, sweepGap) {
				return
			}
		}
	}
}

// pause waits; false where the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// hinter writes into the directory which tenants have work, a little behind and many at once: a hint costs the
// operator's database one commit a second at most.
type hinter struct {
	waist   *visit.Waist
	mu      sync.Mutex
	wanted  map[string]time.Time // to be written
	written map[string]time.Time // stands in the directory
	ended   map[string]bool      // to be removed
}

func newHinter(w *visit.Waist) *hinter {
	return &hinter{waist: w, wanted: map[string]time.Time{}, written: map[string]time.Time{}, ended: map[string]bool{}}
}

// stands notes a hint that an earlier life of the program wrote: it is removed when it was followed.
func (h *hinter) stands(tenantID string, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.written[tenantID] = at
}

func (h *hinter) want(tenantID string, due time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ended, tenantID)
	if at, ok := h.written[tenantID]; ok && !due.Before(at) {
		return
	}
	if at, ok := h.wanted[tenantID]; !ok || due.Before(at) {
		h.wanted[tenantID] = due
	}
}

// follow says that a tenant was looked at, and when it wants to be again (zero: never).
func (h *hinter) follow(tenantID string, next time.Time) {
	if !next.IsZero() {
		h.want(tenantID, next)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.wanted, tenantID)
	if _, ok := h.written[tenantID]; ok {
		h.ended[tenantID] = true
	}
}

func (h *hinter) run(ctx context.Context) {
	for pause(ctx, time.Second) {
		h.mu.Lock()
		wanted, ended := h.wanted, h.ended
		h.wanted, h.ended = map[string]time.Time{}, map[string]bool{}
		h.mu.Unlock()
		if len(wanted)+len(ended) == 0 {
			continue
		}
		if err := h.write(ctx, wanted, ended); err != nil {
			continue // the sweep heals what was not written
		}
		h.mu.Lock()
		for t, at := range wanted {
			h.written[t] = at
		}
		for t := range ended {
			delete(h.written, t)
		}
		h.mu.Unlock()
	}
}

func (h *hinter) write(ctx context.Context, wanted map[string]time.Time, ended map[string]bool) error {
	v, err := h.waist.Enter(ctx, h.waist.Operator(), access.System("worker", noAddress), access.KeepHouse)
	if err != nil {
		return err
	}
	defer v.Leave()
	return visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
		for t := range ended {
			k.EndWake(t, v.Now())
		}
		for t, at := range wanted {
			k.SetWake(t, at)
		}
		return nil
	})
}
