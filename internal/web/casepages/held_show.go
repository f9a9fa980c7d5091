package casepages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

const (
	maxLetter  = 2 << 20 // of a held letter is read for its text
	maxExcerpt = 20_000  // bytes of the text that are shown
)

// letter is one held letter: why, how it came, and what can be read of it.
func (p Pages) letter(q *kit.Request) error { return p.showLetter(q, http.StatusOK, nil) }

func (p Pages) showLetter(q *kit.Request, status int, errs kit.Errors) error {
	o, d, err := readLetter(q)
	if err != nil {
		return err
	}
	switch {
	case o.State == intake.Filed && o.Case != 0:
		return q.Redirect(caseURL(o.Case))
	case o.State != intake.Held:
		return fault.New(fault.NotFound, "fault.letter.not_found")
	}
	v, err := heldView(o)
	if err != nil {
		return err
	}
	title := v.Subject
	if title == "" {
		title = q.Lang.T("case.held.title")
	}
	v.Page, v.Errors = q.Page(title), errs
	v.Path = heldURL(o.ID)
	v.Queue, v.Queues = o.Queue, []kit.Option{{Value: o.Queue, Label: d.queueName(o.Queue)}}
	return q.Render(status, HeldLetter(v))
}

func readLetter(q *kit.Request) (o opened, d desk, err error) {
	letterID, err := q.ID("letter")
	if err != nil {
		return o, d, err
	}
	err = q.Read(func(r *visit.Reader) (err error) {
		if o.Letter, err = intake.Get(q.Context(), r, letterID); err != nil {
			return err
		}
		r.Object(letterID)
		if d.queues, err = queues(q.Context(), r); err != nil || o.State != intake.Held {
			return err
		}
		_, o.env, o.content, err = o.Open(q.Context(), r)
		return err
	})
	return o, d, err
}

func heldView(o opened) (Held, error) {
	row, b, err := heldRow(o, maxLetter)
	if err != nil {
		return Held{}, err
	}
	v := Held{HeldRow: row, IP: o.env.RemoteIP, Helo: o.env.HELO, TLS: o.env.TLS, Headers: shownBytes(headOf(b), maxHead)}
	if m, err := mailmsg.Parse(b, mailmsg.DefaultLimits()); err == nil {
		v.Text = shownBytes([]byte(m.Text), maxExcerpt)
	}
	v.Digest, err = digestOf(o.content)
	return v, err
}

// shownBytes makes text of bytes that may be none, bounded.
func shownBytes(b []byte, limit int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(bytes.TrimSpace(b[:min(len(b), limit)])), "\ufffd"), "\x00", "\ufffd")
}

func digestOf(c visit.Content) (string, error) {
	r, err := c.Reader()
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// raw gives a held letter's bytes as they came, to be saved.
func (p Pages) raw(q *kit.Request) error {
	o, _, err := readLetter(q)
	if err != nil {
		return err
	}
	if o.State != intake.Held {
		return fault.New(fault.NotFound, "fault.letter.not_found")
	}
	return q.Send(o.content, o.ID+".eml")
}
