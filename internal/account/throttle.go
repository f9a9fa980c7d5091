package account

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"insegel/internal/clock"
)

// Rate is how often something may be done: so often at once, and once more after each Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// maxBuckets bounds the table of a throttle: some 10 MB. Over it the one that was used longest ago is forgotten; what stands behind it, the
// account's own lock, forgets nothing.
const maxBuckets = 65536

// throttle counts by key in memory. Restarting forgets it, as it forgets a key after a while.
type throttle struct {
	clock clock.Clock
	rate  Rate
	mu    sync.Mutex
	byKey map[string]*list.Element
	order *list.List // of *bucket, the one used last in front
}

type bucket struct {
	key  string
	left float64
	at   time.Time
	told bool // it was told that it is empty
}

func newThrottle(c clock.Clock, r Rate) *throttle {
	return &throttle{clock: c, rate: r, byKey: map[string]*list.Element{}, order: list.New()}
}

// take uses one try up. Where none is left it says how long until the next, and whether this is the first time it says so, which is
// what goes into the log: a stranger must not be able to fill it.
func (t *throttle) take(key string) (ok bool, wait time.Duration, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucket(key)
	if b.left >= 1 {
		b.left--
		b.told = false
		return true, 0, false
	}
	first, b.told = !b.told, true
	return false, time.Duration((1 - b.left) * float64(t.rate.Every)), first
}

// giveBack undoes a take: it was no guess after all.
func (t *throttle) giveBack(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucket(key)
	b.left = min(b.left+1, float64(t.rate.Burst))
}

// bucket finds the key's bucket, filled up by the time since it was last used.
func (t *throttle) bucket(key string) *bucket {
	now := t.clock.Now()
	if e, ok := t.byKey[key]; ok {
		t.order.MoveToFront(e)
		b := e.Value.(*bucket)
		if d := now.Sub(b.at); d > 0 {
			b.left, b.at = min(b.left+float64(d)/float64(t.rate.Every), float64(t.rate.Burst)), now
		}
		return b
	}
	if t.order.Len() >= maxBuckets {
		last := t.order.Back()
		delete(t.byKey, last.Value.(*bucket).key)
		t.order.Remove(last)
	}
	b := &bucket{key: key, left: float64(t.rate.Burst), at: now}
	t.byKey[key] = t.order.PushFront(b)
	return b
}

// source is what counts as one source: an IPv4 address, or an IPv6 network of 64 bits, which one household has all of.
func source(a netip.Addr) string {
	if !a.IsValid() {
		return "" // all of them together
	}
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}
