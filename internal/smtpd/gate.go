package smtpd

import (
	"net/netip"
	"sync"
	"time"

	"insegel/internal/clock"
)

// gate counts what is shared by all connections: how many there are, from where, how many bytes are
// on their way, and who guesses recipients.
type gate struct {
	limits Limits
	clock  clock.Clock

	mu       sync.Mutex
	total    int
	sources  map[netip.Prefix]*source
	inFlight int64
}

// source is one IPv4 address or IPv6 /64, the smallest piece that one customer of a network gets.
type source struct {
	conns   int
	guesses int
	last    time.Time // of the last guess
}

// A guess is forgotten after this time.
const guessFades = 10 * time.Second

func newGate(l Limits, c clock.Clock) *gate {
	return &gate{limits: l, clock: c, sources: map[netip.Prefix]*source{}}
}

func prefixOf(ip netip.Addr) netip.Prefix {
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.PrefixFrom(ip, ip.BitLen())
	}
	return p
}

func (g *gate) isRelay(ip netip.Addr) bool {
	for _, p := range g.limits.Relays {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// enter counts a connection in, or gives the reason why not.
func (g *gate) enter(ip netip.Addr) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.limits.Connections {
		return "connections"
	}
	s := g.source(ip)
	if s.conns >= g.limits.PerSource && !g.isRelay(ip) {
		return "connections of one source"
	}
	g.total++
	s.conns++
	return ""
}

func (g *gate) leave(ip netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	p := prefixOf(ip)
	s := g.sources[p]
	if s == nil {
		return
	}
	if s.conns--; s.conns <= 0 && g.faded(s) == 0 {
		delete(g.sources, p)
	}
}

// source finds or makes an entry and keeps the map bounded: entries without a connection may go.
func (g *gate) source(ip netip.Addr) *source {
	p := prefixOf(ip)
	if s := g.sources[p]; s != nil {
		return s
	}
	if len(g.sources) >= g.limits.Sources {
		g.evict()
	}
	s := &source{}
	g.sources[p] = s
	return s
}

// evict drops what has faded, and one more where nothing has. Entries with a connection stay; they are
// bounded by Limits.Connections.
func (g *gate) evict() {
	dropped := false
	var any netip.Prefix
	for p, s := range g.sources {
		if s.conns > 0 {
			continue
		}
		any = p
		if g.faded(s) == 0 {
			delete(g.sources, p)
			dropped = true
		}
	}
	if !dropped {
		delete(g.sources, any)
	}
}

// faded gives the guesses of a source that still count.
func (g *gate) faded(s *source) int {
	return max(0, s.guesses-int(g.clock.Now().Sub(s.last)/guessFades))
}

// guessed notes an unknown recipient and gives how long the answer should be held back: a few cost
// nothing, as everybody mistypes; then twice as long each time.
func (g *gate) guessed(ip netip.Addr) time.Duration {
	if g.isRelay(ip) {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.source(ip)
	s.guesses = min(g.faded(s)+1, 1000)
	s.last = g.clock.Now()
	return guessDelay(s.guesses)
}

func guessDelay(n int) time.Duration {
	const free, first, most = 5, 125 * time.Millisecond, 8 * time.Second
	if n <= free {
		return 0
	}
	return min(first<<min(n-free-1, 10), most)
}

// take reserves bytes of a message, or tells that there is no room: the sender tries later.
func (g *gate) take(n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inFlight+n > g.limits.InFlightBytes {
		return false
	}
	g.inFlight += n
	return true
}

func (g *gate) give(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight -= n
}
