package kit

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// client is where a request comes from, and how.
type client struct {
	address netip.Addr
	secure  bool // over TLS, all the way to us or to a proxy that is trusted
	local   bool // from this machine, with nobody between
}

// maxHops bounds how many proxies are looked at.
const maxHops = 20

// from reads it. What a header says is believed only from a proxy that the configuration names; a header from anybody else shows
// that somebody stands between, so that what looks like this machine is not taken for it.
func (d *Desk) from(r *http.Request) client {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	c := client{address: peer.Addr().Unmap().WithZone(""), secure: r.TLS != nil}
	if err != nil {
		return client{secure: c.secure}
	}
	forwarded := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-Proto") != ""
	if !d.trusted(c.address) {
		c.local = c.address.IsLoopback() && !forwarded
		return c
	}
	c.secure = c.secure || strings.EqualFold(last(r.Header.Values("X-Forwarded-Proto")), "https")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && len(hops)-i <= maxHops; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		c.address = a.Unmap().WithZone("")
		if !d.trusted(c.address) {
			break
		}
	}
	c.local = !forwarded && c.address.IsLoopback()
	return c
}

func (d *Desk) trusted(a netip.Addr) bool {
	for _, p := range d.c.Proxies {
		if p.Contains(a) {
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
