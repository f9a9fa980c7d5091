package smtpd

import (
	"context"
	"io"
	"net/netip"
	"time"
)

// Intake is what the program does with mail. Both methods are called from many connections at once.
// Their errors may reach the log, so they must not quote addresses or text of a message.
type Intake interface {
	// Recipient answers whether addr is taken: nil, or a fault (NotFound gives 550 5.1.1; Unavailable
	// 451 4.3.0, for a pending address or a directory that is down). addr may be in any case, and
	// in UTF-8 where the sender asked for SMTPUTF8.
	Recipient(ctx context.Context, addr string) error

	// Receive makes the message durable for all recipients and returns nil only then. body begins with
	// this server's own Received line; it is a stream, of at most Limits.MessageBytes behind that line,
	// and must be read to io.EOF: any other error of body means that there is no message. A fault
	// decides the reply. ctx ends when the server is stopped hard or the sender's time is up.
	Receive(ctx context.Context, env Envelope, body io.Reader) error
}

// Envelope is what was known of a message before its first byte (RFC 5321 2.3.1).
type Envelope struct {
	ID         string     // of this transaction; in the Received line, the reply and the log
	RemoteIP   netip.Addr // who spoke to us
	HELO       string     // what it called itself: not verified
	From       string     // reverse-path; empty for the null sender (RFC 5321 4.5.5)
	Recipients []string   // as accepted, without repetitions
	TLS        string     // version and cipher, empty in clear
	UTF8       bool       // SMTPUTF8 was asked for (RFC 6531)
	EightBit   bool       // BODY=8BITMIME was announced (RFC 6152)
	Received   time.Time
}
