package smtpd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"insegel/internal/fault"
	"insegel/internal/smtpd"
)

func TestMessageArrivesAsItWasSent(t *testing.T) {
	h := start(t, &store{}, nil)
	p := dial(t, h)
	hello := func() string { p.want("220 desk.example ESMTP"); return p.say("EHLO client.example", "250-") }()
	for _, ext := range []string{"PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "STARTTLS"} {
		if !strings.Contains(hello, ext+"\r\n") {
			t.Errorf("%s not offered in %q", ext, hello)
		}
	}
	p.say("MAIL FROM:<a@client.example> BODY=8BITMIME SIZE=100", "250 ")
	p.say("RCPT TO:<desk@desk.example>", "250 ")
	p.say("RCPT TO:<desk@desk.example>", "250 ")
	p.say("rcpt to: <other@desk.example>", "250 ")
	p.say("DATA", "354 ")
	p.send("Subject: r\xe4v\r\n\r\n..dot\r\n..\r\nbare\nlf\rcr\r\r\n.\r\n")
	p.want("250 2.0.0")
	p.say("QUIT", "221 ")
	p.closed()
	m := h.only(t)
	if got, want := m.content(t), "Subject: r\xe4v\r\n\r\n.dot\r\n.\r\nbare\nlf\rcr\r\r\n"; got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
	e := m.env
	if e.From != "a@client.example" || e.HELO != "client.example" || !e.EightBit || e.UTF8 || e.TLS != "" ||
		strings.Join(e.Recipients, " ") != "desk@desk.example other@desk.example" || e.RemoteIP.String() != "127.0.0.1" {
		t.Errorf("envelope %+v", e)
	}
	if !strings.Contains(m.body, "id "+e.ID) || !strings.Contains(m.body, " with ESMTP\r\n") {
		t.Errorf("trace %q", m.body)
	}
	if log := h.log.String(); strings.Contains(log, "@") || strings.Contains(log, "Subject") {
		t.Errorf("the log holds what a person wrote: %s", log)
	}
}

func TestPipelinedOverTLSWithUTF8(t *testing.T) {
	h := start(t, &store{}, nil)
	p := dial(t, h)
	p.want("220 ")
	p.say("EHLO client.example", "250-")
	p.secure()
	p.say("MAIL FROM:<>", "503 ") // what was said in clear is forgotten
	if r := p.say("EHLO client.example", "250-"); strings.Contains(r, "STARTTLS") {
		t.Error("STARTTLS offered inside TLS")
	}
	p.say("STARTTLS", "503 ")
	p.send("MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<räksmörgås@desk.example>\r\nDATA\r\n")
	p.want("250 ")
	p.want("250 ")
	p.want("354 ")
	p.send("Subject: x\r\n\r\nå\r\n.\r\nMAIL FROM:<b@client.example>\r\nQUIT\r\n")
	p.want("250 ")
	p.want("250 ")
	p.want("221 ")
	m := h.only(t)
	if m.env.From != "" || !m.env.UTF8 || !strings.HasPrefix(m.env.TLS, "TLS 1.3 TLS_") {
		t.Errorf("envelope %+v", m.env)
	}
	if !strings.Contains(m.body, "with UTF8SMTPS (TLS 1.3") {
		t.Errorf("trace %q", m.body)
	}
}

func TestChunks(t *testing.T) {
	h := start(t, &store{}, nil)
	p := dial(t, h).begin()
	p.send("BDAT 10\r\n0123456789BDAT 0\r\nNOOP\r\nBDAT 5 LAST\r\n\r\n.\r\n")
	for range 4 {
		p.want("250 2.0.0")
	}
	if got := h.only(t).content(t); got != "0123456789\r\n.\r\n" {
		t.Errorf("stored %q", got)
	}
	p.say("MAIL FROM:<a@client.example>", "250 ")
	p.send("BDAT 4 LAST\r\nQUIT") // no recipient: the bytes are no command
	p.want("554 5.5.1")
	p.say("RCPT TO:<desk@desk.example>", "250 ")
	p.send("BDAT 3\r\nabcRSET\r\n")
	p.want("250 2.0.0 Chunk")
	p.want("250 2.0.0 Reset")
	p.say("BDAT 0 LAST", "503 ")
	p.say("MAIL FROM:<a@client.example>", "250 ")
	p.say("RCPT TO:<desk@desk.example>", "250 ")
	p.send("BDAT 3\r\nabcDATA\r\n")
	p.want("250 ")
	p.want("503 ")
	p.say("BDAT x", "501 ")
	p.closed()
	h.only(t)
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"MAIL", "501 5.5.4"},
		{"MAIL FROM:a@b.example", "501 5.5.4"},
		{"MAIL FROM:<a@b.example", "501 5.5.4"},
		{"MAIL FROM:<a@b.example>SIZE=1", "501 5.5.4"},
		{"MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4"},
		{"MAIL FROM:<a@b.example> SIZE=52428801", "552 5.3.4"},
		{"MAIL FROM:<a@b.example> SIZE=99999999999999999999999", "552 5.3.4"},
		{"MAIL FROM:<a@b.example> BODY=BINARYMIME", "501 5.5.4"},
		{"MAIL FROM:<a@b.example> RET=HDRS", "555 5.5.4"},
		{"MAIL FROM:<å@b.example>", "553 5.6.7"},
		{"MAIL FROM:<\xe5@b.example> SMTPUTF8", "501 5.1.7"},
		{"MAIL FROM:<a b@b.example>", "501 5.1.7"},
		{"MAIL FROM:<@relay.example:a@b.example>", "250 2.1.0"},
		{`MAIL FROM:<"a>b"@b.example> SIZE=1`, "250 2.1.0"},
		{"MAIL FROM:<" + strings.Repeat("a", 600) + "@b.example>", "501 5.1.7"},
		{"RCPT TO:<desk@desk.example>", "503 5.5.1"},
		{"DATA", "503 5.5.1"},
		{"VRFY desk", "252 2.5.0"},
		{"EXPN desk", "502 5.5.1"},
		{"AUTH PLAIN AGEAYg==", "502 5.5.1"},
		{"STARTTLS now", "501 5.5.4"},
		{"HELO", "501 5.5.4"},
		{"EHLO a b", "501 5.5.4"},
		{"XYZZY", "500 5.5.2"},
		{"", "500 5.5.2"},
		{"NOOP x", "250 2.0.0"},
		{"HELP", "214 2.0.0"},
		{"GET / HTTP/1.1", "554 5.5.1"},
	} {
		t.Run(tc.line[:min(len(tc.line), 40)], func(t *testing.T) {
			h := start(t, &store{}, nil)
			p := dial(t, h)
			p.want("220 ")
			p.say("HELO client.example", "250 desk.example")
			p.say(tc.line, tc.want)
		})
	}
}

