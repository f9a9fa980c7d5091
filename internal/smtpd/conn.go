package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

var errLineTooLong = errors.New("smtpd: command line too long")

// conn is one connection. All but the fields under mu belong to its own goroutine.
type conn struct {
	srv  *Server
	ip   netip.Addr
	log  *slog.Logger
	ctx  context.Context
	end  context.CancelFunc
	stop time.Time // the end of its life

	nc  net.Conn // the TLS connection after STARTTLS
	raw net.Conn
	r   *bufio.Reader
	w   *bufio.Writer

	helo     string
	esmtp    bool
	tls      string
	tx       *transaction
	pending  string // a command that was read inside a message and is still to be answered
	havePend bool

	messages int
	errors   int // wrong commands
	refusals int // answers of no, wrong commands among them
	unknown  int // recipients
	quit     bool
	rate     bucket

	mu     sync.Mutex
	idle   bool // waiting for a command outside a transaction
	leave  bool // the server is stopping
	closed bool
}

// transaction is what MAIL begins and DATA, BDAT or RSET ends.
type transaction struct{ Envelope }

func newConn(s *Server, nc net.Conn, ip netip.Addr) *conn {
	c := &conn{
		srv: s, ip: ip, nc: nc, raw: nc,
		log:  s.cfg.Log.With("conn", s.cfg.IDs.New(), "ip", ip.String()),
		stop: deadline(s.cfg.Timeouts.Lifetime),
		rate: bucket{rate: s.cfg.Limits.CommandRate, clock: s.cfg.Clock},
	}
	c.ctx, c.end = context.WithDeadline(s.ctx, c.stop)
	c.attach(nc)
	return c
}

func (c *conn) attach(nc net.Conn) {
	c.nc = nc
	c.r = bufio.NewReaderSize(nc, max(4096, c.srv.cfg.Limits.LineBytes+2))
	c.w = bufio.NewWriterSize(nc, 4096)
}

// serve speaks until one side has had enough.
func (c *conn) serve() {
	c.reply(220, "", c.srv.cfg.Hostname+" ESMTP")
	for !c.quit {
		line, err := c.nextLine()
		if err != nil {
			c.farewell(err)
			break
		}
		pause(c.ctx, c.rate.take())
		c.dispatch(line)
		c.checkPatience()
	}
	_ = c.flush()
}

// checkPatience ends a connection that has had its share. Refusals that are no errors count a tenth,
// so that nobody fills the log with them.
func (c *conn) checkPatience() {
	l := c.srv.cfg.Limits
	switch {
	case c.quit:
	case c.messages >= l.Messages && c.tx == nil:
		c.fatal(421, "4.7.0", "Enough messages on this connection, open another one")
	case c.errors >= l.Errors, c.refusals >= 10*l.Errors && !c.srv.gate.isRelay(c.ip):
		c.fatal(421, "4.7.0", "Too many errors")
	}
}

// farewell says why the connection ends, where anybody still listens (RFC 5321 3.8).
func (c *conn) farewell(err error) {
	switch {
	case c.mustLeave():
		c.fatal(421, "4.3.2", c.srv.cfg.Hostname+" Service is closing")
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.fatal(421, "4.4.2", c.srv.cfg.Hostname+" Timeout")
	case errors.Is(err, errLineTooLong):
		c.fatal(500, "5.5.6", "Line too long")
	}
}

// nextLine gives a command without its line end. It ends in CR LF; a bare LF is taken too, as nothing
// that was data can ever be read as a command here.
func (c *conn) nextLine() (string, error) {
	if c.havePend {
		c.havePend = false
		return c.pending, nil
	}
	if c.tx == nil && c.mustLeave() {
		return "", os.ErrDeadlineExceeded
	}
	return c.readLine(c.tx == nil)
}

func (c *conn) readLine(idle bool) (string, error) {
	// RFC 2920 3.2: answers to commands that came together are sent together, and before waiting.
	if peek, _ := c.r.Peek(c.r.Buffered()); bytes.IndexByte(peek, '\n') < 0 {
		if err := c.flush(); err != nil {
			return "", err
		}
		if err := c.arm(idle); err != nil {
			return "", err
		}
		defer c.disarm()
	}
	line, err := c.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > c.srv.cfg.Limits.LineBytes {
		return "", errLineTooLong
	}
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))), nil
}

// arm sets the deadline for a command. An idle connection of a stopping server gets none: it is told
// to leave instead of being waited for.
func (c *conn) arm(idle bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.leave && idle {
		return os.ErrDeadlineExceeded
	}
	c.idle = idle
	return c.nc.SetReadDeadline(c.until(c.srv.cfg.Timeouts.Command))
}

func (c *conn) disarm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = false
}

// until is d from now, or the end of the connection's life if that is sooner.
func (c *conn) until(d time.Duration) time.Time {
	if t := deadline(d); t.Before(c.stop) {
		return t
	}
	return c.stop
}

func (c *conn) askToStop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave = true
	if c.idle {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // wakes the reader; a TLS connection's deadline is its raw one's
	}
}

func (c *conn) mustLeave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leave
}

// cut ends the connection from another goroutine. The raw connection is closed, because closing TLS
// would wait for its turn to write.
func (c *conn) cut() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	_ = c.raw.Close()
}

func (c *conn) close() {
	c.end()
	_ = c.raw.SetDeadline(deadline(time.Second))
	_ = c.nc.Close()
}

// startTLS answers and shakes hands (RFC 3207). What was learned in clear is forgotten (4.2).
func (c *conn) startTLS() {
	switch {
	case c.srv.cfg.TLS == nil:
		c.wrong(502, "5.5.1", "STARTTLS is not offered")
		return
	case c.tls != "":
		c.wrong(503, "5.5.1", "TLS is active already")
		return
	case c.r.Buffered() > 0:
		// Commands sent along in clear would be taken for protected ones (CVE-2011-0411).
		c.fatal(554, "5.5.1", "Nothing may follow STARTTLS before the handshake")
		return
	}
	c.reply(220, "2.0.0", "Ready to start TLS")
	if c.flush() != nil {
		c.quit = true
		return
	}
	t := tls.Server(c.raw, c.srv.cfg.TLS)
	_ = c.raw.SetDeadline(c.until(c.srv.cfg.Timeouts.Handshake))
	if err := t.HandshakeContext(c.ctx); err != nil {
		c.log.Info("smtp handshake failed")
		c.quit = true
		return
	}
	_ = c.raw.SetDeadline(time.Time{})
	c.attach(t)
	st := t.ConnectionState()
	c.tls = tls.VersionName(st.Version) + " " + tls.CipherSuiteName(st.CipherSuite)
	c.helo, c.esmtp, c.tx = "", false, nil
}

// discard throws n bytes of a refused chunk away.
func (c *conn) discard(n int64) error {
	_, err := io.CopyN(io.Discard, blockReader{c}, n)
	return err
}

// blockReader reads message bytes, each block with its own deadline (RFC 5321 4.5.3.2.5).
type blockReader struct{ c *conn }

func (b blockReader) Read(p []byte) (int, error) {
	if b.c.r.Buffered() == 0 {
		if err := b.c.beforeBlock(); err != nil {
			return 0, err
		}
	}
	return b.c.r.Read(p)
}

func (c *conn) beforeBlock() error {
	if err := c.flush(); err != nil {
		return err
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	return c.nc.SetReadDeadline(c.until(c.srv.cfg.Timeouts.DataBlock))
}
