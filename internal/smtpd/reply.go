package smtpd

import (
	"fmt"
	"strings"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
)

// reply queues an answer; a line of text each, all with the code (RFC 5321 4.2) and the enhanced code
// where there is one (RFC 2034).
func (c *conn) reply(code int, enhanced string, lines ...string) {
	if enhanced != "" {
		enhanced += " "
	}
	_ = c.nc.SetWriteDeadline(c.until(c.srv.cfg.Timeouts.Write)) // the buffer may spill
	for i, l := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		_, _ = fmt.Fprintf(c.w, "%d%s%s%s\r\n", code, sep, enhanced, l) // an error stays in the writer until flush
	}
}

func (c *conn) flush() error {
	if c.w.Buffered() > 0 {
		_ = c.nc.SetWriteDeadline(c.until(c.srv.cfg.Timeouts.Write))
	}
	return c.w.Flush()
}

// wrong answers a command that cannot be as it is, and counts it.
func (c *conn) wrong(code int, enhanced, text string) {
	c.errors++
	c.refuse(code, enhanced, text)
}

// refuse answers no and logs that, with neither address nor text of the other side.
func (c *conn) refuse(code int, enhanced, text string) {
	c.refusals++
	c.log.Info("smtp refused", "code", code, "enhanced", enhanced, "id", c.txID())
	c.reply(code, enhanced, text)
}

// fatal answers and ends the connection.
func (c *conn) fatal(code int, enhanced, text string) {
	c.refuse(code, enhanced, text)
	c.quit = true
}

func (c *conn) txID() string {
	if c.tx == nil {
		return ""
	}
	return c.tx.ID
}

// What a stranger reads of a fault: nothing of its inside.
func textOf(k fault.Kind) string {
	switch k {
	case fault.Invalid:
		return "Message refused"
	case fault.NotFound:
		return "No such recipient here"
	case fault.NotAllowed, fault.Unknown:
		return "Not permitted"
	case fault.TooLarge:
		return "Message too large"
	case fault.TooMany:
		return "Too much at once, try again later"
	case fault.Conflict, fault.Unavailable:
		return "Cannot take this now, try again later"
	case fault.Internal:
		return "Internal error"
	}
	return "Internal error"
}

// refuseFor answers with a fault of the program. An internal one gets a reference, which the log has too.
func (c *conn) refuseFor(err error, addrs ...string) {
	f := fault.Of(err)
	code, enhanced := f.Kind.SMTP()
	text := textOf(f.Kind)
	if f.Kind == fault.Internal {
		ref := c.srv.cfg.IDs.New()
		text += ", reference " + ref
		c.log.Error("smtp internal error", "ref", ref, "id", c.txID(), "key", f.Key, "err", c.scrub(err.Error(), addrs))
	}
	c.refuse(code, enhanced, text)
}

// scrub takes the addresses of this transaction out of what is logged. Intake promises not to quote
// them; this holds where a library below it does.
func (c *conn) scrub(s string, addrs []string) string {
	if c.tx != nil {
		addrs = append(append(addrs, c.tx.From), c.tx.Recipients...)
	}
	for _, a := range addrs {
		if a != "" {
			s = strings.ReplaceAll(s, a, "(address)")
		}
	}
	return s
}

// bucket slows commands down to a rate, with a second's worth to spend at once.
type bucket struct {
	rate  int
	clock clock.Clock
	level float64 // commands spent and not yet regained
	last  time.Time
}

// take spends one command and gives how long to wait for it.
func (b *bucket) take() time.Duration {
	now := b.clock.Now()
	if !b.last.IsZero() {
		b.level = max(0, b.level-now.Sub(b.last).Seconds()*float64(b.rate))
	}
	b.last = now
	b.level++
	over := b.level - float64(b.rate)
	if over <= 0 {
		return 0
	}
	return time.Duration(min(over/float64(b.rate), 1) * float64(time.Second))
}
