package cases_test

import (
	"slices"
	"testing"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/audit"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/purpose"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func schema() []store.Migration {
	all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations, account.Migrations,
		queue.Migrations, intake.Migrations, cases.Migrations)
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

// desk is a real house with a queue of support, one of security, and one of a purpose that only administrators read.
type desk struct {
	*visittest.House
	t                         *testing.T
	support, security, closed queue.Queue
}

func each(t *testing.T, fn func(*desk)) {
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		d := &desk{House: visittest.New(t, e, schema(), "attachment", "blob", "cases", "delivery", "message", "queue"), t: t}
		v := d.Enter(t, visittest.Console(), access.CreatePurpose)
		_, err := visit.Update(t.Context(), v, func(w *visit.Writer) (struct{}, error) {
			return struct{}{}, purpose.Register(w, purpose.Purpose{ID: "closed", Basis: "task", Class: purpose.InternalData,
				Readers: []access.Role{access.Administrator}, TakesMail: true}, d.Clock.Now())
		})
		d.must(err)
		d.support, d.security, d.closed = d.queue("support"), d.queue("security"), d.queue("closed")
		fn(d)
	})
}

func (d *desk) queue(purposeID string) queue.Queue {
	d.t.Helper()
	q, err := queue.Create(d.t.Context(), d.Enter(d.t, visittest.Console(), access.CreateQueue),
		queue.New{Name: "Q " + purposeID, Address: purposeID + "@acme.example", Purpose: purposeID, Lang: "sv"})
	d.must(err)
	return q
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// refused holds that an error is of a kind with a key.
func (d *desk) refused(err error, kind fault.Kind, key string) {
	d.t.Helper()
	if err == nil || fault.KindOf(err) != kind || fault.Of(err).Key != key {
		d.t.Errorf("got %v, want %s", err, key)
	}
}

// change runs fn in a visit of its own.
func change[T any](d *desk, c access.Credential, a access.Action, fn func(*visit.Writer) (T, error)) (T, error) {
	d.t.Helper()
	return visit.Update(d.t.Context(), d.Enter(d.t, c, a), fn)
}

func view[T any](d *desk, c access.Credential, a access.Action, fn func(*visit.Reader) (T, error)) (T, error) {
	d.t.Helper()
	return visit.View(d.t.Context(), d.Enter(d.t, c, a), fn)
}

// letter is a first message from outside.
func letter(w *visit.Writer, body string) cases.NewMessage {
	return cases.NewMessage{ID: w.Visit().NewID(), Kind: cases.Incoming, Channel: cases.ByMail, Body: body,
		Head: cases.Head{Subject: "Hej", From: cases.Person{Name: "Anna", Mail: "anna@example.org"}}}
}

func draft(q queue.Queue) cases.Draft {
	return cases.Draft{Queue: q.ID, Purpose: q.Purpose, Subject: "Hej", Requester: cases.Person{Name: "Anna", Mail: "anna@example.org"}}
}

func (d *desk) create(q queue.Queue) cases.Case {
	d.t.Helper()
	c, err := change(d, visittest.Console(), access.CreateCase, func(w *visit.Writer) (cases.Case, error) {
		c, _, err := cases.Create(w, draft(q), letter(w, "hej"))
		return c, err
	})
	d.must(err)
	return c
}

func (d *desk) read(number int64) cases.Thread {
	d.t.Helper()
	t, err := view(d, visittest.Console(), access.ReadCase, func(r *visit.Reader) (cases.Thread, error) { return cases.Read(d.t.Context(), r, number) })
	d.must(err)
	return t
}

func (d *desk) write(number int64, a cases.Answer) (string, error) {
	d.t.Helper()
	return change(d, visittest.Console(), access.Reply, func(w *visit.Writer) (string, error) { return cases.Write(d.t.Context(), w, number, a) })
}

func (d *desk) alter(number int64, ch cases.Change) (cases.Case, error) {
	d.t.Helper()
	return change(d, visittest.Console(), access.ChangeCase, func(w *visit.Writer) (cases.Case, error) { return cases.Alter(d.t.Context(), w, number, ch) })
}

func (d *desk) erase(number int64) {
	d.t.Helper()
	_, err := change(d, visittest.Console(), access.EraseCase, func(w *visit.Writer) (struct{}, error) {
		return struct{}{}, cases.Erase(d.t.Context(), w, number)
	})
	d.must(err)
}

// another adds a letter from outside.
func (d *desk) another(number int64, from string) {
	d.t.Helper()
	_, err := change(d, visittest.System(), access.FileMail, func(w *visit.Writer) (struct{}, error) {
		c, key, err := cases.ForUpdate(d.t.Context(), w, number)
		if err != nil {
			return struct{}{}, err
		}
		m := letter(w, "igen")
		m.From.Mail = from
		return struct{}{}, cases.Add(w, key, &c, m)
	})
	d.must(err)
}

// first is the number before a tenant's first case.
const first = 1000

func to[T any](v T) *T { return &v }
