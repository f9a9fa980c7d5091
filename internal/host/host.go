// Package host says which tenant a request belongs to: the host name chooses it. SLUG.BASE-DOMAIN is a tenant's, and so is a
// host name of its own that the directory lists; an installation with exactly one customer answers on any host.
//
// It owns that rule and a short memory of what the directory said. It knows no HTTP: surfaces hand it the name. It does not
// own the directory (tenant), and whoever is found still has to be entered (visit).
package host

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/tenant"
)

// Lookup reads the directory; tenant.Lookup is one.
type Lookup interface {
	BySlug(ctx context.Context, slug string) (tenant.Customer, error)
	ByHost(ctx context.Context, host string) (tenant.Customer, error)
	All(ctx context.Context) ([]tenant.Customer, error)
}

// Limits of the memory: a change in the directory is seen after remembered at the latest, a new tenant after missed.
const (
	remembered = 5 * time.Second
	missed     = time.Second
	most       = 1024 // names at once: whoever makes names up empties the memory and no more
	longest    = 253  // RFC 1035 2.3.4, as text
)

// Hosts finds tenants by host name. Safe for use by several goroutines.
type Hosts struct {
	lookup Lookup
	base   string
	clock  clock.Clock
	mu     sync.Mutex
	known  map[string]answer
}

type answer struct {
	c     tenant.Customer
	err   error
	until time.Time
}

// New makes a Hosts. base is the installation's base domain.
func New(l Lookup, base string, c clock.Clock) *Hosts {
	return &Hosts{lookup: l, base: strings.ToLower(base), clock: c, known: map[string]answer{}}
}

// Customer gives the tenant of a host name as a request names it, with or without a port: a fault NotFound where there is
// none, Unavailable where the customer is suspended.
func (h *Hosts) Customer(ctx context.Context, hostport string) (tenant.Customer, error) {
	name := clean(hostport)
	if name == "" || len(name) > longest {
		return tenant.Customer{}, fault.New(fault.NotFound, "fault.tenant.not_found")
	}
	if a, ok := h.recall(name); ok {
		return a.c, a.err
	}
	c, err := h.find(ctx, name)
	if err == nil {
		err = open(c)
	}
	if err != nil {
		c = tenant.Customer{}
	}
	h.remember(name, c, err)
	return c, err
}

// clean takes the port, the brackets of an IPv6 address and the root's dot off, and folds case (RFC 4343).
func clean(hostport string) string {
	name := hostport
	if n, _, err := net.SplitHostPort(hostport); err == nil {
		name = n
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
}

func (h *Hosts) find(ctx context.Context, name string) (tenant.Customer, error) {
	if slug, ok := strings.CutSuffix(name, "."+h.base); ok && tenant.ValidSlug(slug) {
		if c, err := h.lookup.BySlug(ctx, slug); err == nil || fault.KindOf(err) != fault.NotFound || slug == tenant.OperatorSlug {
			return c, err // the operator's name is never a customer's
		}
	}
	if c, err := h.lookup.ByHost(ctx, name); err == nil || fault.KindOf(err) != fault.NotFound {
		return c, err
	}
	return h.only(ctx)
}

// only is the customer of an installation that has exactly one. The operator is none.
func (h *Hosts) only(ctx context.Context) (one tenant.Customer, err error) {
	all, err := h.lookup.All(ctx)
	if err != nil {
		return one, err
	}
	n := 0
	for _, c := range all {
		if c.Slug != tenant.OperatorSlug && c.State != tenant.Pending {
			one = c
			n++
		}
	}
	if n != 1 {
		return tenant.Customer{}, fault.New(fault.NotFound, "fault.tenant.not_found")
	}
	return one, nil
}

// open tells whether a tenant answers. What was restored does: it is only its mail and its jobs that are held.
func open(c tenant.Customer) error {
	switch c.State {
	case tenant.Active, tenant.Held:
		return nil
	case tenant.Suspended:
		return fault.New(fault.Unavailable, "fault.tenant.suspended")
	}
	return fault.New(fault.NotFound, "fault.tenant.not_found")
}

func (h *Hosts) recall(name string) (answer, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.known[name]
	return a, ok && h.clock.Now().Before(a.until)
}

// remember keeps what was found, and for a shorter while that nothing was. A directory that does not answer is asked again.
func (h *Hosts) remember(name string, c tenant.Customer, err error) {
	life := remembered
	if err != nil {
		if fault.KindOf(err) != fault.NotFound {
			return
		}
		life = missed
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.known) >= most {
		clear(h.known)
	}
	h.known[name] = answer{c, err, h.clock.Now().Add(life)}
}
