package deliver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// server is whom to speak to and how.
type server struct {
	name, addr     string
	mode           TLSMode
	user, password string
}

// stage is how far a conversation came.
type stage uint8

const (
	stageConnect stage = iota
	stageHello
	stageMail
	stageData
)

// stageError is an error with the stage it happened in.
type stageError struct {
	at  stage
	err error
}

func (e *stageError) Error() string { return e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

func at(s stage, err error) error {
	if err == nil {
		return nil
	}
	return &stageError{s, err}
}

func stageOf(err error) stage {
	if e, ok := errors.AsType[*stageError](err); ok {
		return e.at
	}
	return stageConnect
}

var (
	errHandshake = errors.New("deliver: TLS failed")
	errNoTLS     = &textproto.Error{Code: 454, Msg: "4.7.4 the smarthost offers no TLS that can be trusted"}
	errNoUTF8    = &textproto.Error{Code: 553, Msg: "5.6.7 the server takes no addresses in UTF-8"}
	errTooLarge  = &textproto.Error{Code: 552, Msg: "5.3.4 the message is larger than the server takes"}
	errNoAuth    = &textproto.Error{Code: 454, Msg: "4.7.0 the smarthost did not take the login"}
)

// client is a conversation. The standard library's client greets, protects and logs in; MAIL to the
// final dot are said here, as it asks for SMTPUTF8 even where nothing needs it, which makes relays
// bounce plain mail at their next hop (RFC 6531 3.1), and sends no SIZE.
type client struct {
	smtp *smtp.Client
	conn *boundedConn
	t    Timeouts
	stop func() bool

	lastCode               int
	lastEnhanced, lastText string
}

// connect dials, greets, protects and logs in.
func (s *Sender) connect(ctx context.Context, srv server) (*client, error) {
	dctx, cancel := context.WithTimeout(ctx, s.cfg.Timeouts.Dial)
	defer cancel()
	nc, err := s.cfg.Dial(dctx, "tcp", srv.addr)
	if err != nil {
		return nil, at(stageConnect, err)
	}
	c := &client{conn: &boundedConn{Conn: nc}, t: s.cfg.Timeouts}
	c.stop = context.AfterFunc(ctx, func() { _ = nc.Close() }) // the only way to wake a reader
	if err := c.greet(ctx, s, srv); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) greet(ctx context.Context, s *Sender, srv server) error {
	var conn net.Conn = c.conn
	cfg := s.tls.Clone()
	cfg.ServerName = srv.name
	if srv.mode == Implicit {
		t := tls.Client(c.conn, cfg)
		c.within(c.t.Greeting)
		if err := t.HandshakeContext(ctx); err != nil {
			return at(stageHello, errNoTLS)
		}
		conn = t
	}
	c.within(c.t.Greeting)
	var err error
	if c.smtp, err = smtp.NewClient(conn, srv.name); err != nil {
		return at(stageHello, protocol(err))
	}
	c.within(c.t.Command)
	if err := c.smtp.Hello(s.cfg.Hostname); err != nil {
		return at(stageHello, protocol(err))
	}
	if err := c.protect(srv, cfg); err != nil {
		return at(stageHello, err)
	}
	return at(stageHello, c.login(srv))
}

// protect turns TLS on as the mode wants it.
func (c *client) protect(srv server, cfg *tls.Config) error {
	if srv.mode == Plain || srv.mode == Implicit {
		return nil
	}
	offered, _ := c.smtp.Extension("STARTTLS")
	if srv.mode == StartTLS {
		if !offered || c.startTLS(cfg) != nil {
			return errNoTLS
		}
		return nil
	}
	if !offered {
		return nil
	}
	// A stranger's certificate proves nothing where its name came from unsigned DNS; the point is that
	// who only listens hears nothing (RFC 7435).
	cfg.InsecureSkipVerify = true // #nosec G402 -- opportunistic
	if c.startTLS(cfg) != nil {
		return errHandshake
	}
	return nil
}

func (c *client) startTLS(cfg *tls.Config) error {
	c.within(c.t.Command)
	return c.smtp.StartTLS(cfg)
}

func (c *client) login(srv server) error {
	if srv.user == "" {
		return nil
	}
	if srv.mode == Plain || srv.mode == Opportunistic {
		return errNoTLS // New refuses this; twice is cheap where a password is at stake
	}
	_, mechs := c.smtp.Extension("AUTH")
	c.within(c.t.Command)
	offered := strings.Fields(strings.ToUpper(mechs))
	var auth smtp.Auth = plainAuth{srv.user, srv.password}
	if !slices.Contains(offered, "PLAIN") && slices.Contains(offered, "LOGIN") {
		auth = &loginAuth{user: srv.user, password: srv.password}
	}
	if err := c.smtp.Auth(auth); err != nil {
		// 535 is the operator's to mend, and mail must outlive that: never a reason to bounce.
		return errNoAuth
	}
	return nil
}

// mail says MAIL with the parameters that are needed and offered.
func (c *client) mail(from string, to []*Result, size int64) error {
	line := "MAIL FROM:<" + wire(from) + ">"
	if strings.ContainsAny(from, "\r\n<>") {
		return at(stageMail, &textproto.Error{Code: 501, Msg: "5.1.7 not a mail address"})
	}
	if ok, _ := c.smtp.Extension("8BITMIME"); ok {
		line += " BODY=8BITMIME"
	}
	if ok, limit := c.smtp.Extension("SIZE"); ok && size > 0 {
		if tooLarge(limit, size) {
			return at(stageMail, errTooLarge)
		}
		line += fmt.Sprintf(" SIZE=%d", size)
	}
	if needsUTF8(from, to) {
		if ok, _ := c.smtp.Extension("SMTPUTF8"); !ok {
			return at(stageMail, errNoUTF8)
		}
		line += " SMTPUTF8"
	}
	return at(stageMail, c.cmd(c.t.Command, 2, line))
}

func tooLarge(limit string, size int64) bool {
	var n int64
	_, err := fmt.Sscan(limit, &n)
	return err == nil && n > 0 && size > n
}

func needsUTF8(from string, to []*Result) bool {
	all := wire(from)
	for _, r := range to {
		all += wire(r.To)
	}
	return strings.ContainsFunc(all, func(r rune) bool { return r >= 0x80 })
}

// rcpt names the recipients, and gives those that were taken. Each refusal is that recipient's own
// (RFC 5321 3.3); an error means that the conversation is over.
func (c *client) rcpt(to []*Result) (taken []*Result, err error) {
	for _, r := range to {
		err := c.cmd(c.t.Command, 2, "RCPT TO:<"+wire(r.To)+">")
		if err == nil {
			taken = append(taken, r)
			continue
		}
		reply, ok := errors.AsType[*textproto.Error](err)
		if !ok || reply.Code == 421 {
			return nil, at(stageMail, err)
		}
		o, code, enhanced, text := verdict(err)
		if reply.Code == 552 {
			o, enhanced = Temporary, "4.5.3" // RFC 5321 4.5.3.1.10: an old way to say "too many recipients"
		}
		r.set(o, code, enhanced, text)
	}
	return taken, nil
}

// data sends the message. The answer to the final dot decides; while it is missing, nothing is decided.
func (c *client) data(message func() (io.ReadCloser, error)) error {
	body, err := message()
	if err != nil {
		return at(stageData, fmt.Errorf("%w: %w", errMessage, err))
	}
	defer body.Close()
	if err := c.cmd(c.t.DataInit, 3, "DATA"); err != nil {
		return at(stageData, err)
	}
	if err := c.copy(body); err != nil {
		// No dot: the other side throws away what it has. The connection is of no more use.
		return at(stageData, c.earlyWord(err))
	}
	c.within(c.t.DataEnd)
	return at(stageData, c.answer(2))
}

// earlyWord gives the refusal of a server that hung up in the middle of a message, if it said one.
func (c *client) earlyWord(err error) error {
	if errors.Is(err, errMessage) || errors.Is(err, errProtocol) {
		return err
	}
	c.within(5 * time.Second)
	if refusal, ok := errors.AsType[*textproto.Error](c.answer(2)); ok && refusal.Code >= 400 {
		return refusal
	}
	return err
}

// copy sends the text with dots stuffed and lines ended by CR LF alone (RFC 5321 2.3.8, 4.5.2): a bare
// LF would be for the next server to interpret, and that is how messages are smuggled.
func (c *client) copy(body io.Reader) error {
	w := &crlfWriter{w: bufio.NewWriterSize(blockWriter{c}, 32<<10), start: true}
	if _, err := io.Copy(w, messageReader{body}); err != nil {
		return err
	}
	if c.smtp.Text.R.Buffered() > 0 {
		return errProtocol // an answer to a dot that was not yet said
	}
	return w.end()
}

// messageReader marks our own trouble, so that it is not told as the other side's.
type messageReader struct{ r io.Reader }

func (m messageReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errMessage, err)
	}
	return n, err
}

