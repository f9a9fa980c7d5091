package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"insegel/internal/clock"
)

// Outcome is the verdict on one recipient. The zero value is Temporary, so that what was overlooked is
// tried again.
type Outcome uint8

// The verdicts.
const (
	Temporary Outcome = iota
	Delivered
	Permanent
)

func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case Permanent:
		return "permanent"
	case Temporary:
		return "temporary"
	}
	return "temporary"
}

// Result is what became of one recipient.
type Result struct {
	To       string
	Outcome  Outcome
	Code     int    // the remote's reply, 0 where there was none
	Enhanced string // RFC 3463, the remote's or, where it gave none, ours
	Text     string // the remote's words, bounded and without control characters; or ours
	Host     string // who said so
	TLS      string // version and cipher, empty in clear
}

// Envelope is who a message is from and for. An empty From is the null sender.
type Envelope struct {
	From string
	To   []string
}

// TLSMode tells how the way to a smarthost is protected.
type TLSMode uint8

// The modes for a smarthost. Only Opportunistic and Plain ever send in clear, and never a login.
const (
	StartTLS      TLSMode = iota // STARTTLS with a certificate that verifies, or nothing is sent
	Implicit                     // TLS from the first byte (RFC 8314), verified
	Opportunistic                // STARTTLS where offered, unverified, as between strangers
	Plain                        // no TLS: for a relay on the same machine
)

// Smarthost takes all mail. The zero value means delivery to the recipients' own servers.
type Smarthost struct {
	Addr     string // host:port
	Mode     TLSMode
	User     string // no login where empty
	Password string
}

