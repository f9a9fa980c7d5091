package mail_test

import (
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/channel/mail"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

// begun takes Anna's letter in, answers it, and gives the case with our answer as it went out.
func (d *desk) begun() (number int64, answer *mailmsg.Message) {
	d.t.Helper()
	d.arrive("anna@example.org", "support@acme.example", letter)
	d.work()
	number = d.list()[0].Number
	d.answer(number, "Vi har rättat det.")
	d.work()
	answer, err := mailmsg.Parse([]byte(d.out.letters[len(d.out.letters)-1]), mailmsg.DefaultLimits())
	if err != nil {
		d.t.Fatal(err)
	}
	return number, answer
}

func (d *desk) messages(number int64) int { d.t.Helper(); return len(d.read(number).Messages) }

func (d *desk) alter(number int64, s cases.State) {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.ChangeCase)
	_, err := visit.Update(d.t.Context(), v, func(w *visit.Writer) (cases.Case, error) {
		return cases.Alter(d.t.Context(), w, number, cases.Change{State: &s})
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// followUp is a letter that answers ids.
func followUp(from, id, subject string, refs ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\nSubject: %s\nMessage-ID: <%s>\n", from, subject, id)
	if len(refs) > 0 {
		fmt.Fprintf(&b, "In-Reply-To: <%s>\nReferences: <%s>\n", refs[len(refs)-1], strings.Join(refs, ">\n <"))
	}
	return b.String() + "\nEn rad till.\n"
}

func TestOurOwnLettersComeBack(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		n, _ := d.begun()
		sent := len(d.out.letters)
		for _, raw := range slices.Clone(d.out.letters) { // the acknowledgement and the answer, forwarded to us by somebody's rule
			for _, from := range []string{"", "anna@example.org"} {
				d.arrive(from, "support@acme.example", "X-Forwarded: "+from+"\n"+strings.ReplaceAll(raw, "\r\n", "\n"))
			}
		}
		d.work()
		held := d.held()
		if len(held) != 4 || len(d.out.letters) != sent || len(d.list()) != 1 || d.messages(n) != 3 {
			t.Fatalf("%d held, %d sent after %d, %d cases", len(held), len(d.out.letters), sent, len(d.list()))
		}
		for _, l := range held {
			if l.Reason != mail.HeldLoop {
				t.Errorf("held for %s", l.Reason)
			}
		}
	})
}

// TestAnsweringMachine answers every letter of ours as if it were a person.
func TestAnsweringMachine(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		say := func(i int, to string) {
			d.arrive("robot@example.org", to, followUp("robot@example.org", fmt.Sprintf("r%d@x", i), "Thank you for your letter"))
			d.work()
		}
		for i := range 12 {
			say(i, "support@acme.example")
		}
		if n := len(d.out.letters); n != cases.MaxAcknowledgements || len(d.list()) != 12 {
			t.Fatalf("%d acknowledgements for %d cases", n, len(d.list()))
		}
		ack, err := mailmsg.Parse([]byte(d.out.letters[0]), mailmsg.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			say(100+i, ack.ReplyTo[0].Mail) // into its case, and nothing goes back
		}
		d.Clock.Add(24 * time.Hour)
		say(200, "support@acme.example")
		if n := len(d.out.letters); n != cases.MaxAcknowledgements+1 || len(d.list()) != 13 {
			t.Fatalf("%d acknowledgements after a day, %d cases", n, len(d.list()))
		}
	})
}

const report = `From: MAILER-DAEMON@mx.example.org
Subject: Undelivered Mail Returned to Sender
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
--b
Content-Type: text/rfc822-headers

Message-ID: <%s>
Subject: x

--b--
`

func TestReports(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		n, _ := d.begun()
		sent := len(d.out.letters)
		ack := d.read(n).Messages[1]
		d.arrive("", "support@acme.example", fmt.Sprintf(report, ack.MessageID)) // of the acknowledgement
		d.arrive("", "support@acme.example", fmt.Sprintf(report, "one@example.org"))
		d.work()
		c := d.read(n)
		if c.Messages[1].State != cases.Failed || c.Messages[2].State != cases.Sent || len(c.Messages) != 4 || len(d.out.letters) != sent {
			t.Errorf("after the acknowledgement's bounce: %+v", c.Messages)
		}
		if h := d.held(); len(h) != 1 || h[0].Reason != mail.HeldReport {
			t.Errorf("a report that names Anna's own letter proves nothing: %+v", h)
		}
		d.erase(n)
		d.arrive("", "support@acme.example", strings.Replace(fmt.Sprintf(report, ack.MessageID), "no such", "no more such", 1))
		d.work()
		if h := d.held(); len(h) != 2 {
			t.Errorf("a report on what was erased: %+v", h)
		}
	})
}

