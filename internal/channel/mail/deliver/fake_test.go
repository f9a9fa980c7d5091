package deliver_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/channel/mail/deliver"
	"insegel/internal/clock"
)

// fake is a server that answers by a script: the first word of a line it is told gives the reply.
// "greeting", "." (after the message) and "message" (instead of reading it) are words too.
type fake struct {
	addr    string
	replies map[string]string
	tls     *tls.Config

	mu    sync.Mutex
	lines []string
	texts []string
	conns int
}

// What a script can do besides replying.
const (
	hangUp = "(hang up)"
	stall  = "(say nothing)"
	babble = "(reply without end)"
)

func startFake(t *testing.T, replies map[string]string, certs ...tls.Certificate) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: l.Addr().String(), replies: map[string]string{
		"greeting": "220 fake ESMTP", "EHLO": "250-fake\r\n250-SIZE 1000000\r\n250 8BITMIME", "HELO": "250 fake",
		"MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on", ".": "250 2.0.0 queued as 1", "QUIT": "221 bye",
		"STARTTLS": "220 go on", "AUTH": "235 2.7.0 ok",
	}}
	maps.Copy(f.replies, replies)
	if len(certs) > 0 {
		f.tls = &tls.Config{Certificates: certs}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns++
			f.mu.Unlock()
			wg.Go(func() { defer c.Close(); f.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return f
}

func (f *fake) serve(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(c)
	if !f.say(c, "greeting") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		f.note(line)
		word, _, _ := strings.Cut(line, " ")
		if !f.say(c, word) {
			return
		}
		switch {
		case word == "STARTTLS" && strings.HasPrefix(f.replies[word], "220"):
			t := tls.Server(c, f.tls)
			if f.tls == nil || t.Handshake() != nil {
				return
			}
			c, r = t, bufio.NewReader(t)
		case word == "DATA" && strings.HasPrefix(f.replies[word], "354"):
			if f.replies["message"] == hangUp || !f.read(r) || !f.say(c, ".") {
				return
			}
		}
	}
}

func (f *fake) read(r *bufio.Reader) bool {
	var text strings.Builder
	for {
		l, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if l == ".\r\n" {
			break
		}
		text.WriteString(l)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.texts = append(f.texts, text.String())
	return true
}

func (f *fake) say(c net.Conn, word string) bool {
	reply, ok := f.replies[word]
	if !ok {
		reply = "500 what?"
	}
	switch reply {
	case hangUp:
		return false
	case stall:
		_, _ = io.Copy(io.Discard, c) // until the client has had enough
		return false
	case babble:
		line := []byte("250-" + strings.Repeat("x", 200) + "\r\n")
		for {
			if _, err := c.Write(line); err != nil {
				return false
			}
		}
	}
	_, err := io.WriteString(c, reply+"\r\n")
	return err == nil
}

func (f *fake) note(line string) { f.mu.Lock(); defer f.mu.Unlock(); f.lines = append(f.lines, line) }

func (f *fake) said(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// zone is a Resolver of a few names.
type zone struct {
	mx map[string][]*net.MX
	ip map[string][]string
	// failing are names for which the servers do not answer.
	failing map[string]bool
}

func (z zone) LookupMX(_ context.Context, domain string) ([]*net.MX, error) {
	if z.failing[domain] {
		return nil, &net.DNSError{Err: "server misbehaving", Name: domain, IsTemporary: true}
	}
	if mx := z.mx[domain]; mx != nil {
		return append([]*net.MX(nil), mx...), nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: domain, IsNotFound: true}
}

func (z zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if z.failing[host] {
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	var ips []netip.Addr
	for _, s := range z.ip[host] {
		ips = append(ips, netip.MustParseAddr(s))
	}
	if len(ips) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return ips, nil
}

// network gives each IP address a fake server, or none, and notes the order of dialling.
type network struct {
	servers map[string]string // IP → real address
	mu      sync.Mutex
	dialled []string
}

func (n *network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	n.dialled = append(n.dialled, host)
	n.mu.Unlock()
	to, ok := n.servers[host]
	if !ok {
		return nil, errors.New("connection refused")
	}
	return (&net.Dialer{}).DialContext(ctx, network, to)
}

// quick are timeouts for servers that say nothing.
func quick() deliver.Timeouts {
	d := 100 * time.Millisecond
	return deliver.Timeouts{Dial: time.Second, Greeting: d, Command: d, DataInit: d, Block: d, DataEnd: d, Total: 20 * time.Second}
}

func sender(t *testing.T, change func(*deliver.Config)) *deliver.Sender {
	t.Helper()
	cfg := deliver.Config{
		Hostname: "desk.example", Resolver: zone{}, Dial: (&net.Dialer{}).DialContext, Clock: clock.System{},
		Shuffle: func(int, func(int, int)) {}, Log: slog.New(slog.DiscardHandler),
	}
	change(&cfg)
	s, err := deliver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// to192 delivers directly to example.org, whose only server is f.
func to192(t *testing.T, f *fake, change func(*deliver.Config)) *deliver.Sender {
	return sender(t, func(c *deliver.Config) {
		c.Resolver = zone{mx: map[string][]*net.MX{"example.org": {{Host: "mx.example.org.", Pref: 10}}}, ip: map[string][]string{"mx.example.org": {"1.2.3.4"}}}
		c.Dial = (&network{servers: map[string]string{"1.2.3.4": f.addr}}).dial
		if change != nil {
			change(c)
		}
	})
}

func message(s string) (int64, func() (io.ReadCloser, error)) {
	return int64(len(s)), func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

// pair makes a certificate for mx.example.org and localhost, the pool that trusts it, and its files.
func pair(t *testing.T) (cert tls.Certificate, pool *x509.CertPool, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mx.example.org", "localhost"}, IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(x)
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for name, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: k}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool, certFile, keyFile
}
