package smtpd_test

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"insegel/internal/smtpd"
)

var acknowledged = regexp.MustCompile(`(?m)^250 2\.0\.0 Message is stored, id `)

// FuzzServer speaks raw bytes to a live server and hangs up. Whatever they are: the server answers in
// well-formed replies, ends the connection, and acknowledges exactly as many messages as it stored.
func FuzzServer(f *testing.F) {
	const begin = "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<desk@b.example>\r\n"
	for _, s := range []string{
		"", "\r\n\r\n", "QUIT\r\n", begin + "DATA\r\nx\r\n.\r\nQUIT\r\n", begin + "DATA\r\n.\r\n", begin + "DATA\r\n..\r\n.\n\r\n.\r\r\n.\r\n",
		begin + "BDAT 3\r\nabcBDAT 0 LAST\r\n", begin + "BDAT 3\r\nabcRSET\r\nBDAT 9999999999999999999\r\n", begin + "BDAT 3000\r\nabc",
		begin + "DATA\r\n" + strings.Repeat("x\r\n", 400) + ".\r\n", "STARTTLS\r\n\x16\x03\x01", "EHLO \x00\r\nMAIL FROM:<\"\\\">@>\r\n",
		"MAIL FROM:<@a,@b:c@d> SIZE=1 BODY=8BITMIME SMTPUTF8\r\n", "GET / HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	st := &store{}
	h := start(f, st, func(c *smtpd.Config) {
		c.Limits.MessageBytes, c.Limits.Unknown, c.Limits.Errors, c.Limits.Connections = 1000, 3, 5, 100
		c.Timeouts.Command, c.Timeouts.Handshake = time.Minute, time.Minute
	})
	f.Fuzz(func(t *testing.T, in []byte) {
		before := len(st.all())
		c, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		go func() {
			_, _ = c.Write(in)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		out, err := io.ReadAll(c)
		if err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatalf("the server hangs after %q", in)
		}
		checkReplies(t, string(out), in)
		if err != nil {
			return // reset by our own writing on: the count below needs the whole answer
		}
		if got, acks := len(st.all())-before, len(acknowledged.FindAllString(string(out), -1)); got != acks {
			t.Fatalf("%d stored, %d acknowledged: in %q out %q", got, acks, in, out)
		}
	})
}

func checkReplies(t *testing.T, out string, in []byte) {
	t.Helper()
	if i := strings.Index(out, "\x15\x03"); i >= 0 {
		out = out[:i] // a TLS alert follows
	}
	for l := range strings.Lines(out) {
		if !replyLine.MatchString(l) {
			t.Fatalf("no reply line: %q after %q", l, in)
		}
	}
}

// FuzzDots compares the reader of DATA with a slow and obvious one.
func FuzzDots(f *testing.F) {
	f.Add("x\r\n.\r\n")
	f.Add(".\r\n")
	f.Add("..\r\n.\r\r\n.\rx\r\n.\r\n")
	f.Add("a\n.\n\r\n.\n\r\r\n.\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		want, whole := undot(text)
		for _, in := range []func(io.Reader) io.Reader{all, iotest.OneByteReader} {
			for _, out := range []func(io.Reader) io.Reader{all, iotest.OneByteReader} {
				got, err := io.ReadAll(out(smtpd.NewDotReader(bufio.NewReader(in(strings.NewReader(text))))))
				if (err == nil) != whole {
					t.Fatalf("%q ends with %v, want whole %v", text, err, whole)
				}
				if whole && string(got) != want {
					t.Fatalf("%q gives %q, want %q", text, got, want)
				}
			}
		}
	})
}

func all(r io.Reader) io.Reader { return r }

// undot ends at CR LF . CR LF and takes the dot off lines that begin with one, where lines end in CR LF.
func undot(s string) (string, bool) {
	end := strings.Index("\r\n"+s, "\r\n.\r\n")
	if end < 0 {
		return "", false
	}
	lines := strings.SplitAfter(s[:end], "\r\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, ".")
	}
	return strings.Join(lines, ""), true
}
