package smtpd_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"insegel/internal/fault"
	"insegel/internal/smtpd/smtptest"
)

func TestSwaksDelivers(t *testing.T) {
	swaks := smtptest.Tool(t, "swaks")
	h := start(t, &store{}, nil)
	for i, tc := range []struct {
		args []string
		ok   bool
		says string
	}{
		{[]string{"--to", "desk@desk.example", "--ehlo", "swaks.example"}, true, "250 2.0.0 Message is stored"},
		{[]string{"--to", "desk@desk.example,other@desk.example", "--pipeline"}, true, "250 2.0.0 Message is stored"},
		{[]string{"--to", "desk@desk.example", "--protocol", "SMTP"}, true, "250 2.0.0 Message is stored"},
		{[]string{"--to", "nobody@desk.example"}, false, "550 5.1.1 No such recipient here"},
		{[]string{"--to", "desk@desk.example", "--auth-user", "u", "--auth-password", "p"}, false, "Host did not advertise authentication"},
	} {
		args := append([]string{"--server", h.addr, "--from", "swaks@client.example", "--helo", "client.example"}, tc.args...)
		out, err := exec.Command(swaks, args...).CombinedOutput()
		if (err == nil) != tc.ok || !strings.Contains(string(out), tc.says) {
			t.Errorf("case %d: %v\n%s", i, err, out)
		}
	}
	mails := h.store.all()
	if len(mails) != 3 {
		t.Fatalf("%d messages, want 3", len(mails))
	}
	if mails[0].env.HELO != "swaks.example" || len(mails[1].env.Recipients) != 2 || !strings.Contains(mails[2].body, " with SMTP\r\n") {
		t.Errorf("envelopes %+v", []any{mails[0].env, mails[1].env, mails[2].env})
	}
}

// TestPostfixRelays puts messages through a real Postfix: over STARTTLS, 8-bit, with UTF-8 addresses,
// some large, dots at line starts, and compares what arrives with what Postfix was given.
func TestPostfixRelays(t *testing.T) {
	h := start(t, &store{}, nil)
	pf := smtptest.Start(t, smtptest.Options{RelayTo: h.addr})
	relay := &house{addr: pf.Addr}
	texts := map[string]string{
		"plain": "Subject: plain\r\nFrom: a@client.example\r\n\r\n.\r\n..\r\n.x\r\nend\r\n",
		"8bit":  "Subject: 8bit\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nr\xe4v\r\n",
		"large": "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("0123456789", 7)+"\r\n", 60_000),
		"utf8":  "Subject: räv\r\n\r\nå\r\n",
	}
	for name, text := range texts {
		p := dial(t, relay)
		p.want("220 ")
		p.say("EHLO client.example", "250-")
		from, param, to := "a@client.example", "", "desk@desk.example"
		switch name {
		case "utf8":
			param, to = " SMTPUTF8 BODY=8BITMIME", "räksmörgås@desk.example"
		case "8bit":
			param = " BODY=8BITMIME"
		}
		p.say("MAIL FROM:<"+from+">"+param, "250 ")
		p.say("RCPT TO:<"+to+">", "250 ")
		p.say("DATA", "354 ")
		p.send(strings.ReplaceAll(text, "\r\n.", "\r\n..") + ".\r\n")
		p.want("250 ")
		p.say("QUIT", "221 ")
	}
	pf.WaitEmpty(t)
	got := h.store.all()
	if len(got) != len(texts) {
		t.Fatalf("%d messages arrived, want %d", len(got), len(texts))
	}
	for _, m := range got {
		checkRelayed(t, m, texts)
	}
}

func checkRelayed(t *testing.T, m mail, texts map[string]string) {
	t.Helper()
	if !strings.HasPrefix(m.env.TLS, "TLS 1.3") {
		t.Errorf("came without TLS: %+v", m.env)
	}
	for name, text := range texts {
		_, body, _ := strings.Cut(text, "\r\n\r\n")
		if !strings.Contains(m.body, "Subject: "+strings.TrimPrefix(text[:strings.Index(text, "\r\n")], "Subject: ")) {
			continue
		}
		if !bytes.HasSuffix([]byte(m.body), []byte("\r\n\r\n"+body)) {
			t.Errorf("%s: the body changed: %d bytes of %d", name, len(m.body), len(body))
		}
		if wantUTF8 := name == "utf8"; m.env.UTF8 != wantUTF8 {
			t.Errorf("%s: SMTPUTF8 %v", name, m.env.UTF8)
		}
		return
	}
	t.Errorf("nobody sent this: %.300q", m.body)
}

// TestPostfixKeepsWhatIsRefused has the program say 451 first: Postfix comes again, and then it is 250.
func TestPostfixKeepsWhatIsRefused(t *testing.T) {
	h := start(t, &store{after: failTwice()}, nil)
	pf := smtptest.Start(t, smtptest.Options{RelayTo: h.addr})
	p := dial(t, &house{addr: pf.Addr}).begin()
	p.say("DATA", "354 ")
	p.say("Subject: again\r\n\r\nx\r\n.", "250 ")
	pf.WaitEmpty(t)
	h.only(t)
	if n := strings.Count(pf.Log(), "status=deferred"); n < 2 {
		t.Errorf("deferred %d times, want 2\n%s", n, pf.Log())
	}
}

// TestManyThroughPostfix has Postfix open as many connections as it likes.
func TestManyThroughPostfix(t *testing.T) {
	h := start(t, &store{}, nil)
	pf := smtptest.Start(t, smtptest.Options{RelayTo: h.addr})
	p := dial(t, &house{addr: pf.Addr})
	p.want("220 ")
	p.say("EHLO client.example", "250-")
	const n = 60
	for i := range n {
		p.send(fmt.Sprintf("MAIL FROM:<a@client.example>\r\nRCPT TO:<desk%d@desk.example>\r\nDATA\r\n", i))
		p.want("250 ")
		p.want("250 ")
		p.want("354 ")
		p.send(fmt.Sprintf("Subject: %d\r\n\r\nx\r\n.\r\n", i))
		p.want("250 ")
	}
	pf.WaitEmpty(t)
	seen := map[string]bool{}
	for _, m := range h.store.all() {
		seen[m.env.Recipients[0]] = true
	}
	if len(seen) != n || len(h.store.all()) != n {
		t.Errorf("%d messages for %d recipients, want %d", len(h.store.all()), len(seen), n)
	}
}

func failTwice() func(context.Context) error {
	var n atomic.Int32
	return func(context.Context) error {
		if n.Add(1) <= 2 {
			return fault.New(fault.Unavailable, "fault.unavailable")
		}
		return nil
	}
}
