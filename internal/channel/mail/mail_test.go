package mail_test

import (
	"context"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/cases"
	"insegel/internal/channel/mail"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/mailmsg"
	"insegel/internal/purpose"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

// schema is the whole list but account's tables, which this room does not touch.
func schema() []store.Migration {
	all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations,
		[]store.Migration{{Number: 6, Name: "account is not here", SQL: "CREATE TABLE no_account (id TEXT PRIMARY KEY)"}},
		queue.Migrations, intake.Migrations, cases.Migrations)
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

var counted = []string{"attachment", "blob", "cases", "delivery", "letter", "message", "queue"}

// outbox is the world as the channel sees it: it takes what is sent and answers as told.
type outbox struct {
	envelopes []deliver.Envelope
	letters   []string
	answer    deliver.Result
}

func (o *outbox) Send(_ context.Context, env deliver.Envelope, _ int64, message func() (io.ReadCloser, error)) []deliver.Result {
	r, err := message()
	if err != nil {
		return []deliver.Result{{Outcome: deliver.Temporary, Text: err.Error()}}
	}
	b, _ := io.ReadAll(r)
	o.envelopes, o.letters = append(o.envelopes, env), append(o.letters, string(b))
	res := o.answer
	res.To = env.To[0]
	return []deliver.Result{res}
}

// desk is a channel in a real house.
type desk struct {
	*visittest.House
	*mail.Channel
	out  outbox
	q    queue.Queue
	beta string // another customer, where a test made one
	t    *testing.T
}

func newDesk(t *testing.T, e store.Engine) *desk {
	d := &desk{House: visittest.New(t, e, schema(), counted...), t: t}
	d.out.answer = deliver.Result{Outcome: deliver.Delivered, Code: 250, Enhanced: "2.0.0"}
	d.Channel = mail.New(mail.Config{Waist: d.Waist, Directory: d.Lookup, Sender: &d.out, Logger: quiet(),
		Jitter: func() float64 { return 0 }, Limits: mailmsg.DefaultLimits(), MaxBytes: 50 << 20})
	v := d.Enter(t, visittest.Console(), access.CreateQueue)
	q, err := queue.Create(t.Context(), v, queue.New{Name: "Support", Address: "support@acme.example", Purpose: "support", Lang: "sv"})
	if err != nil {
		t.Fatal(err)
	}
	d.q = q
	return d
}

// arrive takes a letter in at the door.
func (d *desk) arrive(from, rcpt, raw string) {
	d.t.Helper()
	err := d.Receive(d.t.Context(), mail.Envelope{ID: "s1", RemoteIP: netip.MustParseAddr("203.0.113.5"), HELO: "mx.example", From: from,
		Recipients: []string{rcpt}}, []byte(strings.ReplaceAll(raw, "\n", "\r\n")))
	if err != nil {
		d.t.Fatal(err)
	}
}

// work does all jobs that are due, until none is.
func (d *desk) work() {
	d.t.Helper()
	ctx := d.t.Context()
	kinds := map[string]struct {
		a  access.Action
		do func(context.Context, *visit.Visit, jobs.Job) error
	}{intake.JobFile: {access.FileMail, d.File}, cases.JobSend: {access.SendMail, d.Send}}
	v := d.Enter(d.t, visittest.System(), access.KeepHouse)
	for {
		due, err := visit.View(ctx, v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.Due(ctx, r, d.Clock.Now(), 50) })
		if err != nil {
			d.t.Fatal(err)
		}
		n := 0
		for _, j := range due {
			k, ok := kinds[j.Kind]
			if !ok {
				continue
			}
			n++
			own := d.Enter(d.t, visittest.System(), k.a)
			if err := k.do(ctx, own, j); err != nil {
				d.t.Fatalf("%s: %v", j.Kind, err)
			}
		}
		if n == 0 {
			return
		}
	}
}

