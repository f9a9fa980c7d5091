package deliver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/channel/mail/deliver"
)

const text = "Subject: x\r\n\r\n.dot\nbare\rcr\r\nno end"

func TestDelivers(t *testing.T) {
	f := startFake(t, nil)
	size, msg := message(text)
	got := to192(t, f, nil).Send(t.Context(), deliver.Envelope{From: "", To: []string{"a@example.org", "b@EXAMPLE.org"}}, size, msg)
	for i, to := range []string{"a@example.org", "b@EXAMPLE.org"} {
		want := deliver.Result{To: to, Outcome: deliver.Delivered, Code: 250, Enhanced: "2.0.0", Text: "queued as 1", Host: "mx.example.org"}
		if got[i] != want {
			t.Errorf("got %+v, want %+v", got[i], want)
		}
	}
	if want := []string{"Subject: x\r\n\r\n..dot\r\nbare\r\ncr\r\nno end\r\n"}; fmt.Sprint(f.texts) != fmt.Sprint(want) {
		t.Errorf("sent %q, want %q", f.texts, want)
	}
	if f.said(fmt.Sprintf("MAIL FROM:<> BODY=8BITMIME SIZE=%d", size)) != 1 || f.conns != 1 {
		t.Errorf("said %q", f.lines)
	}
}

// TestHostileServers holds every way in which a server can fail to one rule: Delivered only after 2xx to
// the whole message, Permanent only after a 5xx that concerns the message or its recipient.
func TestHostileServers(t *testing.T) {
	const temp, perm, ok = deliver.Temporary, deliver.Permanent, deliver.Delivered
	for _, tc := range []struct {
		word, reply string
		want        deliver.Outcome
		code        int
		enhanced    string
	}{
		{"greeting", hangUp, temp, 0, "4.4.2"},
		{"greeting", stall, temp, 0, "4.4.2"},
		{"greeting", babble, temp, 0, "4.4.2"},
		{"greeting", "SSH-2.0-OpenSSH_9.2", temp, 0, "4.4.2"},
		{"greeting", "421 4.3.2 closing", temp, 421, "4.3.2"},
		{"greeting", "554 5.7.1 go away", temp, 554, "4.3.2"},
		{"EHLO", hangUp, temp, 0, "4.4.2"},
		{"EHLO", stall, temp, 0, "4.4.2"},
		{"EHLO", babble, temp, 0, "4.4.2"},
		{"EHLO", "\x00\xff\x01", ok, 250, "2.0.0"}, // as no answer that means EHLO: HELO will do
		{"EHLO", "500 what?", ok, 250, "2.0.0"},    // HELO will do
		{"MAIL", hangUp, temp, 0, "4.4.2"},
		{"MAIL", stall, temp, 0, "4.4.2"},
		{"MAIL", babble, temp, 0, "4.4.2"},
		{"MAIL", "451 4.7.1 later", temp, 451, "4.7.1"},
		{"MAIL", "550 5.7.1 you are listed", perm, 550, "5.7.1"},
		{"MAIL", "354 go on", temp, 354, "4.5.0"},
		{"MAIL", "999 ???", temp, 0, "4.4.2"},
		{"MAIL", "050 ???", temp, 0, "4.4.2"},
		{"RCPT", hangUp, temp, 0, "4.4.2"},
		{"RCPT", stall, temp, 0, "4.4.2"},
		{"RCPT", "450 4.2.0 greylisted", temp, 450, "4.2.0"},
		{"RCPT", "550 5.1.1 no such user", perm, 550, "5.1.1"},
		{"RCPT", "550 no such user", perm, 550, "5.0.0"},
		{"RCPT", "550 2.1.5 liar", perm, 550, "5.0.0"},
		{"RCPT", "552 5.2.2 too many recipients", temp, 552, "4.5.3"},
		{"RCPT", "421 4.3.2 closing", temp, 421, "4.3.2"},
		{"RCPT", "garbage", temp, 0, "4.4.2"},
		{"DATA", hangUp, temp, 0, "4.4.2"},
		{"DATA", stall, temp, 0, "4.4.2"},
		{"DATA", "250 ok", temp, 250, "4.5.0"},
		{"DATA", "451 4.3.0 no room", temp, 451, "4.3.0"},
		{"DATA", "554 5.5.1 no valid recipients", perm, 554, "5.5.1"},
		{"DATA", "354 go on\r\n250 2.0.0 queued already", temp, 0, "4.4.2"}, // before the dot was said
		{"MAIL", "250 ok\r\n250 ok", temp, 0, "4.4.2"},
		{"MAIL", "250-ok\r\n550 no", temp, 0, "4.4.2"},
		{"message", hangUp, temp, 0, "4.4.2"},
		{".", hangUp, temp, 0, "4.4.2"},
		{".", stall, temp, 0, "4.4.2"},
		{".", babble, temp, 0, "4.4.2"},
		{".", "250-2.0.0 almost", temp, 0, "4.4.2"}, // the last line never comes
		{".", "354 go on", temp, 354, "4.5.0"},
		{".", "garbage", temp, 0, "4.4.2"},
		{".", "451 4.3.0 disk full", temp, 451, "4.3.0"},
		{".", "554 5.7.1 spam", perm, 554, "5.7.1"},
		{".", "250", ok, 250, "2.0.0"},
		{"QUIT", hangUp, ok, 250, "2.0.0"},
		{"QUIT", babble, ok, 250, "2.0.0"},
		{"QUIT", "554 no", ok, 250, "2.0.0"},
	} {
		t.Run(tc.word+" "+tc.reply, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, map[string]string{tc.word: tc.reply})
			size, msg := message(strings.Repeat(text, 10))
			got := to192(t, f, func(c *deliver.Config) {
				if tc.reply == stall || strings.HasSuffix(tc.reply, "almost") || strings.HasPrefix(tc.reply, "SSH-") {
					c.Timeouts = quick() // only where the verdict is the same wherever patience ends
				}
			}).Send(t.Context(), deliver.Envelope{From: "d@desk.example", To: []string{"a@example.org"}}, size, msg)[0]
			if got.Outcome != tc.want || got.Code != tc.code || got.Enhanced != tc.enhanced {
				t.Errorf("got %+v, want %v %d %s", got, tc.want, tc.code, tc.enhanced)
			}
			if len(got.Text) > 500 || strings.ContainsAny(got.Text, "\r\n\x00") {
				t.Errorf("text %q", got.Text)
			}
		})
	}
}

