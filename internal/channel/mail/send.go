package mail

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"

	"insegel/internal/cases"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

// outgoing is an answer with all that is needed to send it.
type outgoing struct {
	c     cases.Case
	m     cases.Message
	d     cases.Delivery
	q     queue.Queue
	files []visit.Content
	done  bool
}

// writeAttempts is how often writing an answer may fail before it counts as one that cannot be sent.
const writeAttempts = 4

// Send is the job that sends a message to one recipient. Between the other side's 250 and our commit a kill means that it
// is sent twice, with the same Message-ID; never that it is lost.
func (c *Channel) Send(ctx context.Context, v *visit.Visit, j jobs.Job) error {
	messageID, place, err := sendArg(j.Arg)
	if err != nil {
		return err
	}
	o, err := visit.View(ctx, v, func(r *visit.Reader) (outgoing, error) { return read(ctx, r, messageID, place) })
	if err != nil || o.done {
		return err
	}
	raw, err := write(v, o)
	if err != nil && j.Attempt+1 < writeAttempts {
		return err // a disk that does not answer, perhaps
	}
	if err != nil {
		return c.attempted(ctx, v, j, o, cases.Outcome{State: cases.Failed, Status: "5.6.0", Detail: fault.Of(err).Key})
	}
	env := deliver.Envelope{From: signed(v, o.q.Address, signBounce, o.c.Number), To: []string{o.d.To.Mail}}
	if o.m.Kind == cases.Ack {
		env.From = "" // RFC 3834 3.3: nobody answers an automatic answer
	}
	results := c.c.Sender.Send(ctx, env, int64(len(raw)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })
	if ctx.Err() != nil && results[0].Outcome == deliver.Temporary {
		return ctx.Err() // stopped in the middle: no attempt of the other side's
	}
	return c.attempted(ctx, v, j, o, c.outcome(v, o, results[0]))
}

func sendArg(arg string) (messageID string, place int64, err error) {
	messageID, p, _ := strings.Cut(arg, " ")
	place, err = strconv.ParseInt(p, 10, 64)
	return messageID, place, err
}

func read(ctx context.Context, r *visit.Reader, messageID string, place int64) (o outgoing, err error) {
	if o.c, o.m, o.d, o.done, err = cases.ToSend(ctx, r, messageID, place); err != nil || o.done {
		return o, err
	}
	if o.q, err = queue.Get(ctx, r, o.c.Queue); err != nil {
		return o, err
	}
	for _, f := range o.m.Files {
		b, err := cases.FileOf(ctx, r, o.c.Number, f)
		if err != nil {
			return o, err
		}
		o.files = append(o.files, b)
	}
	return o, nil
}

// write makes the letter. From is the queue as it is now; the answer comes back through the signed address.
func write(v *visit.Visit, o outgoing) ([]byte, error) {
	out := mailmsg.Outgoing{From: mailmsg.Address{Name: o.q.Name, Mail: o.q.Address}, To: addresses([]cases.Person{o.d.To}), Cc: addresses(o.m.Cc),
		ReplyTo: []mailmsg.Address{{Name: o.q.Name, Mail: signed(v, o.q.Address, signReply, o.c.Number)}},
		Subject: o.m.Subject, Text: o.m.Body, MessageID: o.m.MessageID, InReplyTo: o.m.InReplyTo, References: o.m.References, Date: o.m.At}
	if o.m.Kind == cases.Ack {
		out.Automatic = "auto-replied" // RFC 3834 5
	}
	for i, f := range o.m.Files {
		r, err := o.files[i].Reader()
		if err != nil {
			return nil, err
		}
		defer func() { _ = r.Close() }()
		out.Attachments = append(out.Attachments, mailmsg.OutgoingFile{Name: f.Name, Type: f.Type, Content: r})
	}
	return mailmsg.Build(out)
}

func addresses(list []cases.Person) []mailmsg.Address {
	all := make([]mailmsg.Address, len(list))
	for i, p := range list {
		all[i] = mailmsg.Address{Name: p.Name, Mail: p.Mail}
	}
	return all
}

// outcome says what a result means for the delivery: what is temporary is tried again for five days (RFC 5321 4.5.4.1).
func (c *Channel) outcome(v *visit.Visit, o outgoing, r deliver.Result) cases.Outcome {
	out := cases.Outcome{Status: r.Enhanced, Detail: strings.TrimSpace(r.Host + " " + r.Text)}
	switch r.Outcome {
	case deliver.Delivered:
		out.State = cases.Sent
	case deliver.Permanent:
		out.State = cases.Failed
	default:
		next, giveUp := deliver.NextTry(int(o.d.Tries)+1, o.d.First, v.Now(), c.c.Jitter())
		out.State, out.Next = cases.Queued, next
		if giveUp {
			out.State = cases.Failed
		}
	}
	return out
}

// attempted writes what came of it, ends this job, and queues the next attempt's in the same change. It does so even if the program
// stops meanwhile: what the other side has taken must not be sent again.
func (c *Channel) attempted(ctx context.Context, v *visit.Visit, j jobs.Job, o outgoing, out cases.Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), atLast)
	defer cancel()
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Case(o.c.Number)
		w.Done(j.ID)
		if out.State == cases.Queued {
			w.Job(cases.JobSend, j.Arg, out.Next)
		}
		return struct{}{}, cases.Attempted(ctx, w, o.c.Number, o.m.ID, o.d.Place, out)
	})
	return err
}