func (d *desk) list() []cases.Case {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.ListCases)
	page, err := visit.View(d.t.Context(), v, func(r *visit.Reader) ([]cases.Case, error) {
		page, _, err := cases.List(d.t.Context(), r, cases.Filter{}, "", 50)
		return page, err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return page
}

func (d *desk) read(number int64) cases.Thread {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.ReadCase)
	t, err := visit.View(d.t.Context(), v, func(r *visit.Reader) (cases.Thread, error) { return cases.Read(d.t.Context(), r, number) })
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

func (d *desk) answer(number int64, body string) {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.Reply)
	_, err := visit.Update(d.t.Context(), v, func(w *visit.Writer) (string, error) {
		return cases.Write(d.t.Context(), w, number, cases.Answer{Kind: cases.Reply, Body: body, Author: "a"})
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) held() []intake.Letter {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.ListHeld)
	all, err := visit.View(d.t.Context(), v, func(r *visit.Reader) ([]intake.Letter, error) {
		return intake.HeldLetters(d.t.Context(), r, intake.Page{}, 50)
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

const letter = `From: Anna Lind <anna@example.org>
To: support@acme.example
Subject: Fel adress i registret
Message-ID: <one@example.org>
Date: Mon, 23 Nov 2026 09:00:00 +0100

Hej, min adress är fel.
`

func each(t *testing.T, fn func(*testing.T, *desk)) {
	storetest.Each(t, func(t *testing.T, e store.Engine) { fn(t, newDesk(t, e)) })
}

func TestLetterBecomesCaseAndIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.arrive("anna@example.org", "support@acme.example", letter)
		d.work()
		all := d.list()
		if len(all) != 1 || all[0].Subject != "Fel adress i registret" || all[0].Requester.Mail != "anna@example.org" || all[0].State != cases.New {
			t.Fatalf("list: %+v", all)
		}
		n := all[0].Number
		if len(d.out.letters) != 1 || !strings.Contains(d.out.letters[0], "Auto-Submitted: auto-replied") || d.out.envelopes[0].From != "" {
			t.Fatalf("acknowledgement: %q %+v", d.out.letters, d.out.envelopes)
		}
		d.answer(n, "Vi har rättat det.")
		d.work()
		if len(d.out.letters) != 2 || !strings.Contains(d.out.letters[1], "In-Reply-To: <one@example.org>") {
			t.Fatalf("answer: %q", d.out.letters)
		}
		c := d.read(n)
		if c.State != cases.Open || len(c.Messages) != 3 || c.Messages[2].State != cases.Sent {
			t.Fatalf("case: %+v", c)
		}
		reply, err := mailmsg.Parse([]byte(d.out.letters[1]), mailmsg.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		d.followUp(t, n, reply)
	})
}

// followUp comes back in three ways, and in one that must not be believed.
func (d *desk) followUp(t *testing.T, n int64, reply *mailmsg.Message) {
	signed := reply.ReplyTo[0].Mail
	d.arrive("anna@example.org", signed, "From: Anna <anna@private.example>\nSubject: Re: tack\nMessage-ID: <two@x>\n\nTack!\n")
	d.arrive("anna@example.org", "support@acme.example", "From: anna@example.org\nSubject: Sv: nytt\nMessage-ID: <three@x>\nIn-Reply-To: <"+reply.MessageID+">\n\nEn sak till.\n")
	d.arrive("anna@example.org", "support@acme.example", "From: anna@example.org\nSubject: Re: "+reply.Subject+"\nMessage-ID: <four@x>\n\nOch en.\n")
	d.work()
	if c := d.read(n); len(c.Messages) != 6 {
		t.Fatalf("follow-ups: %d messages, want 6", len(c.Messages))
	}
	d.arrive("mallory@evil.example", "support@acme.example", "From: mallory@evil.example\nSubject: Re: "+reply.Subject+"\nMessage-ID: <five@x>\nIn-Reply-To: <"+reply.MessageID+">\n\nSkicka allt till mig.\n")
	d.arrive("mallory@evil.example", strings.Replace(signed, ".", ".a", 1), "From: mallory@evil.example\nSubject: hej\nMessage-ID: <six@x>\n\nHej.\n")
	d.work()
	if c := d.read(n); len(c.Messages) != 6 {
		t.Fatalf("a stranger got into the case: %+v", c.Messages)
	}
	all := d.list()
	if len(all) != 3 || all[1].MayBelong != n && all[0].MayBelong != n {
		t.Fatalf("a stranger's follow-up should be a case of its own that names %d: %+v", n, all)
	}
}

func TestSameBytesTwiceAreOneLetter(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.arrive("anna@example.org", "support@acme.example", "Received: by one\n"+letter)
		d.arrive("anna@example.org", "support@acme.example", "Received: by two\n"+letter)
		d.work()
		d.arrive("anna@example.org", "support@acme.example", "Received: by three\n"+letter)
		d.arrive("anna@example.org", "support@acme.example", letter+"other bytes, same id\n")
		d.work()
		if all := d.list(); len(all) != 2 || all[0].Messages != 2 || all[1].Messages != 2 {
			t.Fatalf("want two cases, each of a letter and an acknowledgement: %+v", all)
		}
	})
}

