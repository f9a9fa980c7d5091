package smtpd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/smtpd"
)

func small(c *smtpd.Config) { c.Limits.MessageBytes = 1000 }

func TestMessageSize(t *testing.T) {
	h := start(t, &store{}, small)
	p := dial(t, h)
	p.want("220 ")
	p.say("EHLO client.example", "250-")
	line := strings.Repeat("x", 98) + "\r\n"
	for _, tc := range []struct {
		text, want string
	}{
		{strings.Repeat(line, 10), "250 2.0.0"},
		{strings.Repeat(line, 10) + "\r\n", "552 5.3.4"},
		{strings.Repeat(line, 19), "552 5.3.4"},
	} {
		p.say("MAIL FROM:<a@client.example> SIZE=1000", "250 ")
		p.say("RCPT TO:<desk@desk.example>", "250 ")
		p.say("DATA", "354 ")
		p.send(tc.text + ".\r\n")
		p.want(tc.want)
		p.say("MAIL FROM:<a@client.example>", "250 ")
		p.say("RCPT TO:<desk@desk.example>", "250 ")
		half := len(tc.text) / 2
		p.send(fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", half, tc.text[:half], len(tc.text)-half, tc.text[half:]))
		p.want("250 2.0.0 Chunk")
		p.want(tc.want)
	}
	if n := len(h.store.all()); n != 2 {
		t.Errorf("%d messages kept, want the 2 that fit", n)
	}
}

func TestEndlessMessageIsCutOff(t *testing.T) {
	h := start(t, &store{}, small)
	p := dial(t, h).begin()
	p.say("DATA", "354 ")
	p.send(strings.Repeat(strings.Repeat("x", 98)+"\r\n", 40))
	p.want("421 ")
	p.closed()
	if len(h.store.all()) != 0 {
		t.Error("kept")
	}
}

// Every way of ending data that one mail server or another has taken for CR LF . CR LF.
func TestSmuggledMessagesStayText(t *testing.T) {
	for _, end := range []string{
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\n.\r\r\n", "\r\n. \r\n",
	} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			h := start(t, &store{}, nil)
			p := dial(t, h).begin()
			p.say("DATA", "354 ")
			inner := "MAIL FROM:<ceo@client.example>\r\nRCPT TO:<desk@desk.example>\r\nDATA\r\nSubject: forged\r\n\r\nx"
			p.send("Subject: one\r\n\r\nx" + end + inner + "\r\n.\r\n")
			p.want("250 2.0.0")
			p.say("QUIT", "221 ")
			if got := h.only(t).content(t); !strings.HasSuffix(got, inner+"\r\n") {
				t.Errorf("stored %q", got)
			}
		})
	}
}

func TestCommandsInjectedBeforeTLSAreNotObeyed(t *testing.T) {
	h := start(t, &store{}, nil)
	p := dial(t, h)
	p.want("220 ")
	p.say("EHLO client.example", "250-")
	p.send("STARTTLS\r\nRSET\r\n")
	p.want("554 ")
	p.closed()
}

func TestHalfAMessageLeavesNothing(t *testing.T) {
	for _, sent := range []string{
		"DATA\r\n", "DATA\r\nSubject: x\r\n\r\nhalf", "DATA\r\nSubject: x\r\n\r\nall\r\n.\r", "BDAT 10 LAST\r\nhalf", "BDAT 4\r\nhalf", "BDAT 4\r\nhalfBDAT 2 LAST\r\nx",
	} {
		ended := make(chan struct{}, 1)
		h := start(t, &store{during: func(context.Context) { ended <- struct{}{} }}, nil)
		p := dial(t, h).begin()
		p.send(sent)
		<-ended
		_ = p.Close()
		if err := h.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(h.store.all()) != 0 {
			t.Errorf("%q was kept", sent)
		}
	}
}