func TestEachRecipientHasItsOwnVerdict(t *testing.T) {
	f := startFake(t, map[string]string{"RCPT": "550 5.1.1 no"})
	g := startFake(t, nil)
	s := sender(t, func(c *deliver.Config) {
		c.Resolver = zone{ip: map[string][]string{"a.example": {"1.1.1.1"}, "b.example": {"2.2.2.2"}, "xn--rksmrgs-5wao1o.example": {"2.2.2.2"}}}
		c.Dial = (&network{servers: map[string]string{"1.1.1.1": f.addr, "2.2.2.2": g.addr}}).dial
	})
	size, msg := message(text)
	got := s.Send(t.Context(), deliver.Envelope{From: "d@desk.example", To: []string{
		"x@a.example", "y@b.example", "nobody", "z@räksmörgås.example", "z@[127.0.0.1]", "a\r\nDATA@b.example", "å@b.example",
	}}, size, msg)
	for i, want := range []string{"permanent 5.1.1", "permanent 5.6.7", "permanent 5.1.3", "delivered 2.0.0", "permanent 5.1.3", "permanent 5.1.3", "permanent 5.6.7"} {
		if is := got[i].Outcome.String() + " " + got[i].Enhanced; is != want {
			t.Errorf("%q: %s (%s), want %s", got[i].To, is, got[i].Text, want)
		}
	}
}