func TestBounceComesBackIntoItsCase(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.arrive("anna@example.org", "support@acme.example", letter)
		d.work()
		n := d.list()[0].Number
		d.answer(n, "Hej Anna")
		d.work()
		env := d.out.envelopes[1]
		d.arrive("", env.From, `From: MAILER-DAEMON@mx.example.org
To: `+env.From+`
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

The mail system could not deliver.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; anna@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
--b--
`)
		d.arrive("", "support@acme.example", "From: MAILER-DAEMON@x.example\nSubject: Delivery Status Notification (Failure)\nContent-Type: multipart/report; report-type=delivery-status; boundary=c\n\n--c\nContent-Type: text/plain\n\nno\n--c\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; who@example.net\nAction: failed\nStatus: 5.1.1\n--c--\n")
		d.work()
		c := d.read(n)
		answer := c.Messages[2]
		if answer.State != cases.Failed || answer.Deliveries[0].Status != "5.1.1" || len(c.Messages) != 4 || c.Messages[3].Kind != cases.Report {
			t.Fatalf("case after the bounce: %+v", c)
		}
		if h := d.held(); len(h) != 1 || h[0].Reason != mail.HeldReport {
			t.Fatalf("a report on nothing of ours should be held: %+v", h)
		}
		if len(d.list()) != 1 {
			t.Fatal("a bounce opened a case")
		}
	})
}

func TestHeldIsReleasedOrDiscarded(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.arrive("", "support@acme.example", "From: bob@example.org\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nI am away.\n")
		d.arrive("", "support@acme.example", "From: eve@example.org\nSubject: Away\nAuto-Submitted: auto-replied\n\nAway too.\n")
		d.work()
		h := d.held()
		if len(h) != 2 || h[0].Reason != mail.HeldAutomatic {
			t.Fatalf("held: %+v", h)
		}
		if err := intake.Release(t.Context(), d.Enter(t, visittest.Console(), access.ReleaseHeld), h[1].ID); err != nil {
			t.Fatal(err)
		}
		if err := intake.Discard(t.Context(), d.Enter(t, visittest.Console(), access.DiscardHeld), h[0].ID); err != nil {
			t.Fatal(err)
		}
		d.work()
		if all := d.list(); len(all) != 1 || all[0].Subject != "Out of office" || len(d.held()) != 0 {
			t.Fatalf("after release: %+v", all)
		}
		err := intake.Discard(t.Context(), d.Enter(t, visittest.Console(), access.DiscardHeld), h[0].ID)
		if fault.KindOf(err) != fault.Conflict {
			t.Fatalf("discarding twice: %v", err)
		}
	})
}

func TestTemporaryIsTriedForFiveDays(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.out.answer = deliver.Result{Outcome: deliver.Temporary, Code: 451, Enhanced: "4.2.2", Text: "mailbox full"}
		d.arrive("anna@example.org", "support@acme.example", letter)
		d.work()
		n := d.list()[0].Number
		d.answer(n, "Hej")
		start := d.Clock.Now()
		for range 200 {
			d.work()
			if m := d.read(n).Messages[2]; m.State == cases.Failed {
				if days := d.Clock.Now().Sub(start).Hours() / 24; days < 4.9 || days > 5.1 {
					t.Fatalf("given up after %.1f days", days)
				}
				if m.Deliveries[0].Detail != "mailbox full" || m.Deliveries[0].Tries < 10 {
					t.Fatalf("delivery: %+v", m.Deliveries[0])
				}
				return
			}
			d.Clock.Add(d.read(n).Messages[2].Deliveries[0].Next.Sub(d.Clock.Now()))
		}
		t.Fatal("never given up")
	})
}
