package deliver

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Bounds on what a stranger's DNS may make us try.
const (
	maxHosts        = 8
	maxAddrsPerHost = 4
)

// host is a server to try.
type host struct {
	name  string // for the certificate's and the report's sake
	addrs []netip.Addr
}

// routeError is a verdict reached before any server was asked.
type routeError struct {
	outcome        Outcome
	enhanced, text string
}

func (e *routeError) Error() string { return e.text }

// domainOf gives the domain in the form DNS knows (IDNA), and whether addr is an address at all.
// Address literals are refused: no customer has one, and they are a way past the MX records.
func domainOf(addr string) (string, bool) {
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 || len(addr) > 512 || strings.ContainsFunc(addr, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", false
	}
	if strings.ContainsAny(addr, "<>") || strings.HasPrefix(addr[at+1:], "[") {
		return "", false
	}
	d := strings.ToLower(strings.TrimSuffix(addr[at+1:], "."))
	if !isASCII(d) { // only then: the profile refuses names like a_b.example, which exist
		var err error
		if d, err = idna.Lookup.ToASCII(d); err != nil {
			return "", false
		}
	}
	return d, d != "" && !strings.Contains(d, " ")
}

// wire gives an address as it is said to a server: the domain in its ASCII form where that spares asking
// for SMTPUTF8 (RFC 6531 3.2 leaves it to us).
func wire(addr string) string {
	at := strings.LastIndexByte(addr, '@')
	if domain, ok := domainOf(addr); ok && isASCII(addr[:at]) && !isASCII(addr) {
		return addr[:at+1] + domain
	}
	return addr
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// route finds the servers of a domain in the order to try them (RFC 5321 5.1).
func (s *Sender) route(ctx context.Context, domain string) ([]host, error) {
	mx, err := s.cfg.Resolver.LookupMX(ctx, domain)
	// net.Resolver gives the good records beside an error about bad ones.
	if err != nil && !notFound(err) && len(mx) == 0 {
		return nil, &routeError{Temporary, "4.4.3", "the name servers of the domain did not answer"}
	}
	if len(mx) == 0 {
		mx = []*net.MX{{Host: domain}} // the implicit MX
	}
	if len(mx) == 1 && (mx[0].Host == "." || mx[0].Host == "") {
		return nil, &routeError{Permanent, "5.1.10", "the domain takes no mail (null MX)"} // RFC 7505 3
	}
	s.cfg.Shuffle(len(mx), func(i, j int) { mx[i], mx[j] = mx[j], mx[i] })
	slices.SortStableFunc(mx, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	return s.resolve(ctx, mx)
}

func (s *Sender) resolve(ctx context.Context, mx []*net.MX) ([]host, error) {
	var hosts []host
	later, barred := false, false
	for _, m := range mx[:min(len(mx), maxHosts)] {
		name := strings.TrimSuffix(m.Host, ".")
		if name == "" {
			continue
		}
		if _, err := netip.ParseAddr(name); err == nil {
			continue // RFC 5321 5.1: an MX names a host, never an address
		}
		ips, err := s.cfg.Resolver.LookupNetIP(ctx, "ip", name)
		if err != nil && !notFound(err) {
			later = true
			continue
		}
		allowed := s.allowed(ips)
		barred = barred || len(allowed) < len(ips)
		if len(allowed) > 0 {
			hosts = append(hosts, host{name, allowed[:min(len(allowed), maxAddrsPerHost)]})
		}
	}
	switch {
	case len(hosts) > 0:
		return hosts, nil
	case later:
		return nil, &routeError{Temporary, "4.4.3", "the name servers of the domain did not answer"}
	case barred:
		return nil, &routeError{Permanent, "5.4.6", "the domain's servers have addresses that mail is not sent to"}
	}
	return nil, &routeError{Permanent, "5.1.2", "the domain has no mail server"}
}

// allowed leaves out addresses that no public mail server has, and our own (RFC 5321 5.1, 6.3: loops).
func (s *Sender) allowed(ips []netip.Addr) []netip.Addr {
	var ok []netip.Addr
	for _, ip := range ips {
		ip = ip.Unmap()
		own := slices.Contains(s.cfg.Own, netip.AddrPortFrom(ip, uint16(s.cfg.Port))) // #nosec G115 -- a port
		if own || !s.cfg.AllowPrivate && !public(ip) {
			continue
		}
		ok = append(ok, ip)
	}
	return ok
}

func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !sharedSpace(ip)
}

// sharedSpace is what providers use inside (RFC 6598); 0.0.0.0/8 is "this host" (RFC 1122), and
// the translation prefix of RFC 6052 would lead back to private IPv4 addresses.
func sharedSpace(ip netip.Addr) bool {
	for _, p := range []string{"100.64.0.0/10", "0.0.0.0/8", "64:ff9b::/96"} {
		if netip.MustParsePrefix(p).Contains(ip) {
			return true
		}
	}
	return false
}

func notFound(err error) bool {
	e, ok := errors.AsType[*net.DNSError](err)
	return ok && e.IsNotFound
}
