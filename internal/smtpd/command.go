package smtpd

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"insegel/internal/fault"
)

// dispatch answers one command (RFC 5321 4.1.1).
func (c *conn) dispatch(line string) {
	verb, arg, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		c.hello(arg, true)
	case "HELO":
		c.hello(arg, false)
	case "MAIL":
		c.mail(arg)
	case "RCPT":
		c.rcpt(arg)
	case "DATA":
		c.data(arg)
	case "BDAT":
		c.bdat(arg)
	case "STARTTLS":
		if arg != "" {
			c.wrong(501, "5.5.4", "STARTTLS takes no argument") // RFC 3207 4
			return
		}
		c.startTLS()
	case "RSET":
		c.tx = nil
		c.reply(250, "2.0.0", "Reset")
	case "NOOP":
		c.reply(250, "2.0.0", "OK")
	case "VRFY": // RFC 5321 7.3: do not tell who exists
		c.reply(252, "2.5.0", "Cannot verify, but will take a message and try")
	case "HELP":
		c.reply(214, "2.0.0", "RFC 5321")
	case "QUIT":
		c.reply(221, "2.0.0", c.srv.cfg.Hostname+" Bye")
		c.quit = true
	case "EXPN", "AUTH", "ETRN", "TURN", "SEND", "SOML", "SAML":
		c.wrong(502, "5.5.1", "Command not implemented")
	case "GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS":
		// A browser was sent here to speak SMTP in the body of its request.
		c.fatal(554, "5.5.1", "This is not a web server")
	default:
		c.wrong(500, "5.5.2", "Command not recognized")
	}
}

func (c *conn) hello(arg string, extended bool) {
	name := strings.TrimSpace(arg)
	if name == "" || len(name) > 255 || !printable(name) || strings.Contains(name, " ") {
		c.wrong(501, "5.5.4", "Say who you are: a host name or an address literal")
		return
	}
	c.helo, c.esmtp, c.tx = name, extended, nil // RFC 5321 4.1.4: a second one resets
	if !extended {
		c.reply(250, "", c.srv.cfg.Hostname)
		return
	}
	l := c.srv.cfg.Limits
	lines := []string{
		c.srv.cfg.Hostname, "PIPELINING", fmt.Sprintf("SIZE %d", l.MessageBytes), "8BITMIME", "SMTPUTF8",
		"CHUNKING", "ENHANCEDSTATUSCODES", fmt.Sprintf("LIMITS RCPTMAX=%d MAILMAX=%d", l.Recipients, l.Messages), // RFC 9422
	}
	if c.srv.cfg.TLS != nil && c.tls == "" {
		lines = append(lines, "STARTTLS")
	}
	c.reply(250, "", lines...)
}

func (c *conn) mail(arg string) {
	switch {
	case c.helo == "":
		c.wrong(503, "5.5.1", "Say EHLO first")
		return
	case c.tx != nil:
		c.wrong(503, "5.5.1", "A transaction is under way") // RFC 5321 4.1.4
		return
	}
	m, bad := parseMail(arg)
	if bad == nil && m.size > c.srv.cfg.Limits.MessageBytes {
		c.refuse(552, "5.3.4", "Message too large") // RFC 1870 6.1: before a byte of it is sent
		return
	}
	if bad != nil {
		c.wrong(bad.code, bad.enhanced, bad.text)
		return
	}
	c.tx = &transaction{Envelope{
		ID: c.srv.cfg.IDs.New(), RemoteIP: c.ip, HELO: c.helo, From: m.path, TLS: c.tls,
		UTF8: m.utf8, EightBit: m.eightBit,
	}}
	c.reply(250, "2.1.0", "Sender taken")
}

func (c *conn) rcpt(arg string) {
	if c.tx == nil {
		c.wrong(503, "5.5.1", "Say MAIL first")
		return
	}
	addr, bad := parseRcpt(arg, c.tx.UTF8, c.srv.cfg.Hostname)
	if bad != nil {
		c.wrong(bad.code, bad.enhanced, bad.text)
		return
	}
	if slices.Contains(c.tx.Recipients, addr) {
		c.reply(250, "2.1.5", "Recipient taken")
		return
	}
	if len(c.tx.Recipients) >= c.srv.cfg.Limits.Recipients {
		c.refuse(452, "4.5.3", "Too many recipients, send the rest afterwards") // RFC 5321 4.5.3.1.10
		return
	}
	err := c.guard(func() error { return c.srv.cfg.Intake.Recipient(c.ctx, addr) })
	if err != nil {
		c.noRecipient(err, addr)
		return
	}
	c.tx.Recipients = append(c.tx.Recipients, addr)
	c.reply(250, "2.1.5", "Recipient taken")
}

// noRecipient answers a recipient who was not taken, ever more slowly to who guesses (RFC 5321 7.3).
func (c *conn) noRecipient(err error, addr string) {
	if fault.KindOf(err) != fault.NotFound {
		c.refuseFor(err, addr)
		return
	}
	c.unknown++
	if wait := c.srv.gate.guessed(c.ip); wait > 0 {
		_ = c.flush()
		pause(c.ctx, wait)
	}
	if c.unknown >= c.srv.cfg.Limits.Unknown && !c.srv.gate.isRelay(c.ip) {
		c.fatal(421, "4.7.0", "Too many unknown recipients")
		return
	}
	c.refuseFor(err, addr)
}

// guard turns a panic of the program into an internal fault: a defect met by one letter must not
// take the others with it.
func (c *conn) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Because(fmt.Errorf("panic: %v", p), fault.Internal, "fault.internal")
		}
	}()
	return f()
}

// printable tells whether s is UTF-8 without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
}
