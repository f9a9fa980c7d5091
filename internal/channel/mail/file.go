package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

// Reasons for holding a letter, as the quarantine shows them.
const (
	HeldUnreadable = "unreadable" // nothing to make a case of
	HeldOverLimit  = "over_limit" // a part of it is over a limit
	HeldLoop       = "loop"       // goes in circles
	HeldReport     = "report"     // a bounce or report on nothing that we know
	HeldAutomatic  = "automatic"  // a machine's answer that belongs to no case
	HeldFailed     = "failed"     // could not be filed, again and again
)

// fileAttempts is how often filing may fail before the letter is held whole.
const fileAttempts = 6

// atLast is how long the last word on a job may take when the job's own time is over: what was decided or has happened outside must
// be written.
const atLast = 5 * time.Second

// opened is a letter with all that is needed to file it.
type opened struct {
	intake.Letter
	env   intake.Envelope
	queue queue.Queue
	raw   []byte
}

// File is the job that makes a letter a message of a case. A defect that a letter meets costs it its filing, never its place
// in the quarantine.
func (c *Channel) File(ctx context.Context, v *visit.Visit, j jobs.Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = c.holdAfter(ctx, v, j, fault.New(fault.Internal, "fault.job.panicked", "kind", j.Kind))
		}
	}()
	return c.fileIt(ctx, v, j)
}

func (c *Channel) fileIt(ctx context.Context, v *visit.Visit, j jobs.Job) error {
	l, err := c.open(ctx, v, j.Arg)
	switch {
	case errors.Is(err, errNotWaiting):
		return nil
	case err != nil:
		return c.holdAfter(ctx, v, j, err)
	}
	m, err := mailmsg.Parse(l.raw, c.c.Limits)
	if err != nil && l.Reason == "" {
		return c.hold(ctx, v, j, reasonOf(err))
	}
	if err != nil { // released by a person: what cannot be read is filed as a file
		m = &mailmsg.Message{Subject: "", Text: "", Problems: []string{reasonOf(err)}}
	}
	if err := c.place(ctx, v, j, l, m); err != nil {
		return c.holdAfter(ctx, v, j, err)
	}
	return nil
}

var errNotWaiting = errors.New("letter does not wait")

// open reads a letter whole; its size was bounded when it was taken in.
func (c *Channel) open(ctx context.Context, v *visit.Visit, letterID string) (*opened, error) {
	type found struct {
		opened
		content visit.Content
	}
	f, err := visit.View(ctx, v, func(r *visit.Reader) (f found, err error) {
		if f.Letter, err = intake.Get(ctx, r, letterID); err != nil {
			return f, err
		}
		if f.State != intake.Waiting {
			return f, errNotWaiting
		}
		if _, f.env, f.content, err = f.Open(ctx, r); err != nil {
			return f, err
		}
		f.queue, err = queue.Get(ctx, r, f.Queue)
		return f, err
	})
	if err != nil {
		return nil, err
	}
	b, err := f.content.Reader()
	if err != nil {
		return nil, err
	}
	f.raw, err = io.ReadAll(io.LimitReader(b, f.content.Size+1))
	return &f.opened, errors.Join(err, b.Close())
}

// holdAfter tries again later, and holds the letter when that has not helped: it is never dropped, and never
// stands in the way of others.
func (c *Channel) holdAfter(ctx context.Context, v *visit.Visit, j jobs.Job, err error) error {
	slow := ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) // it uses up its whole lease
	if j.Attempt+1 < fileAttempts || fault.KindOf(err) == fault.Unavailable && !slow {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), atLast)
	defer cancel()
	c.c.Logger.Error("letter held", "tenant", v.Tenant(), "letter", j.Arg, "fault", fault.Of(err).Key, "err", err)
	return c.hold(ctx, v, j, HeldFailed)
}

func (c *Channel) hold(ctx context.Context, v *visit.Visit, j jobs.Job, reason string) error {
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		l, err := intake.Get(ctx, &w.Reader, j.Arg)
		if err != nil {
			return struct{}{}, err
		}
		if l.State == intake.Waiting {
			intake.Hold(w, l.ID, reason)
		}
		w.Done(j.ID)
		return struct{}{}, nil
	})
	return err
}