func (d *desk) erase(number int64) {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.EraseCase)
	_, err := visit.Update(d.t.Context(), v, func(w *visit.Writer) (struct{}, error) {
		return struct{}{}, cases.Erase(d.t.Context(), w, number)
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// TestForgedFromDoesNotLeadTheAnswerAway: who knows a case's number and a party's address gets a letter in, and no letter out.
func TestForgedFromDoesNotLeadTheAnswerAway(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		n, answer := d.begun()
		d.arrive("mallory@evil.example", "support@acme.example", "From: anna@example.org\nReply-To: mallory@evil.example\nSubject: "+answer.Subject+"\nMessage-ID: <f@x>\n\nSkicka allt igen.\n")
		d.work()
		d.answer(n, "Här är allt.")
		d.work()
		if to := d.out.envelopes[len(d.out.envelopes)-1].To; len(to) != 1 || to[0] != "anna@example.org" {
			t.Fatalf("the answer went to %v", to)
		}
		d.arrive("anna@example.org", answer.ReplyTo[0].Mail, "From: anna@example.org\nReply-To: anna@home.example\nSubject: hej\nMessage-ID: <g@x>\n\nHit, tack.\n")
		d.work()
		d.answer(n, "Javisst.")
		d.work()
		if to := d.out.envelopes[len(d.out.envelopes)-1].To; to[0] != "anna@home.example" {
			t.Fatalf("who has read our answer says where the next goes, and it went to %v", to)
		}
	})
}

// TestTakenMessageID: a stranger's letter with the id of ours does not draw answers into the stranger's case.
func TestTakenMessageID(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		n, answer := d.begun()
		d.arrive("mallory@evil.example", "support@acme.example", followUp("mallory@evil.example", "one@example.org", "hej"))
		d.work()
		d.arrive("anna@example.org", "support@acme.example", followUp("anna@example.org", "two@example.org", "Sv: svar", "one@example.org"))
		d.arrive("anna@example.org", "support@acme.example", followUp("anna@example.org", "three@example.org", "Sv: svar", "one@example.org", answer.MessageID))
		d.work()
		if d.messages(n) != 5 || len(d.list()) != 2 {
			t.Fatalf("%d messages, %d cases", d.messages(n), len(d.list()))
		}
	})
}

func TestSignedAddresses(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		n, answer := d.begun()
		signed := answer.ReplyTo[0].Mail
		d.arrive("b@x.example", "support@acme.example", followUp("b@x.example", "b1@x", "annat"))
		d.work()
		local, domain, _ := strings.Cut(signed, "@")
		what, tag, _ := strings.Cut(local, ".")
		other := fmt.Sprintf("support+c%d", n+1)
		flipped := "a" + tag[1:]
		if tag[0] == 'a' {
			flipped = "b" + tag[1:]
		}
		for i, forged := range []string{other + "." + tag, what + "." + flipped, what + ".", what, what + "." + tag + "a", strings.Replace(what, "+c", "+b", 1) + "." + tag,
			"support+c0." + tag, "support+c99999999999999999999." + tag, "support+." + tag, d.ofBeta(t, n)} {
			d.arrive("mallory@evil.example", forged+"@"+domain, followUp("mallory@evil.example", fmt.Sprintf("m%d@x", i), fmt.Sprintf("försök %d", i)))
		}
		d.work()
		if d.messages(n) != 3 || d.messages(n+1) != 2 || len(d.list()) != 12 {
			t.Fatalf("a forged address was believed: %d and %d messages, %d cases", d.messages(n), d.messages(n+1), len(d.list()))
		}
		d.arrive("anna@phone.example", strings.ToUpper(signed), followUp("anna@phone.example", "u@x", "skiftade versaler"))
		d.work()
		if d.messages(n) != 4 {
			t.Fatal("letters in another case made the address another")
		}
	})
}

