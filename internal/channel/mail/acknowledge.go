package mail

import (
	"context"

	"insegel/internal/cases"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
)

// acknowledge tells the sender that the letter arrived and under which number, where RFC 3834 allows it: never a machine, a list or
// the null sender, and one address only so many times a day.
func (c *Channel) acknowledge(ctx context.Context, w *visit.Writer, key visit.Key, made *cases.Case, l *opened, m *mailmsg.Message, msg cases.NewMessage) error {
	if ok, _ := mailmsg.MayAutoReply(m, l.env.From); !ok {
		return nil
	}
	head, err := cases.Address(made, []cases.Message{{Kind: cases.Incoming, Head: msg.Head}}, l.queue, "")
	if err != nil {
		return nil // nobody to answer: that is no reason not to keep the letter
	}
	if ok, err := cases.MayAcknowledge(ctx, w, head.To[0].Mail); err != nil || !ok {
		return err
	}
	ack := cases.NewMessage{ID: w.Visit().NewID(), Kind: cases.Ack, Channel: cases.ByMail, Head: head}
	ack.MessageID = ack.ID + head.MessageID // "@domain" of the queue, as Address wrote it behind an empty id
	ack.Body = l.queue.Lang.T("mail.acknowledged.body", "number", visit.Number(made.Number), "queue", l.queue.Name)
	return cases.Add(w, key, made, ack)
}
