package deliver

import (
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The remote's words are kept up to this length.
const maxText = 500

// More bytes than these in answer to one command are no reply. TLS records and certificates are counted
// too, hence not less.
const maxReply = 256 << 10

var errReplyTooLong = errors.New("deliver: endless reply")

// boundedConn ends a conversation in which the remote talks without end: textproto would collect a
// multi-line reply until memory is full.
type boundedConn struct {
	net.Conn
	n int
}

func (b *boundedConn) Read(p []byte) (int, error) {
	if b.n >= maxReply {
		return 0, errReplyTooLong
	}
	n, err := b.Conn.Read(p)
	b.n += n
	return n, err
}

func (b *boundedConn) Write(p []byte) (int, error) {
	b.n = 0
	return b.Conn.Write(p)
}

// verdict classifies an error of the conversation. Only a well-formed 5xx is Permanent; what is no
// reply at all is Temporary, for another try may meet a server in better health.
func verdict(err error) (o Outcome, code int, enhanced, text string) {
	reply, ok := errors.AsType[*textproto.Error](err)
	if !ok {
		return Temporary, 0, "4.4.2", describe(err)
	}
	enhanced, text = splitEnhanced(reply.Code, reply.Msg)
	switch reply.Code / 100 {
	case 5:
		return Permanent, reply.Code, enhanced, text
	case 4:
		return Temporary, reply.Code, enhanced, text
	}
	return Temporary, reply.Code, "4.5.0", text // 2xx or 3xx where they make no sense
}

// describe says what happened without what the remote or the system said: addresses of networks are
// nobody's business in a case.
func describe(err error) string {
	var ne net.Error
	switch {
	case errors.Is(err, errMessage):
		return "the message could not be read here"
	case errors.Is(err, errReplyTooLong):
		return "the server talked without end"
	case errors.As(err, &ne) && ne.Timeout():
		return "the server did not answer in time"
	case errors.Is(err, errProtocol):
		return "the server did not speak SMTP"
	}
	return "the connection broke"
}

var (
	errMessage   = errors.New("deliver: the message cannot be read")
	errProtocol  = errors.New("deliver: not SMTP")
	enhancedCode = regexp.MustCompile(`^([245])\.(\d{1,3})\.(\d{1,3})[ \t]+`)
)

// splitEnhanced takes the code of RFC 2034 off each line. One that contradicts the reply's class is
// not believed.
func splitEnhanced(code int, msg string) (enhanced, text string) {
	enhanced = fmt.Sprintf("%d.0.0", code/100)
	var words []string
	for l := range strings.Lines(msg) {
		if m := enhancedCode.FindStringSubmatch(l); m != nil {
			if m[1][0]-'0' == byte(code/100) { // #nosec G115 -- one digit
				enhanced = strings.TrimSpace(m[0])
			}
			l = l[len(m[0]):]
		}
		words = append(words, strings.TrimSpace(l))
	}
	return enhanced, clean(strings.Join(words, " "))
}

// clean makes text of what a stranger said: valid, one line, bounded, nothing that steers a terminal.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// protocol tells garbage from a refusal: both are errors of textproto.
func protocol(err error) error {
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if e, ok := errors.AsType[*textproto.Error](err); ok && (e.Code < 200 || e.Code > 599) {
		return errProtocol
	}
	return err
}

// readReply reads one reply. Unlike textproto it takes a code without text, as RFC 5321 4.2 asks of
// clients: a message so acknowledged would else be sent again for five days.
func readReply(r *textproto.Reader) (code int, msg string, err error) {
	var lines []string
	for { // bounded by boundedConn
		l, err := r.ReadLine()
		if err != nil {
			return 0, "", err
		}
		n, more, ok := replyCode(l)
		if !ok || code != 0 && n != code { // RFC 5321 4.2.1: all lines bear the same code
			return 0, "", errProtocol
		}
		code = n
		lines = append(lines, l[min(len(l), 4):])
		if !more {
			return code, strings.Join(lines, "\n"), nil
		}
	}
}

func replyCode(l string) (code int, more, ok bool) {
	if len(l) < 3 || len(l) > 3 && l[3] != ' ' && l[3] != '-' {
		return 0, false, false
	}
	code, err := strconv.Atoi(l[:3])
	return code, len(l) > 3 && l[3] == '-', err == nil && code >= 200 && code <= 599
}