// ofBeta is the signed part that another customer's desk would write for a case of the same number.
func (d *desk) ofBeta(t *testing.T, number int64) string {
	t.Helper()
	beta := d.second(t, "beta@beta.example")
	c := d.receive([]string{beta.Address}, followUp("anna@example.org", "beta@x", "hos beta"))
	if c != nil {
		t.Fatal(c)
	}
	v := d.enter(t, d.beta, visittest.System(), access.FileMail)
	what := fmt.Sprintf("c%d", number)
	return "support+" + what + "." + strings.ToLower(base32.StdEncoding.EncodeToString(v.Sign("mail address", what)[:10]))
}

func TestClosedErasedAndCopied(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		n, answer := d.begun()
		d.arrive("anna@work.example", "support@acme.example", followUp("anna@work.example", "a1@x", "Sv: adress", "one@example.org"))
		d.work()
		if all := d.list(); len(all) != 2 || all[0].MayBelong != n {
			t.Fatalf("an alias that nobody knows: %+v", all)
		}
		d.arrive("anna@work.example", answer.ReplyTo[0].Mail, followUp("anna@work.example", "a2@x", "Sv: adress", "one@example.org"))
		d.work()
		d.arrive("anna@work.example", "support@acme.example", followUp("anna@work.example", "a3@x", "Sv: adress", "one@example.org"))
		d.work()
		if d.messages(n) != 5 {
			t.Fatalf("an alias that wrote to the signed address takes part: %d messages", d.messages(n))
		}
		long := make([]string, 0, 3000)
		for i := range 3000 {
			long = append(long, fmt.Sprintf("%064d@elsewhere.example", i))
		}
		d.arrive("anna@example.org", "support@acme.example", followUp("anna@example.org", "a4@x", "Sv: adress", append(long, answer.MessageID)...))
		d.work()
		if d.messages(n) != 6 {
			t.Fatalf("many references: %d messages; held %+v", d.messages(n), d.held())
		}
		d.alter(n, cases.Closed)
		d.arrive("anna@example.org", answer.ReplyTo[0].Mail, followUp("anna@example.org", "a5@x", "en sak till"))
		d.work()
		if all := d.list(); d.messages(n) != 6 || len(all) != 3 || all[0].MayBelong != n {
			t.Fatalf("a follow-up to what is closed: %+v", all)
		}
		d.arrive("anna@example.org", answer.ReplyTo[0].Mail, "Auto-Submitted: auto-replied\n"+followUp("anna@example.org", "a6@x", "borta"))
		d.work()
		if h := d.held(); len(h) != 1 || h[0].Reason != mail.HeldAutomatic {
			t.Fatalf("a machine's answer to what is closed: %+v", h)
		}
		d.alter(n, cases.Open)
		d.erase(n)
		d.arrive("anna@example.org", answer.ReplyTo[0].Mail, followUp("anna@example.org", "a7@x", "och nu"))
		d.work()
		if all := d.list(); len(all) != 4 || all[0].MayBelong != n {
			t.Fatalf("a follow-up to what is erased: %+v", all)
		}
	})
}

// TestOneLetterToTwoQueues: each queue has its case, and an answer to either goes on where it was written to.
func TestOneLetterToTwoQueues(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		q, err := queue.Create(t.Context(), d.Enter(t, visittest.Console(), access.CreateQueue),
			queue.New{Name: "Säkerhet", Address: "security@acme.example", Purpose: "security", Lang: "sv"})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.receive([]string{"support@acme.example", q.Address}, letter); err != nil {
			t.Fatal(err)
		}
		d.work()
		all := d.list()
		if len(all) != 2 || all[0].Queue == all[1].Queue {
			t.Fatalf("%+v", all)
		}
		for i, to := range []string{"support@acme.example", q.Address} {
			d.arrive("anna@example.org", to, followUp("anna@example.org", fmt.Sprintf("t%d@x", i), "Sv: x", "one@example.org"))
		}
		d.work()
		for _, c := range d.list() {
			if c.Messages != 3 {
				t.Errorf("case %d of queue %s has %d messages", c.Number, c.Queue, c.Messages)
			}
		}
	})
}
