package deliver_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"insegel/internal/channel/mail/deliver"
	"insegel/internal/smtpd/smtptest"
)

// TestPostfixReceives delivers directly, over STARTTLS, to a real Postfix that knows some of the
// recipients, and reads its maildir.
func TestPostfixReceives(t *testing.T) {
	_, pool, certFile, keyFile := pair(t)
	pf := smtptest.Start(t, smtptest.Options{Domains: []string{"example.org"}, CertFile: certFile, KeyFile: keyFile,
		Set: map[string]string{"message_size_limit": "1000000"}})
	direct := sender(t, func(c *deliver.Config) {
		domain := map[string][]*net.MX{"example.org": {{Host: "mx.example.org.", Pref: 10}}, "elsewhere.example": {{Host: "mx.example.org.", Pref: 10}}}
		c.Resolver = zone{mx: domain, ip: map[string][]string{"mx.example.org": {"1.2.3.4"}}}
		c.Dial = (&network{servers: map[string]string{"1.2.3.4": pf.Addr}}).dial
	})
	relayed := sender(t, func(c *deliver.Config) {
		c.Roots, c.Smarthost = pool, deliver.Smarthost{Addr: pf.Addr, Mode: deliver.StartTLS}
	})
	const body = ".\r\n..\r\nräv\r\n.x\r\n"
	for i, s := range []*deliver.Sender{direct, relayed} {
		size, msg := message(fmt.Sprintf("Subject: letter %d\r\nFrom: d@desk.example\r\n\r\n%s", i, body))
		got := s.Send(t.Context(), deliver.Envelope{From: "d@desk.example", To: []string{"a@example.org", "å@example.org"}}, size, msg)
		for _, r := range got {
			if r.Outcome != deliver.Delivered || !strings.HasPrefix(r.TLS, "TLS 1.3") || r.Enhanced != "2.0.0" {
				t.Errorf("%+v", r)
			}
		}
	}
	for _, m := range pf.Mails(t, 4) {
		if !strings.Contains(m, "Subject: letter ") || !strings.HasSuffix(m, "\n\n"+strings.ReplaceAll(body, "\r\n", "\n")) {
			t.Errorf("arrived as %q", m)
		}
	}
	size, msg := message("Subject: elsewhere\r\n\r\nx\r\n")
	if r := direct.Send(t.Context(), deliver.Envelope{From: "d@desk.example", To: []string{"a@elsewhere.example"}}, size, msg)[0]; r.Outcome == deliver.Delivered && pf.Queued() == 0 {
		t.Errorf("delivered to nowhere: %+v", r)
	}
	big := "Subject: big\r\n\r\n" + strings.Repeat("0123456789\r\n", 100_000)
	_, msg = message(big)
	for _, size := range []int64{int64(len(big)), 0} { // told beforehand, and met under way
		r := direct.Send(t.Context(), deliver.Envelope{From: "d@desk.example", To: []string{"a@example.org"}}, size, func() (io.ReadCloser, error) { return msg() })[0]
		if r.Outcome != deliver.Permanent || r.Enhanced != "5.3.4" {
			t.Errorf("too large, announced %d: %+v", size, r)
		}
	}
}