func TestRouting(t *testing.T) {
	f := startFake(t, nil)
	bad := startFake(t, map[string]string{"greeting": "554 5.3.2 no"})
	mx := func(host string, pref uint16) *net.MX { return &net.MX{Host: host, Pref: pref} }
	for _, tc := range []struct {
		name    string
		mx      []*net.MX
		dialled string
		want    string
	}{
		{"preference, then the next", []*net.MX{mx("c.", 30), mx("good.", 20), mx("dead.", 10)}, "9.9.9.9 1.1.1.1", "delivered 2.0.0"},
		{"a server that refuses all", []*net.MX{mx("bad.", 10), mx("good.", 20)}, "2.2.2.2 1.1.1.1", "delivered 2.0.0"},
		{"all refuse", []*net.MX{mx("bad.", 10)}, "2.2.2.2", "temporary 4.3.2"},
		{"equal ones are shuffled", []*net.MX{mx("good.", 10), mx("dead.", 10)}, "9.9.9.9 1.1.1.1", "delivered 2.0.0"},
		{"null MX", []*net.MX{mx(".", 0)}, "", "permanent 5.1.10"},
		{"no MX", nil, "1.1.1.1", "delivered 2.0.0"},
		{"address as MX", []*net.MX{mx("3.3.3.3.", 10), mx("good.", 20)}, "1.1.1.1", "delivered 2.0.0"},
		{"MX without address", []*net.MX{mx("none.", 10)}, "", "permanent 5.1.2"},
		{"resolver down for the host", []*net.MX{mx("silent.", 10)}, "", "temporary 4.4.3"},
		{"loopback", []*net.MX{mx("loop.", 10)}, "", "permanent 5.4.6"},
		{"private", []*net.MX{mx("private.", 10)}, "", "permanent 5.4.6"},
		{"ourselves", []*net.MX{mx("own.", 10)}, "", "permanent 5.4.6"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := &network{servers: map[string]string{"1.1.1.1": f.addr, "2.2.2.2": bad.addr}}
			s := sender(t, func(c *deliver.Config) {
				c.Resolver = zone{mx: map[string][]*net.MX{"d.example": tc.mx}, failing: map[string]bool{"silent": true}, ip: map[string][]string{
					"good": {"1.1.1.1"}, "bad": {"2.2.2.2"}, "dead": {"9.9.9.9"}, "c": {"1.1.1.1"}, "d.example": {"1.1.1.1"},
					"loop": {"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"}, "private": {"10.1.2.3", "fd00::1", "169.254.169.254", "fe80::1", "100.64.0.1", "64:ff9b::7f00:1"}, "own": {"8.8.8.8"},
				}}
				c.Dial, c.Own = n.dial, []netip.AddrPort{netip.MustParseAddrPort("8.8.8.8:25")}
				c.Shuffle = func(k int, swap func(i, j int)) {
					for i := range k / 2 {
						swap(i, k-1-i)
					}
				}
			})
			size, msg := message(text)
			got := s.Send(t.Context(), deliver.Envelope{From: "d@desk.example", To: []string{"a@d.example"}}, size, msg)[0]
			if is := got.Outcome.String() + " " + got.Enhanced; is != tc.want || strings.Join(n.dialled, " ") != tc.dialled {
				t.Errorf("%s (%s) by way of %v, want %s by way of %s", is, got.Text, n.dialled, tc.want, tc.dialled)
			}
		})
	}
}

func TestResolverDownIsTemporary(t *testing.T) {
	s := sender(t, func(c *deliver.Config) { c.Resolver = zone{failing: map[string]bool{"d.example": true}} })
	size, msg := message(text)
	got := s.Send(t.Context(), deliver.Envelope{To: []string{"a@d.example"}}, size, msg)[0]
	if got.Outcome != deliver.Temporary || got.Enhanced != "4.4.3" {
		t.Errorf("%+v", got)
	}
}