func TestPatience(t *testing.T) {
	t.Run("errors", func(t *testing.T) {
		h := start(t, &store{}, func(c *smtpd.Config) { c.Limits.Errors = 3 })
		p := dial(t, h)
		p.want("220 ")
		p.say("A", "500 ")
		p.say("B", "500 ")
		p.say("C", "500 ")
		p.want("421 4.7.0")
		p.closed()
	})
	t.Run("unknown recipients", func(t *testing.T) {
		h := start(t, &store{}, func(c *smtpd.Config) { c.Limits.Unknown = 4 })
		p := dial(t, h).begin()
		for range 3 {
			p.say("RCPT TO:<guess@desk.example>", "550 5.1.1")
		}
		p.say("RCPT TO:<guess@desk.example>", "421 4.7.0")
		p.closed()
	})
	t.Run("own relay", func(t *testing.T) {
		h := start(t, &store{}, func(c *smtpd.Config) {
			c.Limits.Unknown, c.Limits.Relays = 4, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		})
		p := dial(t, h).begin()
		for range 30 {
			p.say("RCPT TO:<guess@desk.example>", "550 5.1.1")
		}
	})
	t.Run("messages", func(t *testing.T) {
		h := start(t, &store{}, func(c *smtpd.Config) { c.Limits.Messages = 1 })
		p := dial(t, h).begin()
		p.say("DATA", "354 ")
		p.say("x\r\n.", "250 ")
		p.want("421 4.7.0")
		p.closed()
	})
	t.Run("line", func(t *testing.T) {
		h := start(t, &store{}, nil)
		p := dial(t, h)
		p.want("220 ")
		p.send("EHLO " + strings.Repeat("x", 3000) + "\r\n")
		p.want("500 5.5.6")
	})
	t.Run("idle", func(t *testing.T) {
		h := start(t, &store{}, func(c *smtpd.Config) { c.Timeouts.Command = 50 * time.Millisecond })
		p := dial(t, h)
		p.want("220 ")
		p.want("421 4.4.2")
		p.closed()
	})
	t.Run("stalled message", func(t *testing.T) {
		h := start(t, &store{}, func(c *smtpd.Config) { c.Timeouts.DataBlock = 50 * time.Millisecond })
		p := dial(t, h).begin()
		p.say("DATA", "354 ")
		p.want("421 4.4.2")
		p.closed()
	})
	t.Run("lifetime", func(t *testing.T) {
		h := start(t, &store{}, func(c *smtpd.Config) { c.Timeouts.Lifetime = 50 * time.Millisecond })
		p := dial(t, h)
		p.closed220()
	})
}

// closed220 reads the greeting and whatever farewell there is, up to the end.
func (p *peer) closed220() {
	p.t.Helper()
	p.want("220 ")
	for {
		if _, err := p.r.ReadByte(); err != nil {
			if strings.Contains(err.Error(), "timeout") {
				p.t.Fatal("the server held on")
			}
			return
		}
	}
}

func TestConnectionLimits(t *testing.T) {
	h := start(t, &store{}, func(c *smtpd.Config) { c.Limits.PerSource = 2 })
	a, b := dial(t, h), dial(t, h)
	a.want("220 ")
	b.want("220 ")
	c := dial(t, h)
	c.want("421 4.7.0")
	c.closed()
	a.say("QUIT", "221 ")
	a.closed()
	h2 := start(t, &store{}, func(c *smtpd.Config) { c.Limits.Connections = 1 })
	d := dial(t, h2)
	d.want("220 ")
	dial(t, h2).want("421 4.7.0")
}

// patient reads the first message far enough to need all the room there is, and then waits.
type patient struct {
	store
	met      atomic.Bool
	has, end chan struct{}
}

func (p *patient) Receive(ctx context.Context, env smtpd.Envelope, body io.Reader) error {
	if p.met.CompareAndSwap(false, true) {
		b := make([]byte, 70_000)
		_, err := io.ReadFull(body, b)
		close(p.has)
		<-p.end
		if err != nil {
			return err
		}
		body = io.MultiReader(bytes.NewReader(b), body)
	}
	return p.store.Receive(ctx, env, body)
}

