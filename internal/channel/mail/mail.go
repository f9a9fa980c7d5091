// Package mail is the mail channel: a letter that arrived becomes a message of a case, and an answer becomes a letter.
//
// It owns signed addresses, the decision where a letter belongs (file.go), sending (send.go) and the automatic
// acknowledgement (acknowledge.go). It does not own letters at rest (intake), cases (cases), the bytes of mail (mailmsg) or
// the SMTP conversation (smtpd on the way in, deliver on the way out).
package mail

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base32"
	"io"
	"log/slog"
	"net/netip"
	"strings"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

// Config is what a Channel is made from.
type Config struct {
	Waist     *visit.Waist
	Directory Directory
	Sender    Sender
	Logger    *slog.Logger
	Jitter    func() float64 // 0 to 1, so that retries do not come in step
	Limits    mailmsg.Limits
	MaxBytes  int64 // of one letter

	// Notices are the program's own letters: who writes them, what a tenant calls itself, and where they come from.
	Door     *account.Door
	Site     func(ctx context.Context, tenantID string) (account.Site, error)
	From     string
	Hostname string
}

// Directory finds the tenant that takes mail for a normalised address.
type Directory interface {
	ByAddress(ctx context.Context, address string) (tenantID string, err error)
}

// Sender hands a letter to the world; *deliver.Sender is one.
type Sender interface {
	Send(ctx context.Context, env deliver.Envelope, size int64, message func() (io.ReadCloser, error)) []deliver.Result
}

// Channel is the mail channel.
type Channel struct{ c Config }

// New makes a Channel.
func New(c Config) *Channel { return &Channel{c: c} }

// Envelope is how a letter was delivered to the SMTP door.
type Envelope struct {
	ID         string
	RemoteIP   netip.Addr
	HELO, From string
	Recipients []string
	TLS        string
}

// Recipient answers whether mail for an address is taken: nil, NotFound, or Unavailable while its queue is only being made.
func (c *Channel) Recipient(ctx context.Context, address string) error {
	base, _ := split(mailmsg.NormalizeAddress(address))
	if base == "" {
		return fault.New(fault.NotFound, "fault.address.not_found")
	}
	_, err := c.c.Directory.ByAddress(ctx, base)
	return err
}

// Receive makes a letter durable for all recipients, and returns nil only then: mail for two tenants after both commits. If one
// fails the sender tries again, and who has it already knows it by its digest.
func (c *Channel) Receive(ctx context.Context, env Envelope, raw []byte) error {
	digest := mailmsg.Digest(raw)
	for base, recipient := range once(env.Recipients) {
		if err := c.receiveFor(ctx, env, base, recipient, digest, raw); err != nil {
			return err
		}
	}
	return nil
}

func (c *Channel) receiveFor(ctx context.Context, env Envelope, base, recipient string, digest [32]byte, raw []byte) error {
	tenantID, err := c.c.Directory.ByAddress(ctx, base)
	if err != nil {
		return err
	}
	v, err := c.c.Waist.Enter(ctx, tenantID, access.System("smtp", env.RemoteIP), access.ReceiveMail)
	if err != nil {
		return err
	}
	defer v.Leave()
	q, err := visit.View(ctx, v, func(r *visit.Reader) (queue.Queue, error) { return queue.ByAddress(ctx, r, base) })
	if err != nil {
		return err
	}
	e := intake.Envelope{RemoteIP: env.RemoteIP.String(), HELO: env.HELO, From: env.From, Recipient: recipient, TLS: env.TLS, Session: env.ID}
	letter, err := intake.Receive(ctx, v, q, e, digest, bytes.NewReader(raw), c.c.MaxBytes)
	if err == nil {
		c.c.Logger.Info("letter taken", "session", env.ID, "tenant", tenantID, "letter", letter)
	}
	return err
}

// once gives each queue's address once, with the recipient that tells most: one with a signed part.
func once(recipients []string) map[string]string {
	all := map[string]string{}
	for _, r := range recipients {
		address := mailmsg.NormalizeAddress(r)
		base, detail := split(address)
		if _, ok := all[base]; !ok || detail != "" {
			all[base] = address
		}
	}
	return all
}

// split takes the "+" part off an address (RFC 5233).
func split(address string) (base, detail string) {
	local, domain, ok := strings.Cut(address, "@")
	if !ok {
		return "", ""
	}
	local, detail, _ = strings.Cut(local, "+")
	return local + "@" + domain, detail
}

// The kinds of signed addresses: where answers go, and where reports on them go.
const (
	signReply  = "c"
	signBounce = "b"
)

// signed makes an address that only this tenant can have written: support+c1042.<16 letters>@… Its MAC has 80 bits,
// enough for a guess that costs a letter each.
func signed(v *visit.Visit, base, kind string, number int64) string {
	local, domain, _ := strings.Cut(base, "@")
	what := kind + visit.Number(number)
	return local + "+" + what + "." + mac(v, what) + "@" + domain
}

func mac(v *visit.Visit, what string) string {
	return strings.ToLower(base32.StdEncoding.EncodeToString(v.Sign("mail address", what)[:10]))
}

// number reads a signed part; ok is false for anything that this tenant did not sign.
func number(v *visit.Visit, detail, kind string) (n int64, ok bool) {
	what, tag, found := strings.Cut(detail, ".")
	if !found || !strings.HasPrefix(what, kind) || subtle.ConstantTimeCompare([]byte(tag), []byte(mac(v, what))) != 1 {
		return 0, false
	}
	return parseNumber(what[len(kind):])
}

func parseNumber(s string) (n int64, ok bool) {
	if s == "" || len(s) > 15 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