func TestOpportunisticTLS(t *testing.T) {
	cert, _, _, _ := pair(t)
	withTLS := "250-fake\r\n250 STARTTLS"
	size, msg := message(text)
	env := deliver.Envelope{From: "d@desk.example", To: []string{"a@example.org"}}
	good := startFake(t, map[string]string{"EHLO": withTLS}, cert)
	if got := to192(t, good, nil).Send(t.Context(), env, size, msg)[0]; got.Outcome != deliver.Delivered || !strings.HasPrefix(got.TLS, "TLS 1.3 ") {
		t.Errorf("%+v", got)
	}
	broken := startFake(t, map[string]string{"EHLO": withTLS}) // no certificate: the handshake breaks
	if got := to192(t, broken, nil).Send(t.Context(), env, size, msg)[0]; got.Outcome != deliver.Delivered || got.TLS != "" || broken.conns != 2 {
		t.Errorf("%+v in %d connections", got, broken.conns)
	}
}

func TestSmarthost(t *testing.T) {
	cert, pool, _, _ := pair(t)
	size, msg := message(text)
	env := deliver.Envelope{From: "d@desk.example", To: []string{"a@example.org", "b@example.net"}}
	ok, refused := "delivered 2.0.0", "temporary 4.7.4"
	for _, tc := range []struct {
		name, ehlo string
		mode       deliver.TLSMode
		user       string
		trusted    bool
		auth, want string
	}{
		{"verified, PLAIN", "250-f\r\n250-AUTH LOGIN PLAIN\r\n250 STARTTLS", deliver.StartTLS, "u", true, "AUTH PLAIN AHUAcA==", ok},
		{"verified, LOGIN", "250-f\r\n250-AUTH LOGIN\r\n250 STARTTLS", deliver.StartTLS, "u", true, "AUTH LOGIN", ok},
		{"not trusted", "250-f\r\n250-AUTH PLAIN\r\n250 STARTTLS", deliver.StartTLS, "u", false, "", refused},
		{"not offered", "250-f\r\n250 AUTH PLAIN", deliver.StartTLS, "u", true, "", refused},
		{"in clear", "250 f", deliver.Plain, "", false, "", ok},
		{"opportunistic", "250-f\r\n250 STARTTLS", deliver.Opportunistic, "", false, "", ok},
	} {
		t.Run(tc.name, func(t *testing.T) {
			replies := map[string]string{"EHLO": tc.ehlo}
			if tc.auth == "AUTH LOGIN" {
				replies["AUTH"], replies["dQ=="], replies["cA=="] = "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 ok"
			}
			f := startFake(t, replies, cert)
			s := sender(t, func(c *deliver.Config) {
				c.Smarthost = deliver.Smarthost{Addr: f.addr, Mode: tc.mode, User: tc.user, Password: "p"}
				if tc.trusted {
					c.Roots = pool
				}
			})
			for _, r := range s.Send(t.Context(), env, size, msg) {
				if is := r.Outcome.String() + " " + r.Enhanced; is != tc.want {
					t.Errorf("%s: %s (%s), want %s", r.To, is, r.Text, tc.want)
				}
			}
			if n := f.said("AUTH"); (n == 1) != (tc.auth != "") || tc.auth != "" && f.said(tc.auth) != 1 {
				t.Errorf("said %q", f.lines)
			}
		})
	}
	f := startFake(t, map[string]string{"EHLO": "250-f\r\n250-AUTH PLAIN\r\n250 STARTTLS", "AUTH": "535 5.7.8 wrong"}, cert)
	s := sender(t, func(c *deliver.Config) {
		c.Roots, c.Smarthost = pool, deliver.Smarthost{Addr: f.addr, User: "u", Password: "p"}
	})
	if got := s.Send(t.Context(), env, size, msg)[0]; got.Outcome != deliver.Temporary {
		t.Errorf("a wrong password must not bounce mail: %+v", got)
	}
	if _, err := deliver.New(deliver.Config{Smarthost: deliver.Smarthost{Addr: "h:25", Mode: deliver.Plain, User: "u"}}); err == nil || !strings.Contains(err.Error(), "login needs verified TLS") {
		t.Errorf("login in clear: %v", err)
	}
}

