package kit

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Client is where a request comes from, and how.
type Client struct {
	Address netip.Addr
	Secure  bool // over TLS, all the way to us or to a proxy that is trusted
	Local   bool // from this machine, with nobody between
}

// Private tells whether nobody can read along: a password may come this way.
func (c Client) Private() bool { return c.Secure || c.Local }

// Proxies are the networks whose word on where a request comes from is believed.
type Proxies []netip.Prefix

// maxHops bounds how many proxies are looked at.
const maxHops = 20

// From reads it. What a header says is believed only from a proxy that the configuration names; a header from anybody else shows
// that somebody stands between, so that what looks like this machine is not taken for it.
func (p Proxies) From(r *http.Request) Client {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	c := Client{Address: peer.Addr().Unmap().WithZone(""), Secure: r.TLS != nil}
	if err != nil {
		return Client{Secure: c.Secure}
	}
	forwarded := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-Proto") != ""
	if !p.trusted(c.Address) {
		c.Local = c.Address.IsLoopback() && !forwarded
		return c
	}
	c.Secure = c.Secure || strings.EqualFold(last(r.Header.Values("X-Forwarded-Proto")), "https")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= maxHops; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		c.Address = a.Unmap().WithZone("")
		if !p.trusted(c.Address) {
			break
		}
	}
	c.Local = !forwarded && c.Address.IsLoopback()
	return c
}

func (p Proxies) trusted(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// last gives what the nearest proxy said.
func last(values []string) string {
	all := strings.Split(strings.Join(values, ","), ",")
	return strings.TrimSpace(all[len(all)-1])
}

// hostPort splits what the browser calls us.
func hostPort(r *http.Request) (host, port string) {
	if h, p, err := net.SplitHostPort(r.Host); err == nil {
		return h, p
	}
	return r.Host, ""
}
