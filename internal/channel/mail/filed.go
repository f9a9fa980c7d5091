package mail

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
)

// file is the change: the letter becomes a message, its bytes go under the case's key, its own key is destroyed, and its job ends.
// It gives the case's number, or 0 where somebody else filed the letter meanwhile.
func (c *Channel) file(ctx context.Context, w *visit.Writer, j jobs.Job, l *opened, m *mailmsg.Message, kind mailmsg.Kind, to target, files []cases.NewFile) (int64, error) {
	now, err := intake.Get(ctx, &w.Reader, l.ID)
	if err != nil {
		return 0, err
	}
	if now.State != intake.Waiting {
		w.Done(j.ID)
		return 0, nil
	}
	letterKey, err := now.Key(ctx, &w.Reader)
	if err != nil {
		return 0, err
	}
	msg := c.message(w.Visit().NewID(), l, m, to, files)
	caseKey, number, err := c.join(ctx, w, l, m, kind, to, msg)
	if err != nil {
		return 0, err
	}
	if err := w.Rekey(ctx, now.Blob(), letterKey, caseKey); err != nil {
		return 0, err
	}
	intake.MarkFiled(w, now, number, caseKey)
	w.Set("letter", l.ID)
	w.Done(j.ID)
	return number, nil
}

// join adds the message to its case, or makes one. A case that was closed or erased since the letter was read takes no more
// letters: a new one names it.
func (c *Channel) join(ctx context.Context, w *visit.Writer, l *opened, m *mailmsg.Message, kind mailmsg.Kind, to target, msg cases.NewMessage) (visit.Key, int64, error) {
	if to.number == 0 {
		return c.begin(ctx, w, l, m, to.mayBelong, msg)
	}
	found, key, err := cases.ForUpdate(ctx, w, to.number)
	if err == nil && found.State == cases.Closed && to.kind != cases.Report {
		err = fault.New(fault.NotFound, "fault.case.closed", "number", to.number)
	}
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil && to.kind == cases.Incoming:
		return c.begin(ctx, w, l, m, to.number, msg)
	case err != nil:
		return key, 0, err // a machine's answer is looked at again, and held
	}
	w.Case(found.Number)
	if err := cases.Add(w, key, &found, msg); err != nil {
		return key, 0, err
	}
	if to.kind == cases.Report && kind.Name == mailmsg.Bounce {
		err = c.bounced(ctx, w, key, &found, to, kind)
	}
	return key, found.Number, err
}

// begin makes a case of a letter, and tells its sender.
func (c *Channel) begin(ctx context.Context, w *visit.Writer, l *opened, m *mailmsg.Message, mayBelong int64, msg cases.NewMessage) (visit.Key, int64, error) {
	author, _ := m.Author()
	made, key, err := cases.Create(w, cases.Draft{Queue: l.queue.ID, Purpose: l.queue.Purpose, Subject: mailmsg.StripPrefixes(m.Subject),
		Requester: person(author), MayBelong: mayBelong}, msg)
	if err != nil {
		return key, 0, err
	}
	return key, made.Number, c.acknowledge(ctx, w, key, &made, l, m, msg)
}

// message makes a message of a letter. What is too long for a page is cut; the original keeps all.
func (c *Channel) message(messageID string, l *opened, m *mailmsg.Message, to target, files []cases.NewFile) cases.NewMessage {
	author, _ := m.Author()
	msg := cases.NewMessage{ID: messageID, Kind: to.kind, Channel: cases.ByMail, Raw: l.Blob(), Files: files,
		Body: bounded(m.Text, cases.MaxBody), HTML: m.HTML,
		Head: cases.Head{Subject: m.Subject, From: person(author), To: people(m.To), Cc: people(m.Cc), MessageID: mailmsg.NormalizeMessageID(m.MessageID),
			InReplyTo: first(m.InReplyTo), References: m.References, Problems: m.Problems, TLS: l.env.TLS, IP: l.env.RemoteIP}}
	if msg.Kind == "" {
		msg.Kind = cases.Incoming
	}
	if len(msg.HTML) > cases.MaxBody {
		msg.HTML = "" // the text and the original are there
	}
	if m.DateOK {
		msg.Date = m.Date.Format(time.RFC3339)
	}
	msg.ReplyTo = answerTo(m, author)
	if to.number != 0 && !to.signed && msg.ReplyTo != (cases.Person{}) {
		// A forged From and a case's number get a letter in; they must not lead the answer elsewhere too.
		msg.ReplyTo, msg.Problems = cases.Person{}, append(msg.Problems[:len(msg.Problems):len(msg.Problems)], "reply_to_elsewhere")
	}
	return msg
}

// answerTo is where the author wants the answer, if elsewhere.
func answerTo(m *mailmsg.Message, author mailmsg.Address) cases.Person {
	for _, a := range m.ReplyTo {
		if a.Usable() && a.Mail != author.Mail {
			return person(a)
		}
	}
	return cases.Person{}
}

func person(a mailmsg.Address) cases.Person {
	return cases.Person{Name: bounded(a.Name, cases.MaxName), Mail: bounded(a.Mail, 1000)}
}

func people(list []mailmsg.Address) []cases.Person {
	var all []cases.Person
	for i, a := range list {
		if i == 100 {
			break
		}
		all = append(all, person(a))
	}
	return all
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// bounded cuts a text to n bytes at a character's edge.
func bounded(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// bounced marks the answer that came back. A report that proves itself by the signed return path alone is about the
// newest answer.
func (c *Channel) bounced(ctx context.Context, w *visit.Writer, key visit.Key, found *cases.Case, to target, kind mailmsg.Kind) error {
	t, err := cases.Read(ctx, &w.Reader, found.Number)
	if err != nil {
		return err
	}
	for i := len(t.Messages) - 1; i >= 0; i-- {
		m := t.Messages[i]
		if !m.Kind.Outgoing() || to.message != "" && m.ID != to.message {
			continue
		}
		status, detail, place := "", "", int64(-1)
		if len(kind.Reports) > 0 {
			r := kind.Reports[0]
			status, detail = r.Status, strings.TrimSpace(r.Diagnostic)
			place = recipient(m, r)
		}
		return cases.Bounced(ctx, w, key, found, m, place, status, detail)
	}
	return nil
}

// recipient finds whom of the message's recipients a report is about, −1 where it does not say.
func recipient(m cases.Message, r mailmsg.Report) int64 {
	for _, d := range m.Deliveries {
		to := mailmsg.NormalizeAddress(d.To.Mail)
		if to != "" && (to == mailmsg.NormalizeAddress(r.OriginalRecipient) || to == mailmsg.NormalizeAddress(r.FinalRecipient)) {
			return d.Place
		}
	}
	return -1
}
