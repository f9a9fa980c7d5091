package smtpd

import (
	"context"
	"errors"
	"io"
	"strings"

	"insegel/internal/fault"
)

// How a message can end without being one. All but the first two are told to the sender.
var (
	errGone    = errors.New("smtpd: sender left inside a message")
	errAborted = errors.New("smtpd: sender gave up the message")
	errTooBig  = fault.New(fault.TooLarge, "fault.too_large")
	errFull    = fault.New(fault.Unavailable, "fault.unavailable")
)

// data takes a message that ends with a lone dot (RFC 5321 4.1.1.4).
func (c *conn) data(arg string) {
	switch {
	case arg != "":
		c.wrong(501, "5.5.4", "DATA takes no argument")
		return
	case !c.readyForMessage():
		return
	}
	c.reply(354, "", "Send the message, end with a dot alone on a line")
	c.receive(&dotReader{br: c.r, wait: c.beforeBlock})
}

// bdat takes the first chunk of a message and, by way of chunkReader, those that follow (RFC 3030).
// Once BDAT is refused its bytes still come: they are read and thrown away.
func (c *conn) bdat(arg string) {
	n, last, ok := parseBdat(arg)
	if !ok {
		// Nobody knows how many bytes follow, so what follows cannot be read as commands.
		c.fatal(501, "5.5.4", "Syntax: BDAT size [LAST]")
		return
	}
	if n > 2*c.srv.cfg.Limits.MessageBytes {
		c.fatal(552, "5.3.4", "Message too large")
		return
	}
	if c.tx == nil || len(c.tx.Recipients) == 0 {
		if c.discard(n) != nil {
			c.quit = true
			return
		}
		c.readyForMessage()
		return
	}
	c.receive(&chunkReader{c: c, left: n, last: last})
}

func (c *conn) readyForMessage() bool {
	switch {
	case c.tx == nil:
		c.wrong(503, "5.5.1", "Say MAIL first")
	case len(c.tx.Recipients) == 0:
		c.wrong(554, "5.5.1", "No valid recipients") // RFC 5321 3.3
	default:
		return true
	}
	return false
}

// receive hands the message to the program and answers what became of it. The transaction ends here,
// whatever happened (RFC 5321 4.1.1.4).
func (c *conn) receive(src io.Reader) {
	defer func() { c.tx = nil }()
	c.messages++
	c.tx.Received = c.srv.cfg.Clock.Now()
	ctx, cancel := context.WithTimeout(c.ctx, c.srv.cfg.Timeouts.Message)
	defer cancel()
	b := &body{ctx: ctx, src: src, gate: c.srv.gate, limit: c.srv.cfg.Limits.MessageBytes}
	defer b.release()
	whole := io.MultiReader(strings.NewReader(traceLine(c.tx.Envelope, c.srv.cfg.Hostname, c.esmtp)), b)
	err := c.guard(func() error { return c.srv.cfg.Intake.Receive(ctx, c.tx.Envelope, whole) })
	unread := err == nil && b.end == nil
	b.drain()
	c.answer(err, b, unread)
}

// answer says 250 only where the program has the message and the message is whole.
func (c *conn) answer(err error, b *body, unread bool) {
	switch {
	case errors.Is(b.end, errAborted):
		c.log.Info("smtp message given up", "id", c.tx.ID)
	case b.end == nil, broken(b.end): // over any patience, or gone
		c.log.Info("smtp message broken off", "id", c.tx.ID, "bytes", b.n)
		if c.mustLeave() {
			c.fatal(421, "4.3.2", c.srv.cfg.Hostname+" Service is closing")
			return
		}
		c.fatal(421, "4.4.2", c.srv.cfg.Hostname+" Message broken off")
	case !errors.Is(b.end, io.EOF):
		c.refuseBody(b.end)
	case err != nil:
		c.refuseFor(err)
	case unread:
		c.refuseFor(errors.New("smtpd: the program took a message without reading it"))
	default:
		c.log.Info("smtp message taken", "id", c.tx.ID, "bytes", b.n, "recipients", len(c.tx.Recipients),
			"tls", c.tx.TLS != "", "code", 250)
		c.reply(250, "2.0.0", "Message is stored, id "+c.tx.ID)
	}
}

func (c *conn) refuseBody(end error) {
	if errors.Is(end, errFull) {
		c.refuse(452, "4.3.1", "No room now, try again later")
		return
	}
	c.refuseFor(end)
}

// broken tells that the connection, not the message, is at fault.
func broken(err error) bool {
	return !errors.Is(err, io.EOF) && !errors.Is(err, errTooBig) && !errors.Is(err, errFull) && !errors.Is(err, errAborted)
}

// gone tells a broken connection from a late one.
func gone(err error) error {
	if errors.Is(err, io.EOF) {
		return errGone
	}
	return err
}