func TestRecipientFaults(t *testing.T) {
	h := start(t, &store{}, nil)
	p := dial(t, h)
	p.want("220 ")
	p.say("EHLO client.example", "250-")
	p.say("MAIL FROM:<a@client.example>", "250 ")
	p.say("RCPT TO:<nobody@desk.example>", "550 5.1.1")
	p.say("RCPT TO:<pending@desk.example>", "451 4.3.0")
	p.say("RCPT TO:<panic@desk.example>", "451 4.3.0")
	r := p.say("RCPT TO:<broken@desk.example>", "451 4.3.0")
	if strings.Contains(r, "table") {
		t.Errorf("reply tells of the inside: %q", r)
	}
	_, ref, ok := strings.Cut(strings.TrimSpace(r), "reference ")
	if !ok || !strings.Contains(h.log.String(), ref) {
		t.Errorf("reference of %q is not in the log", r)
	}
	if strings.Contains(h.log.String(), "broken@") {
		t.Error("an address is in the log")
	}
	p.say("DATA", "554 5.5.1")
	p.say("RCPT TO:<desk@desk.example> NOTIFY=NEVER", "555 5.5.4")
	p.say("RCPT TO:<Postmaster>", "250 ")
	p.say(`RCPT TO:<"two words"@desk.example>`, "250 ")
}

func TestRecipientLimit(t *testing.T) {
	h := start(t, &store{}, func(c *smtpd.Config) { c.Limits.Recipients = 3 })
	p := dial(t, h).begin()
	p.say("RCPT TO:<desk1@desk.example>", "250 ")
	p.say("RCPT TO:<desk2@desk.example>", "250 ")
	p.say("RCPT TO:<desk3@desk.example>", "452 4.5.3")
	p.say("DATA", "354 ")
	p.say("x\r\n.", "250 ")
	if n := len(h.only(t).env.Recipients); n != 3 {
		t.Errorf("%d recipients", n)
	}
}

func TestReceiveFaultsDecideTheReply(t *testing.T) {
	var next error
	h := start(t, &store{after: func(context.Context) error { return next }}, nil)
	p := dial(t, h)
	p.want("220 ")
	p.say("EHLO client.example", "250-")
	for _, tc := range []struct {
		err  error
		want string
	}{
		{fault.New(fault.Unavailable, "fault.unavailable"), "451 4.3.0"},
		{fmt.Errorf("store: %w", fault.New(fault.TooMany, "fault.too_many")), "451 4.7.0"},
		{fault.New(fault.Invalid, "fault.invalid"), "554 5.6.0"},
		{context.Canceled, "451 4.3.0"},
		{errors.New("disk on fire at /var/lib; desk@desk.example"), "451 4.3.0 Internal error, reference "},
	} {
		next = tc.err
		for _, send := range []string{"DATA\r\n", "BDAT 3 LAST\r\nx\r\n"} {
			p.say("MAIL FROM:<a@client.example>", "250 ")
			p.say("RCPT TO:<desk@desk.example>", "250 ")
			p.send(send)
			if send == "DATA\r\n" {
				p.want("354 ")
				p.send("x\r\n.\r\n")
			}
			p.want(tc.want)
		}
	}
	if len(h.store.all()) != 0 {
		t.Error("a refused message was kept")
	}
	if strings.Contains(h.log.String(), "desk@desk.example") {
		t.Error("an address is in the log")
	}
}

func TestNoThanksForAnUnreadMessage(t *testing.T) {
	h := start(t, &store{hasty: true}, nil)
	p := dial(t, h).begin()
	p.say("DATA", "354 ")
	p.say("x\r\n.", "451 4.3.0")
}