func TestUTF8OnlyWhereNeeded(t *testing.T) {
	size, msg := message(text)
	f := startFake(t, map[string]string{"EHLO": "250-f\r\n250 SMTPUTF8"})
	to192(t, f, nil).Send(t.Context(), deliver.Envelope{To: []string{"a@example.org"}}, size, msg)
	if f.said("MAIL FROM:<> SMTPUTF8") != 0 {
		t.Error("asked for SMTPUTF8 without need")
	}
	got := to192(t, f, nil).Send(t.Context(), deliver.Envelope{To: []string{"å@example.org"}}, size, msg)[0]
	if got.Outcome != deliver.Delivered || f.said("MAIL FROM:<> SMTPUTF8") != 1 || f.said("RCPT TO:<å@example.org>") != 1 {
		t.Errorf("%+v, said %q", got, f.lines)
	}
}

func TestTooLargeIsNotSent(t *testing.T) {
	f := startFake(t, map[string]string{"EHLO": "250-f\r\n250 SIZE 10"})
	size, msg := message(text)
	got := to192(t, f, nil).Send(t.Context(), deliver.Envelope{To: []string{"a@example.org"}}, size, msg)[0]
	if got.Outcome != deliver.Permanent || got.Enhanced != "5.3.4" || f.said("MAIL") != 0 {
		t.Errorf("%+v", got)
	}
}

// A message that cannot be read to its end must not get a dot, or half of it would be a letter.
func TestOurOwnTroubleEndsWithoutADot(t *testing.T) {
	f := startFake(t, nil)
	got := to192(t, f, nil).Send(t.Context(), deliver.Envelope{To: []string{"a@example.org"}}, 0, func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat(text, 5000)), failing{})), nil
	})[0]
	if got.Outcome != deliver.Temporary || !strings.Contains(got.Text, "could not be read here") || len(f.texts) != 0 {
		t.Errorf("%+v, taken %d", got, len(f.texts))
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk") }

func TestOneDomainIsNotFlooded(t *testing.T) {
	f := startFake(t, nil)
	var mu sync.Mutex
	now, most := 0, 0
	s := to192(t, f, func(c *deliver.Config) { c.PerDomain = 2 })
	size, msg := message(text)
	counted := func() (io.ReadCloser, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		r, err := msg()
		return closer{r, func() { mu.Lock(); now--; mu.Unlock() }}, err
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := s.Send(t.Context(), deliver.Envelope{To: []string{"a@example.org"}}, size, counted)[0]; r.Outcome != deliver.Delivered {
				t.Errorf("%+v", r)
			}
		})
	}
	wg.Wait()
	if most > 2 || len(f.texts) != 20 {
		t.Errorf("%d at once, %d delivered", most, len(f.texts))
	}
}

type closer struct {
	io.Reader
	done func()
}

func (c closer) Close() error { c.done(); return nil }

func TestNextTry(t *testing.T) {
	first := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, jitter := range []float64{0, 0.5, 0.999, -3, 7} {
		now, tries, before := first, 1, time.Duration(0)
		for {
			next, giveUp := deliver.NextTry(tries, first, now, jitter)
			if giveUp {
				break
			}
			wait := next.Sub(now)
			if wait <= 0 || wait > 5*time.Hour {
				t.Fatalf("jitter %v: try %d waits %v", jitter, tries, wait)
			}
			last := next.Equal(first.Add(5 * 24 * time.Hour))
			if !last && wait < before {
				t.Errorf("jitter %v: try %d waits %v after %v", jitter, tries, wait, before)
			}
			now, before = next, wait
			tries++
		}
		if d := now.Sub(first); d != 5*24*time.Hour || tries < 25 || tries > 45 {
			t.Errorf("jitter %v: gave up after %v and %d tries", jitter, d, tries)
		}
	}
}
