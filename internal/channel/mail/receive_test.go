package mail_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/channel/mail"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

// receive takes a letter in for several recipients.
func (d *desk) receive(rcpt []string, raw string) error {
	return d.receiveAs(d.t.Context(), rcpt, raw)
}

func (d *desk) receiveAs(ctx context.Context, rcpt []string, raw string) error {
	return d.Receive(ctx, mail.Envelope{ID: "s1", RemoteIP: netip.MustParseAddr("203.0.113.5"), HELO: "mx.example", From: "anna@example.org",
		Recipients: rcpt}, []byte(strings.ReplaceAll(raw, "\n", "\r\n")))
}

// second makes another customer with a queue.
func (d *desk) second(t *testing.T, address string) queue.Queue {
	t.Helper()
	op, err := d.Waist.Enter(t.Context(), d.Operator, visittest.Console(), access.CreateTenant)
	if err != nil {
		t.Fatal(err)
	}
	defer op.Leave()
	d.beta = d.IDs.New()
	if err := d.Waist.Found(t.Context(), op, d.beta, "beta", "Beta"); err != nil {
		t.Fatal(err)
	}
	q, err := queue.Create(t.Context(), d.enter(t, d.beta, visittest.Console(), access.CreateQueue), queue.New{Name: "Beta", Address: address, Purpose: "support", Lang: "da"})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (d *desk) enter(t *testing.T, tenantID string, c access.Credential, a access.Action) *visit.Visit {
	t.Helper()
	v, err := d.Waist.Enter(t.Context(), tenantID, c, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Leave)
	return v
}

// waiting counts the letters that a tenant has taken and not filed.
func (d *desk) waiting(t *testing.T, tenantID string) int64 {
	t.Helper()
	v := d.enter(t, tenantID, visittest.System(), access.KeepHouse)
	n, err := visit.View(t.Context(), v, func(r *visit.Reader) (int64, error) {
		n, _, err := intake.Backlog(t.Context(), r)
		return n, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// all lists every case.
func (d *desk) all() (found []cases.Case) {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.ListCases)
	for cursor := ""; ; {
		page, err := visit.View(d.t.Context(), v, func(r *visit.Reader) (page []cases.Case, err error) {
			page, cursor, err = cases.List(d.t.Context(), r, cases.Filter{}, cursor, 100)
			return page, err
		})
		if err != nil {
			d.t.Fatal(err)
		}
		found = append(found, page...)
		if cursor == "" {
			return found
		}
	}
}

// TestSenderGoesAwayAtEveryMoment: whatever was acknowledged is there, whole, once; what was not is there whole, or not at all.
func TestSenderGoesAwayAtEveryMoment(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		acknowledged := map[string]bool{}
		const tries = 120
		for i := range tries {
			subject := fmt.Sprintf("brev %d", i)
			body := "kort"
			if i%2 == 1 {
				body = strings.Repeat("lång rad, och en till\n", 10_000) // a file of its own
			}
			ctx, cancel := context.WithCancel(t.Context())
			gone := time.AfterFunc(time.Duration(i)*100*time.Microsecond, cancel)
			if i >= tries-2 {
				gone.Stop()
			}
			if d.receiveAs(ctx, []string{"support@acme.example"}, followUp("anna@example.org", fmt.Sprintf("%d@x", i), subject)+body) == nil {
				acknowledged[subject] = true
			}
			gone.Stop()
			cancel()
		}
		d.work()
		seen := map[string]int{}
		for _, c := range d.all() {
			seen[c.Subject]++
			m := d.read(c.Number).Messages[0]
			if n := len(m.Body); n < 10 || n > 100 && n < 200_000 {
				t.Errorf("%s came with %d bytes", c.Subject, n)
			}
		}
		for subject := range acknowledged {
			if seen[subject] != 1 {
				t.Errorf("%s was acknowledged and is there %d times", subject, seen[subject])
			}
		}
		for subject, n := range seen {
			if n != 1 {
				t.Errorf("%s is there %d times", subject, n)
			}
		}
		if len(acknowledged) < 2 || d.waiting(t, d.Customer) != 0 {
			t.Errorf("%d acknowledged, %d wait", len(acknowledged), d.waiting(t, d.Customer))
		}
	})
}

func TestTheSameLetterFromManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		var all sync.WaitGroup
		var failed atomic.Int64
		big := letter + strings.Repeat("en rad\n", 20_000)
		for i := range 24 {
			all.Go(func() {
				if d.receive([]string{"support@acme.example"}, fmt.Sprintf("Received: by mx%d\n", i)+big) != nil {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		d.work()
		if found := d.all(); failed.Load() != 0 || len(found) != 1 || len(d.out.letters) != 1 {
			t.Fatalf("%d failed, %d cases, %d acknowledgements", failed.Load(), len(found), len(d.out.letters))
		}
		d.answer(d.list()[0].Number, "ett svar")
	})
}

func TestTwoCustomersInOneTransaction(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		beta := d.second(t, "hjelp@beta.example")
		both := []string{"support@acme.example", beta.Address}
		if err := d.receive(both, letter); err != nil {
			t.Fatal(err)
		}
		if d.waiting(t, d.Customer) != 1 || d.waiting(t, d.beta) != 1 {
			t.Fatal("one of them has no letter")
		}
		if err := d.receive(both, letter); err != nil || d.waiting(t, d.beta) != 1 {
			t.Fatalf("the sender's second try: %v", err)
		}
		// One of them cannot: nothing is acknowledged, and the second try makes it whole.
		other := strings.Replace(letter, "one@", "other@", 1)
		err := d.receive(append(both, "nobody@acme.example"), other)
		if fault.KindOf(err) != fault.NotFound {
			t.Fatalf("an address that nobody has: %v", err)
		}
		if err := d.receive(both, other); err != nil || d.waiting(t, d.Customer) != 2 || d.waiting(t, d.beta) != 2 {
			t.Fatalf("%v: %d and %d", err, d.waiting(t, d.Customer), d.waiting(t, d.beta))
		}
		if err := d.Recipient(t.Context(), "nobody@acme.example"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
		if err := d.Recipient(t.Context(), "Hjelp+what.ever@Beta.example"); err != nil {
			t.Errorf("%v", err)
		}
	})
}

func TestTooLarge(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		err := d.receive([]string{"support@acme.example"}, letter+strings.Repeat("x", 50<<20))
		if fault.KindOf(err) != fault.TooLarge || d.waiting(t, d.Customer) != 0 {
			t.Fatalf("%v, %d wait", err, d.waiting(t, d.Customer))
		}
	})
}

