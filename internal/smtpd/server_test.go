package smtpd_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/smtpd"
)

// store is an Intake that keeps in memory, and answers by the local part of the recipient.
type store struct {
	mu    sync.Mutex
	mails []mail
	// during is called, where set, before the body is read.
	during func(context.Context)
	// after is called, where set, when the body has been read; its error is Receive's.
	after func(context.Context) error
	// hasty makes Receive say that all is well without reading.
	hasty bool
}

type mail struct {
	env  smtpd.Envelope
	body string
}

func (s *store) Recipient(_ context.Context, addr string) error {
	local, _, _ := strings.Cut(strings.ToLower(addr), "@")
	switch local {
	case "pending":
		return fault.New(fault.Unavailable, "fault.unavailable")
	case "broken":
		return errors.New("no such table: addresses; while looking up " + addr)
	case "panic":
		panic("recipient")
	case "desk", "other", "postmaster", "räksmörgås", `"two words"`:
		return nil
	}
	if strings.HasPrefix(local, "desk") {
		return nil
	}
	return fault.New(fault.NotFound, "fault.not_found")
}

func (s *store) Receive(ctx context.Context, env smtpd.Envelope, body io.Reader) error {
	if s.hasty {
		return nil
	}
	if s.during != nil {
		s.during(ctx)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if s.after != nil {
		if err := s.after(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, mail{env, string(b)})
	return nil
}

func (s *store) all() []mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]mail(nil), s.mails...)
}

// house is a running server.
type house struct {
	*smtpd.Server
	store *store
	log   *lockedBuffer
	addr  string
	done  chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func start(t testing.TB, st *store, change func(*smtpd.Config)) *house {
	t.Helper()
	log := &lockedBuffer{}
	cfg := smtpd.Config{
		Addresses: []string{"127.0.0.1:0"}, Hostname: "desk.example", TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}},
		Intake: st, Clock: clock.System{}, IDs: id.NewSource(clock.System{}, nil),
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := smtpd.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := &house{Server: s, store: st, log: log, addr: s.Addrs()[0].String(), done: make(chan error, 1)}
	go func() { h.done <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		s.Close()
		<-h.done
	})
	return h
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "desk.example"}, DNSNames: []string{"desk.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// peer is a client that says what it likes.
type peer struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, h *house) *peer {
	t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &peer{t, c, bufio.NewReader(c)}
}

func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, s); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

var replyLine = regexp.MustCompile(`^[2-5]\d\d[ -].*\r\n$`)

// reply reads one whole reply.
func (p *peer) reply() string {
	p.t.Helper()
	var all strings.Builder
	for {
		l, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("read: %v (so far %q)", err, all.String()+l)
		}
		if !replyLine.MatchString(l) {
			p.t.Fatalf("no reply line: %q", l)
		}
		all.WriteString(l)
		if l[3] == ' ' {
			return all.String()
		}
	}
}

func (p *peer) want(prefix string) string {
	p.t.Helper()
	r := p.reply()
	if !strings.HasPrefix(r, prefix) {
		p.t.Fatalf("reply %q, want %s", r, prefix)
	}
	return r
}

// say sends a line and checks the reply.
func (p *peer) say(line, prefix string) string {
	p.t.Helper()
	p.send(line + "\r\n")
	return p.want(prefix)
}

// closed checks that the server has hung up.
func (p *peer) closed() {
	p.t.Helper()
	if b, err := p.r.ReadByte(); err == nil {
		p.t.Fatalf("still open, read %q", b)
	}
}

func (p *peer) begin() *peer {
	p.t.Helper()
	p.want("220 ")
	p.say("EHLO client.example", "250-")
	p.say("MAIL FROM:<a@client.example>", "250 2.1.0")
	p.say("RCPT TO:<desk@desk.example>", "250 2.1.5")
	return p
}

func (p *peer) secure() {
	p.t.Helper()
	p.say("STARTTLS", "220 ")
	c := tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: "desk.example"})
	if err := c.Handshake(); err != nil {
		p.t.Fatal(err)
	}
	p.Conn, p.r = c, bufio.NewReader(c)
}

func (h *house) only(t *testing.T) mail {
	t.Helper()
	m := h.store.all()
	if len(m) != 1 {
		t.Fatalf("%d messages, want 1", len(m))
	}
	return m[0]
}

// content is a stored message without the server's own Received field.
func (m mail) content(t *testing.T) string {
	t.Helper()
	head := regexp.MustCompile(`^Received: from .*\r\n\tby .*\r\n\tid .*\r\n`)
	if !head.MatchString(m.body) {
		t.Fatalf("no Received field first: %q", m.body)
	}
	return head.ReplaceAllString(m.body, "")
}
