package api

import (
	"container/list"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
)

// limiter is a token bucket for each caller. It holds a bounded number of callers: whoever was away longest is forgotten first,
// and starts with a full bucket again.
type limiter struct {
	clock clock.Clock
	max   int
	mu    sync.Mutex
	by    map[string]*list.Element
	order *list.List // of *bucket, the last seen in front
}

type bucket struct {
	caller string
	left   float64
	at     time.Time
	known  bool // has entered before: the token is one of ours
}

func newLimiter(c clock.Clock, callers int) *limiter {
	return &limiter{clock: c, max: callers, by: map[string]*list.Element{}, order: list.New()}
}

// allowance is what a caller has left.
type allowance struct {
	burst int
	left  int
	wait  time.Duration // until there is one more; 0 where there is
	known bool
}

// take takes one request from a caller's bucket, if one is left.
func (l *limiter) take(caller string, rate float64, burst int) allowance {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, now := l.bucket(caller, burst), l.clock.Now()
	if d := now.Sub(b.at); d > 0 {
		b.left = min(float64(burst), b.left+d.Seconds()*rate)
	}
	b.at = now
	a := allowance{burst: burst, known: b.known}
	if b.left < 1 {
		a.wait = time.Duration(math.Ceil((1 - b.left) / rate * float64(time.Second)))
		return a
	}
	b.left--
	a.left = int(b.left)
	return a
}

func (l *limiter) bucket(caller string, burst int) *bucket {
	if e, ok := l.by[caller]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*bucket)
	}
	for len(l.by) >= l.max {
		last := l.order.Back()
		delete(l.by, last.Value.(*bucket).caller)
		l.order.Remove(last)
	}
	b := &bucket{caller: caller, left: float64(burst), at: l.clock.Now()}
	l.by[caller] = l.order.PushFront(b)
	return b
}

// knows notes whether a caller's token is one of ours.
func (l *limiter) knows(caller string, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.by[caller]; ok {
		e.Value.(*bucket).known = known
	}
}

// pace holds a caller to the limits. Who has never entered is counted by address too, so that guessing costs something.
func (s *server) pace(w http.ResponseWriter, caller string, from netip.Addr) (known bool, err error) {
	lim := s.c.Limits
	if caller != "" {
		a := s.limit.take("token "+caller, lim.Rate, lim.Burst)
		if told(w, a, lim.Rate); a.wait > 0 {
			return a.known, slower()
		}
		if a.known {
			return true, nil
		}
	}
	a := s.limit.take("address "+network(from), lim.Strange, lim.Strangle)
	if a.wait > 0 || caller == "" {
		told(w, a, lim.Strange)
	}
	if a.wait > 0 {
		return false, slower()
	}
	return false, nil
}

func slower() error { return fault.New(fault.TooMany, "fault.too_many") }

// network is what one caller can easily vary: the last 64 bits of an IPv6 address (RFC 4291 2.5.1).
func network(a netip.Addr) string {
	if a.Is4() || a.Is4In6() {
		return a.Unmap().String()
	}
	if !a.IsValid() {
		return ""
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}

// told writes what is left (draft-ietf-httpapi-ratelimit-headers) and, where nothing is, when to come back (RFC 9110 10.2.3).
func told(w http.ResponseWriter, a allowance, rate float64) {
	h := w.Header()
	window := int(math.Ceil(float64(a.burst) / rate))
	h.Set("RateLimit-Policy", `"calls";q=`+strconv.Itoa(a.burst)+`;w=`+strconv.Itoa(window))
	h.Set("RateLimit", `"calls";r=`+strconv.Itoa(a.left)+`;t=`+strconv.Itoa(seconds(a.wait)))
	if a.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(a.wait)))
	}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// gates bound how many large requests are in memory at once. Callers not known yet have their own, so that strangers who send
// slowly keep nobody else waiting.
type gates struct{ known, strange chan struct{} }

// pass waits for nothing: who does not get in now is told to come back.
func (g gates) pass(known bool) (leave func(), err error) {
	gate := g.strange
	if known {
		gate = g.known
	}
	select {
	case gate <- struct{}{}:
		return func() { <-gate }, nil
	default:
		return nil, fault.New(fault.Unavailable, "fault.unavailable")
	}
}