func reasonOf(err error) string {
	if limit := (*mailmsg.LimitError)(nil); errors.As(err, &limit) {
		return HeldOverLimit
	}
	return HeldUnreadable
}

// place decides where a letter belongs, and files it there.
func (c *Channel) place(ctx context.Context, v *visit.Visit, j jobs.Job, l *opened, m *mailmsg.Message) error {
	kind := mailmsg.Classify(m, l.env.From)
	to, err := visit.View(ctx, v, func(r *visit.Reader) (target, error) { return c.target(ctx, r, l, m, kind) })
	if err != nil {
		return err
	}
	if to.hold != "" && l.Reason == "" {
		return c.hold(ctx, v, j, to.hold)
	}
	files, err := spool(v, m)
	if err != nil {
		return err
	}
	n, err := visit.Update(ctx, v, func(w *visit.Writer) (int64, error) { return c.file(ctx, w, j, l, m, kind, to, files) })
	if err != nil || n == 0 {
		for _, f := range files {
			v.Discard(f.Draft)
		}
		return err
	}
	c.c.Logger.Info("letter filed", "tenant", v.Tenant(), "letter", l.ID, "case", n)
	return nil
}

// target is where a letter belongs.
type target struct {
	number    int64             // of the case that it joins; 0: a new one
	mayBelong int64             // of the case that a stranger's letter names
	kind      cases.MessageKind // what it is there
	message   string            // the answer of ours that a report is about
	signed    bool              // it came through the case's signed address: its sender has read an answer of ours
	hold      string            // a reason to keep it in quarantine instead
}

// target finds the case of a letter. It is believed to belong to a case only if it came through the case's signed
// address, or from somebody who takes part in it: threading by headers alone would show a stranger's words as a
// client's, and answer him in the client's case.
func (c *Channel) target(ctx context.Context, r *visit.Reader, l *opened, m *mailmsg.Message, kind mailmsg.Kind) (target, error) {
	_, detail := split(l.env.Recipient)
	v := r.Visit()
	switch kind.Name {
	case mailmsg.Loop:
		return target{hold: HeldLoop}, nil
	case mailmsg.Bounce, mailmsg.DeliveryReport, mailmsg.Complaint:
		return c.reported(ctx, r, detail, kind)
	}
	if back, err := comesBack(ctx, r, m); err != nil || back {
		return target{hold: HeldLoop}, err
	}
	to := target{kind: cases.Incoming}
	if n, ok := number(v, detail, signReply); ok {
		to.number, to.signed = n, true
	} else if n, ok := number(v, detail, signBounce); ok {
		to.number, to.signed = n, true // some machines answer to the envelope's sender
	} else if err := to.named(ctx, r, l.queue, m); err != nil {
		return to, err
	}
	if to.number != 0 {
		if err := to.stillOpen(ctx, r, l.queue); err != nil {
			return to, err
		}
	}
	if kind.Name == mailmsg.AutoReply {
		to.kind = cases.Auto
		if to.number == 0 {
			to.hold = HeldAutomatic
		}
	}
	return to, nil
}

// comesBack tells whether a letter is one that we wrote: somebody forwards our answers to us.
func comesBack(ctx context.Context, r *visit.Reader, m *mailmsg.Message) (bool, error) {
	if m.MessageID == "" {
		return false, nil
	}
	refs, err := cases.ByReference(ctx, r, m.MessageID)
	return slices.ContainsFunc(refs, cases.Ref.Ours), err
}

