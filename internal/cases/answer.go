package cases

import (
	"context"
	"strings"

	"insegel/internal/fault"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

// Answer is what a handler writes in a case: a reply to the person outside, or a note for colleagues.
type Answer struct {
	Kind    MessageKind // Reply or Note
	Channel Channel     // how it was written: ByWeb or ByAPI. A reply goes by mail all the same
	Author  string      // account id
	Body    string
	Files   []NewFile
	State   *State // the case's state after it; nil leaves it to the answer
}

// maxReferences is how much of a thread an answer names (RFC 5322 3.6.4 sets no bound; headers have one).
const maxReferences = 20

// Write puts an answer into a case, inside a change. A reply goes to who wrote last from outside, or to who the case is from; its
// job is written with it.
func Write(ctx context.Context, w *visit.Writer, number int64, a Answer) (string, error) {
	if strings.TrimSpace(a.Body) == "" && len(a.Files) == 0 {
		return "", fault.New(fault.Invalid, "fault.message.empty")
	}
	if a.Kind != Reply && a.Kind != Note {
		return "", fault.New(fault.Invalid, "fault.message.kind", "kind", string(a.Kind))
	}
	if a.State != nil && !a.State.Valid() {
		return "", fault.New(fault.Invalid, "fault.case.state", "state", string(*a.State))
	}
	c, key, err := readable(ctx, &w.Reader, number)
	if err != nil {
		return "", err
	}
	if c.State == Closed && a.Kind == Reply {
		return "", fault.New(fault.Conflict, "fault.case.closed", "number", number)
	}
	m := NewMessage{ID: w.Visit().NewID(), Kind: a.Kind, Channel: a.Channel, Author: a.Author, Body: a.Body, Files: a.Files}
	if a.Kind == Reply {
		q, err := queue.Get(ctx, &w.Reader, c.Queue)
		if err != nil {
			return "", err
		}
		thread, err := heads(ctx, &w.Reader, key, &c)
		if err != nil {
			return "", err
		}
		m.Channel = ByMail
		if m.Head, err = Address(&c, thread, q, m.ID); err != nil {
			return "", err
		}
	}
	return m.ID, addAnd(w, key, &c, m, a.State)
}

// Address makes the head of something that is sent: from the queue, to who wrote last, in the thread.
func Address(c *Case, thread []Message, q queue.Queue, messageID string) (Head, error) {
	_, domain, _ := strings.Cut(q.Address, "@")
	h := Head{Subject: mailmsg.WithMark(mailmsg.StripPrefixes(c.Subject), c.Number), From: Person{Name: q.Name, Mail: q.Address},
		MessageID: messageID + "@" + domain}
	to := c.Requester
	for i := len(thread) - 1; i >= 0; i-- {
		m := thread[i]
		if m.Kind != Incoming {
			continue
		}
		if m.ReplyTo.Mail != "" {
			to = m.ReplyTo
		} else if m.From.Mail != "" {
			to = m.From
		}
		break
	}
	if mailmsg.NormalizeAddress(to.Mail) == "" {
		return h, fault.New(fault.Invalid, "fault.message.no_recipient")
	}
	if mailmsg.NormalizeAddress(to.Mail) == q.Address {
		return h, fault.New(fault.Invalid, "fault.message.to_ourselves")
	}
	h.To = []Person{to}
	for _, m := range thread {
		if m.MessageID == "" {
			continue
		}
		h.References = append(h.References, m.MessageID)
		if m.Kind == Incoming {
			h.InReplyTo = m.MessageID
		}
	}
	if n := len(h.References); n > maxReferences {
		h.References = append(h.References[:1:1], h.References[n-maxReferences+1:]...)
	}
	return h, nil
}
