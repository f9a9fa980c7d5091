package deliver_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"insegel/internal/channel/mail/deliver"
	"insegel/internal/clock"
)

// FuzzServerWords has a server answer with arbitrary bytes, all of them before it was asked anything or
// one line a command. It ends, and Delivered needs at least a 354 and a 2xx.
func FuzzServerWords(f *testing.F) {
	f.Add([]byte("220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 ok\r\n"))
	f.Add([]byte("220 x\r\n250-x\r\n250 STARTTLS\r\n220 go\r\nnonsense"))
	f.Add([]byte("220-a\r\n220 b\r\n500 x\r\n250 x\r\n250\r\n250\r\n354\r\n250\r\n"))
	f.Add([]byte("220 \n250 \n200 0\n200 0\n300 0\n200 000")) // met by fuzzing: 300 passed for 354
	f.Add([]byte("220 x\r\n250 x\r\n550 5.7.1 \x00\x1b[31m\xff\r\n"))
	f.Fuzz(func(t *testing.T, words []byte) {
		for _, atOnce := range []bool{true, false} {
			s, err := deliver.New(fuzzConfig(words, atOnce))
			if err != nil {
				t.Fatal(err)
			}
			size, msg := message("Subject: x\r\n\r\nx\r\n")
			r := s.Send(t.Context(), deliver.Envelope{To: []string{"a@example.org"}}, size, msg)[0]
			if r.Outcome == deliver.Delivered && (atOnce || !strings.Contains(string(words), "354")) {
				t.Fatalf("delivered by %q", words)
			}
			if r.Outcome == deliver.Permanent && r.Code/100 != 5 {
				t.Fatalf("%+v by %q", r, words)
			}
			if len(r.Text) > 500 || strings.ContainsFunc(r.Text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				t.Fatalf("text %q", r.Text)
			}
		}
	})
}

// parrot is the server's side of a pipe: it says its words and swallows ours.
func parrot(c net.Conn, words []byte, atOnce bool) {
	defer c.Close()
	go func() { _, _ = io.Copy(io.Discard, c) }()
	if atOnce {
		_, _ = c.Write(words)
		return
	}
	for l := range strings.Lines(string(words)) {
		if _, err := io.WriteString(c, l); err != nil {
			return
		}
	}
}

func fuzzConfig(words []byte, atOnce bool) deliver.Config {
	return deliver.Config{
		Hostname: "desk.example", Clock: clock.System{}, Shuffle: func(int, func(int, int)) {}, Log: slog.New(slog.DiscardHandler),
		Resolver: zone{ip: map[string][]string{"example.org": {"1.2.3.4"}}},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			a, b := net.Pipe()
			go parrot(b, words, atOnce)
			return a, nil
		},
	}
}