// named finds the case that a letter names in its headers or subject, and whether its sender takes part in it.
func (t *target) named(ctx context.Context, r *visit.Reader, q queue.Queue, m *mailmsg.Message) error {
	known, err := referred(ctx, r, m)
	if err != nil {
		return err
	}
	if n, ok := mailmsg.CaseMark(m.Subject); ok && len(known) == 0 {
		known = []int64{n}
	}
	if len(known) == 0 {
		return nil
	}
	author, _ := m.Author()
	var joined []int64
	for _, n := range known {
		if !author.Usable() {
			break
		}
		in, err := cases.Party(ctx, r, n, author.Mail)
		if err != nil {
			return err
		}
		if in {
			joined = append(joined, n)
		}
	}
	if len(joined) == 0 {
		t.mayBelong = known[0]
		return nil
	}
	t.number = joined[0]
	return t.ofQueue(ctx, r, q, joined)
}

// ofQueue prefers the case of the queue that the letter came to, where one letter was written to several queues.
func (t *target) ofQueue(ctx context.Context, r *visit.Reader, q queue.Queue, joined []int64) error {
	if len(joined) == 1 {
		return nil
	}
	for _, n := range joined {
		c, err := cases.Get(ctx, r, n)
		if err != nil {
			return err
		}
		if c.Queue == q.ID {
			t.number = n
			return nil
		}
	}
	return nil
}

// referred finds the cases of the newest message id that a letter refers to and we know. There can be several: anybody
// may write a letter with an id that is taken, and one letter may come to several queues.
func referred(ctx context.Context, r *visit.Reader, m *mailmsg.Message) (numbers []int64, err error) {
	ids := append(append([]string(nil), m.References...), m.InReplyTo...)
	for i := len(ids) - 1; i >= 0 && len(numbers) == 0; i-- {
		refs, err := cases.ByReference(ctx, r, ids[i])
		if err != nil {
			return nil, err
		}
		for _, f := range refs {
			if !slices.Contains(numbers, f.Case) {
				numbers = append(numbers, f.Case)
			}
		}
	}
	return numbers, nil
}

// stillOpen lets a letter join only a case that is there, of the same purpose, and not closed for good; else it
// opens a new one that names the old.
func (t *target) stillOpen(ctx context.Context, r *visit.Reader, q queue.Queue) error {
	old, err := cases.Get(ctx, r, t.number)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		t.number = 0
		return nil
	}
	if err != nil {
		return err
	}
	if old.Erased || old.State == cases.Closed || old.Purpose != q.Purpose {
		t.mayBelong, t.number = t.number, 0
	}
	return nil
}

// reported finds the answer that a bounce or report is about. A report proves itself by our signed return path, or by naming
// a message id that we gave: a report on anything else is held, never a case.
func (c *Channel) reported(ctx context.Context, r *visit.Reader, detail string, kind mailmsg.Kind) (target, error) {
	t := target{kind: cases.Report}
	if kind.OriginalMessageID != "" {
		refs, err := cases.ByReference(ctx, r, kind.OriginalMessageID)
		if err != nil {
			return t, err
		}
		if i := slices.IndexFunc(refs, cases.Ref.Ours); i >= 0 {
			t.message, t.number = refs[i].Message, refs[i].Case
		}
	}
	if n, ok := number(r.Visit(), detail, signBounce); ok && t.number == 0 {
		t.number = n
	}
	if t.number == 0 {
		return target{hold: HeldReport}, nil
	}
	about, err := cases.Get(ctx, r, t.number)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return t, err
	}
	if err != nil || about.Erased {
		return target{hold: HeldReport}, nil
	}
	return t, nil
}

// spool takes the letter's files in before the change.
func spool(v *visit.Visit, m *mailmsg.Message) ([]cases.NewFile, error) {
	var files []cases.NewFile
	for _, a := range m.Attachments {
		if len(files) == cases.MaxFiles {
			m.Problems = append(m.Problems, "files_left_out") // the original has them
			break
		}
		d, err := v.Spool(bytes.NewReader(a.Content), int64(len(a.Content)))
		if err != nil {
			for _, f := range files {
				v.Discard(f.Draft)
			}
			return nil, fmt.Errorf("file of a letter: %w", err)
		}
		files = append(files, cases.NewFile{Draft: d, FileHead: cases.FileHead{Name: a.Name, Type: a.Type, ContentID: a.ContentID, Inline: a.Inline}})
	}
	return files, nil
}