func TestBytesInFlightAreBounded(t *testing.T) {
	in := &patient{has: make(chan struct{}), end: make(chan struct{})}
	h := start(t, &in.store, func(c *smtpd.Config) {
		c.Intake, c.Limits.MessageBytes, c.Limits.InFlightBytes = in, 1<<17, 1<<17
	})
	text := strings.Repeat(strings.Repeat("x", 98)+"\r\n", 700) // two pieces of 64 KiB
	a := dial(t, h).begin()
	a.say("DATA", "354 ")
	a.send(text + ".\r\n")
	<-in.has
	b := dial(t, h).begin()
	b.say("DATA", "354 ")
	b.send(text + ".\r\n")
	b.want("452 4.3.1")
	close(in.end)
	a.want("250 ")
	b.say("MAIL FROM:<a@client.example>", "250 ") // and the room is free again
	b.say("RCPT TO:<desk@desk.example>", "250 ")
	b.say("DATA", "354 ")
	b.send(text + ".\r\n")
	b.want("250 ")
}

func TestGuessingGetsSlowerAndIsForgotten(t *testing.T) {
	now := clock.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	g := smtpd.NewGate(smtpd.Limits{Sources: 3, Connections: 10, PerSource: 10}, now)
	ip := netip.MustParseAddr("192.0.2.1")
	var last time.Duration
	for i := range 15 {
		d := g.Guessed(ip)
		if i < 5 && d != 0 {
			t.Errorf("guess %d waits %v", i, d)
		}
		if d < last || d > 8*time.Second {
			t.Errorf("guess %d waits %v after %v", i, d, last)
		}
		last = d
	}
	if last != 8*time.Second {
		t.Errorf("the last guess waits %v", last)
	}
	if d := g.Guessed(netip.MustParseAddr("192.0.2.2")); d != 0 {
		t.Errorf("a neighbour waits %v", d)
	}
	now.Add(10 * time.Minute)
	if d := g.Guessed(ip); d != 0 {
		t.Errorf("ten minutes later a guess waits %v", d)
	}
	for i := range 200 {
		g.Guessed(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
	}
	if n := g.Sources(); n > 3 {
		t.Errorf("%d sources remembered, limit 3", n)
	}
}

func TestShutdownLetsAMessageFinish(t *testing.T) {
	in, out := make(chan struct{}), make(chan struct{})
	h := start(t, &store{after: func(context.Context) error { close(in); <-out; return nil }}, nil)
	idle := dial(t, h)
	idle.want("220 ")
	idle.say("EHLO client.example", "250-")
	idle.secure()
	idle.say("NOOP", "250 ")
	busy := dial(t, h).begin()
	busy.say("DATA", "354 ")
	busy.send("x\r\n.\r\n")
	<-in
	done := make(chan error)
	go func() { done <- h.Shutdown(context.Background()) }()
	idle.want("421 4.3.2")
	idle.closed()
	close(out)
	busy.want("250 2.0.0")
	busy.want("421 4.3.2")
	busy.closed()
	if err := <-done; err != nil {
		t.Error(err)
	}
	h.only(t)
}

func TestHardStopCancelsAndKeepsNothing(t *testing.T) {
	in := make(chan struct{})
	h := start(t, &store{after: func(ctx context.Context) error {
		close(in)
		<-ctx.Done()
		return fault.Because(ctx.Err(), fault.Unavailable, "fault.unavailable")
	}}, nil)
	p := dial(t, h).begin()
	p.say("DATA", "354 ")
	p.send("x\r\n.\r\n")
	<-in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Shutdown(ctx); err == nil {
		t.Error("Shutdown says that all finished")
	}
	if l, err := p.r.ReadString('\n'); err == nil && strings.HasPrefix(l, "250") {
		t.Errorf("acknowledged: %q", l)
	}
	if len(h.store.all()) != 0 {
		t.Error("kept")
	}
}
