package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
)

// attempt is one try for the recipients of one group.
type attempt struct {
	s       *Sender
	from    string
	size    int64
	message func() (io.ReadCloser, error)
	results []*Result
}

// all gives every recipient that has none yet the same verdict.
func (a *attempt) all(o Outcome, code int, enhanced, text string) {
	for _, r := range a.open() {
		r.set(o, code, enhanced, text)
	}
}

// open are the recipients that may still be tried at another server of this round.
func (a *attempt) open() []*Result {
	var open []*Result
	for _, r := range a.results {
		if r.Outcome == Temporary {
			open = append(open, r)
		}
	}
	return open
}

// direct tries the domain's servers in order. It goes on to the next one only where the last one could
// not be reached or turned us away before the message: after that another try is another day's.
func (a *attempt) direct(ctx context.Context, domain string) {
	hosts, err := a.s.route(ctx, domain)
	if err != nil {
		re, ok := errors.AsType[*routeError](err)
		if !ok {
			re = &routeError{Temporary, "4.4.3", "no route to the domain"}
		}
		a.all(re.outcome, 0, re.enhanced, re.text)
		return
	}
	for _, h := range hosts {
		for _, ip := range h.addrs {
			addr := net.JoinHostPort(ip.String(), strconv.Itoa(a.s.cfg.Port))
			if !a.tryServer(ctx, h.name, addr) {
				return
			}
		}
	}
}

// tryServer speaks to one address, and tells whether the next one should be tried.
func (a *attempt) tryServer(ctx context.Context, name, addr string) bool {
	err := a.converse(ctx, server{name: name, addr: addr, mode: Opportunistic})
	if errors.Is(err, errHandshake) {
		// Between strangers unprotected mail beats no mail (RFC 7435). The result says that it was clear.
		err = a.converse(ctx, server{name: name, addr: addr, mode: Plain})
	}
	if err == nil {
		return false
	}
	more := a.failed(name, err)
	return more && ctx.Err() == nil
}

// failed notes an error that concerns all recipients left.
func (a *attempt) failed(name string, err error) (tryNext bool) {
	o, code, enhanced, text := verdict(err)
	st := stageOf(err)
	if o == Permanent && st < stageMail {
		// A server that turns away everybody says nothing about the recipient: the next one may take it,
		// and so may this one tomorrow, up to five days (RFC 5321 4.5.4.1).
		o, enhanced = Temporary, "4.3.2"
	}
	for _, r := range a.open() {
		r.set(o, code, enhanced, text)
		r.Host = name
		if st < stageMail {
			r.TLS = "" // of this server, not of the one before
		}
	}
	return st < stageMail && o == Temporary
}

// viaSmarthost hands everything to the configured host.
func (a *attempt) viaSmarthost(ctx context.Context) {
	sh := a.s.cfg.Smarthost
	name, _, _ := net.SplitHostPort(sh.Addr)
	srv := server{name: name, addr: sh.Addr, mode: sh.Mode, user: sh.User, password: sh.Password}
	err := a.converse(ctx, srv)
	if errors.Is(err, errHandshake) && sh.Mode == Opportunistic {
		srv.mode = Plain
		err = a.converse(ctx, srv)
	}
	if err != nil {
		a.failed(name, err)
	}
}

// converse is one whole conversation. A nil error means that every recipient has its verdict.
func (a *attempt) converse(ctx context.Context, srv server) error {
	c, err := a.s.connect(ctx, srv)
	if err != nil {
		return err
	}
	defer c.close()
	open := a.open()
	for _, r := range open {
		r.Host, r.TLS = srv.name, c.tlsText()
	}
	if err := c.mail(a.from, open, a.size); err != nil {
		return err
	}
	taken, err := c.rcpt(open)
	if err != nil || len(taken) == 0 {
		return err
	}
	if err := c.data(a.message); err != nil {
		o, code, enhanced, text := verdict(err)
		for _, r := range taken {
			r.set(o, code, enhanced, text)
		}
		return nil
	}
	for _, r := range taken {
		r.set(Delivered, c.lastCode, c.lastEnhanced, c.lastText)
	}
	c.quit()
	return nil
}

func (c *client) tlsText() string {
	st, ok := c.smtp.TLSConnectionState()
	if !ok {
		return ""
	}
	return tls.VersionName(st.Version) + " " + tls.CipherSuiteName(st.CipherSuite)
}