// Resolver finds servers; *net.Resolver is one.
type Resolver interface {
	LookupMX(ctx context.Context, domain string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// DialFunc opens a connection; net.Dialer's DialContext is one.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Config is what a Sender needs. Zero limits and timeouts take the defaults.
type Config struct {
	Hostname  string // what we call ourselves in EHLO
	Smarthost Smarthost
	Resolver  Resolver
	Dial      DialFunc
	Roots     *x509.CertPool // nil: the system's
	Timeouts  Timeouts
	PerDomain int // messages at once to one domain or smarthost
	Clock     clock.Clock
	Shuffle   func(n int, swap func(i, j int)) // of servers of equal preference; math/rand/v2's Shuffle
	Log       *slog.Logger

	// Port of direct delivery; 25 where 0.
	Port int
	// AllowPrivate lets direct delivery reach loopback, private and link-local addresses, which a
	// stranger's MX record could otherwise make us talk to. Tests and closed networks need it.
	AllowPrivate bool
	// Own are addresses on which this program itself takes mail: never delivered to, as that is a loop.
	Own []netip.AddrPort
}

// Timeouts follow RFC 5321 4.5.3.2.
type Timeouts struct {
	Dial     time.Duration
	Greeting time.Duration // 4.5.3.2.1
	Command  time.Duration // 4.5.3.2.2, 4.5.3.2.3
	DataInit time.Duration // 4.5.3.2.4
	Block    time.Duration // 4.5.3.2.5
	DataEnd  time.Duration // 4.5.3.2.6: a second copy is the price of less patience
	Total    time.Duration // of one attempt to one domain, all servers together
}

func (t Timeouts) withDefaults() Timeouts {
	def(&t.Dial, 30*time.Second)
	def(&t.Greeting, 5*time.Minute)
	def(&t.Command, 5*time.Minute)
	def(&t.DataInit, 2*time.Minute)
	def(&t.Block, 3*time.Minute)
	def(&t.DataEnd, 10*time.Minute)
	def(&t.Total, time.Hour)
	return t
}

func def[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Sender delivers. It is safe for use by several goroutines.
type Sender struct {
	cfg Config
	tls *tls.Config // verified; what is opportunistic turns that off

	mu    sync.Mutex
	lanes map[string]*lane
}

// New makes a Sender.
func New(cfg Config) (*Sender, error) {
	cfg.Timeouts = cfg.Timeouts.withDefaults()
	def(&cfg.PerDomain, 4)
	def(&cfg.Port, 25)
	var errs []error
	if cfg.Hostname == "" || strings.ContainsAny(cfg.Hostname, " \r\n\t") {
		errs = append(errs, errors.New("deliver: no usable host name"))
	}
	if cfg.Resolver == nil || cfg.Dial == nil || cfg.Clock == nil || cfg.Shuffle == nil || cfg.Log == nil {
		errs = append(errs, errors.New("deliver: resolver, dialler, clock, shuffle and log are needed"))
	}
	if s := cfg.Smarthost; s.Addr != "" {
		if _, _, err := net.SplitHostPort(s.Addr); err != nil {
			errs = append(errs, errors.New("deliver: the smarthost needs a port"))
		}
		if s.User != "" && (s.Mode == Opportunistic || s.Mode == Plain) {
			errs = append(errs, errors.New("deliver: a smarthost with a login needs verified TLS")) // RFC 4954 4
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Sender{
		cfg: cfg, tls: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12, Time: cfg.Clock.Now},
		lanes: map[string]*lane{},
	}, nil
}

// Send tries once to deliver to all recipients and gives a Result for each, in their order. message
// gives the bytes anew for each server; a size of 0 is unknown.
func (s *Sender) Send(ctx context.Context, env Envelope, size int64, message func() (io.ReadCloser, error)) []Result {
	results := make([]Result, len(env.To))
	for i, to := range env.To {
		results[i] = Result{To: to, Enhanced: "4.0.0", Text: "not tried"}
	}
	for _, g := range s.groups(env.To, results) {
		m := &attempt{s: s, from: env.From, size: size, message: message, results: g.results}
		s.sendGroup(ctx, g.domain, m)
	}
	for i := range results {
		r := &results[i]
		s.cfg.Log.Info("mail attempt", "outcome", r.Outcome.String(), "code", r.Code, "enhanced", r.Enhanced, "tls", r.TLS != "")
	}
	return results
}

// group is the recipients that the same servers take.
type group struct {
	domain  string
	results []*Result
}

// groups sorts recipients by domain, and refuses what is no address. With a smarthost all are one group.
func (s *Sender) groups(to []string, results []Result) []*group {
	var all []*group
	byDomain := map[string]*group{}
	for i, addr := range to {
		domain, ok := domainOf(addr)
		if !ok {
			results[i].set(Permanent, 0, "5.1.3", "not a mail address")
			continue
		}
		if s.cfg.Smarthost.Addr != "" {
			domain = s.cfg.Smarthost.Addr
		}
		g := byDomain[domain]
		if g == nil {
			g = &group{domain: domain}
			byDomain[domain] = g
			all = append(all, g)
		}
		g.results = append(g.results, &results[i])
	}
	return all
}

func (s *Sender) sendGroup(ctx context.Context, domain string, m *attempt) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeouts.Total)
	defer cancel()
	leave, err := s.enter(ctx, domain)
	if err != nil {
		m.all(Temporary, 0, "4.4.5", "too many deliveries to this domain at once")
		return
	}
	defer leave()
	if s.cfg.Smarthost.Addr != "" {
		m.viaSmarthost(ctx)
		return
	}
	m.direct(ctx, domain)
}

// lane bounds what goes to one domain at once.
type lane struct {
	slots chan struct{}
	users int
}

// enter waits for a slot. Lanes nobody uses are forgotten, so their number is bounded by the callers'.
func (s *Sender) enter(ctx context.Context, domain string) (leave func(), err error) {
	s.mu.Lock()
	l := s.lanes[domain]
	if l == nil {
		l = &lane{slots: make(chan struct{}, s.cfg.PerDomain)}
		s.lanes[domain] = l
	}
	l.users++
	s.mu.Unlock()
	forget := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(s.lanes, domain)
		}
	}
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, ctx.Err()
	}
}

func (r *Result) set(o Outcome, code int, enhanced, text string) {
	r.Outcome, r.Code, r.Enhanced, r.Text = o, code, enhanced, clean(text)
}