// try does a letter's job as the worker would, n times, and gives what the last came to.
func (d *desk) try(n int) (err error) {
	d.t.Helper()
	v := d.Enter(d.t, visittest.System(), access.KeepHouse)
	due, err := visit.View(d.t.Context(), v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.Due(d.t.Context(), r, d.Clock.Now(), 50) })
	if err != nil {
		d.t.Fatal(err)
	}
	i := slices.IndexFunc(due, func(j jobs.Job) bool { return j.Kind == intake.JobFile })
	if i < 0 {
		d.t.Fatal("no letter waits")
	}
	for k := range n {
		due[i].Attempt = k
		err = d.File(d.t.Context(), d.Enter(d.t, visittest.System(), access.FileMail), due[i])
	}
	return err
}

// TestWhatAlwaysFails: a letter that cannot be filed is tried a bounded number of times and then held whole; it can be released,
// is held again, and is given up by a person only.
func TestWhatAlwaysFails(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.arrive("anna@example.org", "support@acme.example", letter)
		id := d.letterOf(t)
		_, err := visit.Update(t.Context(), d.Enter(t, visittest.Console(), access.EraseCase), func(w *visit.Writer) (struct{}, error) {
			w.Erase(id) // its bytes can never be read again
			return struct{}{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := d.try(5); err == nil || len(d.held()) != 0 {
				t.Fatalf("after five attempts: %v, %d held", err, len(d.held()))
			}
			if err := d.try(6); err != nil {
				t.Fatal(err)
			}
			if h := d.held(); len(h) != 1 || h[0].Reason != mail.HeldFailed {
				t.Fatalf("held: %+v", h)
			}
			if err := intake.Release(t.Context(), d.Enter(t, visittest.Console(), access.ReleaseHeld), id); err != nil {
				t.Fatal(err)
			}
		}
		_ = d.try(6)
		if err := intake.Discard(t.Context(), d.Enter(t, visittest.Console(), access.DiscardHeld), id); err != nil || d.waiting(t, d.Customer) != 0 {
			t.Fatal(err)
		}
	})
}

// letterOf gives the id of the one letter that waits.
func (d *desk) letterOf(t *testing.T) string {
	t.Helper()
	v := d.Enter(t, visittest.System(), access.KeepHouse)
	due, err := visit.View(t.Context(), v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.Due(t.Context(), r, d.Clock.Now(), 50) })
	if err != nil || len(due) != 1 {
		t.Fatalf("%v %v", due, err)
	}
	return due[0].Arg
}

// TestOverALimit: what the parser will not read is held, and becomes a case with the original when a person says so.
func TestOverALimit(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.Channel = mail.New(mail.Config{Waist: d.Waist, Directory: d.Lookup, Sender: &d.out, Logger: quiet(), Jitter: func() float64 { return 0 },
			Limits: mailmsg.Limits{HeaderFields: 3}, MaxBytes: 1 << 20})
		d.arrive("anna@example.org", "support@acme.example", letter)
		d.work()
		h := d.held()
		if len(h) != 1 || h[0].Reason != mail.HeldOverLimit {
			t.Fatalf("%+v", h)
		}
		if err := intake.Release(t.Context(), d.Enter(t, visittest.Console(), access.ReleaseHeld), h[0].ID); err != nil {
			t.Fatal(err)
		}
		d.work()
		found := d.all()
		if len(found) != 1 || len(d.held()) != 0 || len(d.out.letters) != 0 {
			t.Fatalf("%+v; %d answered", found, len(d.out.letters))
		}
		m := d.read(found[0].Number).Messages[0]
		if got := d.original(t, found[0].Number, m.ID); string(got) != strings.ReplaceAll(letter, "\n", "\r\n") {
			t.Errorf("the original is not what came: %q", got)
		}
	})
}