type blockWriter struct{ c *client }

func (b blockWriter) Write(p []byte) (int, error) {
	b.c.within(b.c.t.Block)
	if _, err := b.c.smtp.Text.W.Write(p); err != nil {
		return 0, err
	}
	return len(p), b.c.smtp.Text.W.Flush()
}

// cmd says a line and expects a reply of a class. Words that came unasked mean that answers and commands
// no longer belong together, and then no 2xx means anything.
func (c *client) cmd(d time.Duration, class int, line string) error {
	if c.smtp.Text.R.Buffered() > 0 {
		return errProtocol
	}
	c.within(d)
	if err := c.smtp.Text.PrintfLine("%s", line); err != nil {
		return err
	}
	return c.answer(class)
}

// answer reads a reply and makes an error of one that is not of the class.
func (c *client) answer(class int) error {
	code, msg, err := readReply(&c.smtp.Text.Reader)
	if err != nil {
		return err
	}
	if code/100 != class || class == 3 && code != 354 { // 354 is the only 3xx of a message
		return &textproto.Error{Code: code, Msg: msg}
	}
	c.lastCode = code
	c.lastEnhanced, c.lastText = splitEnhanced(code, msg)
	return nil
}

func (c *client) quit() {
	c.within(5 * time.Second) // the message is delivered: the farewell is a courtesy
	if c.smtp.Text.PrintfLine("QUIT") == nil {
		_, _, _ = readReply(&c.smtp.Text.Reader)
	}
}

func (c *client) close() {
	c.stop()
	_ = c.conn.Conn.SetDeadline(time.Now().Add(time.Second))
	if c.smtp != nil {
		_ = c.smtp.Close()
	}
	_ = c.conn.Conn.Close()
}

// within bounds the next step, on the machine's clock, as the kernel knows no other.
func (c *client) within(d time.Duration) { _ = c.conn.Conn.SetDeadline(time.Now().Add(d)) }
