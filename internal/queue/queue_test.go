package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/audit"
	"insegel/internal/fault"
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
	all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations, account.Migrations, queue.Migrations)
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

// town is a house with two customers.
type town struct {
	*visittest.House
	t     *testing.T
	other string
}

func each(t *testing.T, fn func(*town)) {
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		w := &town{House: visittest.New(t, e, schema(), "queue"), t: t}
		w.other = w.IDs.New()
		v := w.visit(w.Operator, access.CreateTenant)
		if err := w.Waist.Found(t.Context(), v, w.other, "beta", "Beta"); err != nil {
			t.Fatal(err)
		}
		fn(w)
	})
}

func (w *town) visit(tenantID string, a access.Action) *visit.Visit {
	w.t.Helper()
	v, err := w.Waist.Enter(w.t.Context(), tenantID, visittest.Console(), a)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(v.Leave)
	return v
}

func (w *town) make(tenantID, address, purposeID string) (queue.Queue, error) {
	w.t.Helper()
	return queue.Create(w.t.Context(), w.visit(tenantID, access.CreateQueue), queue.New{Name: "Q", Address: address, Purpose: purposeID})
}

// takes tells what the door would say of an address: "" where it takes mail, else the kind of its refusal.
func (w *town) takes(address string, want fault.Kind, tenantID string) {
	w.t.Helper()
	got, err := w.Lookup.ByAddress(w.t.Context(), address)
	if got != tenantID || err == nil != (tenantID != "") || err != nil && fault.KindOf(err) != want {
		w.t.Errorf("%s: %s, %v", address, got, err)
	}
}

func (w *town) refused(err error, kind fault.Kind, key string) {
	w.t.Helper()
	if err == nil || fault.KindOf(err) != kind || fault.Of(err).Key != key {
		w.t.Errorf("got %v, want %s", err, key)
	}
}

func TestWhatIsRefused(t *testing.T) {
	each(t, func(w *town) {
		for _, c := range []struct{ name, address, purpose, key string }{
			{"Q", "a@x.example", "unheard-of", "fault.purpose.unregistered"},
			{"Q", "a@x.example", access.PurposeAccounts, "fault.purpose.no_mail"},
			{"Q", "a@x.example", access.PurposeSettings, "fault.purpose.no_mail"},
			{"Q", "a@x.example", access.PurposeLog, "fault.purpose.no_mail"},
			{"Q", "", "support", "fault.queue.address"},
			{"Q", "no address", "support", "fault.queue.address"},
			{"Q", "a+b@x.example", "support", "fault.queue.plus"},
			{" ", "a@x.example", "support", "fault.queue.name"},
			{strings.Repeat("å", queue.MaxName), "a@x.example", "support", "fault.queue.name"},
		} {
			_, err := queue.Create(w.t.Context(), w.visit(w.Customer, access.CreateQueue), queue.New{Name: c.name, Address: c.address, Purpose: c.purpose})
			w.refused(err, fault.Invalid, c.key)
		}
		w.takes("a@x.example", fault.NotFound, "")
		if _, err := w.make(w.Customer, "a@x.example", "support"); err != nil {
			w.t.Errorf("what was refused stands in the way: %v", err)
		}
	})
}

func TestTakenAddresses(t *testing.T) {
	each(t, func(w *town) {
		mine, err := w.make(w.Customer, " Support@X.example ", "support")
		if err != nil || mine.Address != "support@x.example" {
			w.t.Fatal(mine, err)
		}
		_, err = w.make(w.other, "support@x.example", "support")
		w.refused(err, fault.Conflict, "fault.address.taken")
		_, err = w.make(w.Customer, "SUPPORT@x.example", "security")
		w.refused(err, fault.Conflict, "fault.address.taken")
		w.takes("support@x.example", 0, w.Customer)
		list := func(tenantID string) int {
			w.t.Helper()
			v := w.visit(tenantID, access.ListQueues)
			all, err := visit.View(w.t.Context(), v, func(r *visit.Reader) ([]queue.Queue, error) { return queue.List(w.t.Context(), r) })
			if err != nil {
				w.t.Fatal(err)
			}
			return len(all)
		}
		if list(w.Customer) != 1 || list(w.other) != 0 {
			w.t.Error("a refused queue is there")
		}
		v := w.visit(w.Customer, access.ListQueues)
		for _, said := range []string{mine.ID, "q", "SUPPORT@X.EXAMPLE"} {
			q, err := visit.View(w.t.Context(), v, func(r *visit.Reader) (queue.Queue, error) { return queue.Named(w.t.Context(), r, said) })
			if err != nil || q != mine {
				w.t.Errorf("%s: %+v %v", said, q, err)
			}
		}
		_, err = visit.View(w.t.Context(), v, func(r *visit.Reader) (queue.Queue, error) { return queue.Named(w.t.Context(), r, "x") })
		w.refused(err, fault.NotFound, "fault.queue.not_found")
	})
}

// TestCrashBetweenTheSteps: reserved, written, confirmed. Mail for an address between them waits at its sender, and the
// tenant's own word decides what becomes of it.
func TestCrashBetweenTheSteps(t *testing.T) {
	each(t, func(w *town) {
		ctx := w.t.Context()
		v := w.visit(w.Customer, access.CreateQueue)
		house := w.visit(w.Customer, access.KeepHouse)
		heal := func() {
			w.t.Helper()
			if err := house.Reconcile(ctx); err != nil {
				w.t.Fatal(err)
			}
		}
		if _, err := v.Reserve(ctx, "one@x.example"); err != nil { // killed after the first step
			w.t.Fatal(err)
		}
		w.takes("one@x.example", fault.Unavailable, "")
		heal()
		w.takes("one@x.example", fault.Unavailable, "") // somebody may be about to write it
		_, err := w.make(w.other, "one@x.example", "support")
		w.refused(err, fault.Conflict, "fault.address.taken")
		w.Clock.Add(11 * time.Minute)
		heal()
		w.takes("one@x.example", fault.NotFound, "")
		if _, err := w.make(w.other, "one@x.example", "support"); err != nil {
			w.t.Errorf("given back, and not to be had: %v", err)
		}
		w.takes("one@x.example", 0, w.other)

		c, err := v.Reserve(ctx, "two@x.example")
		if err == nil {
			_, err = visit.Update(ctx, v, func(u *visit.Writer) (struct{}, error) { // killed after the second
				u.Claimed(c)
				return struct{}{}, nil
			})
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.takes("two@x.example", fault.Unavailable, "")
		w.Clock.Add(time.Hour)
		heal()
		w.takes("two@x.example", 0, w.Customer)
	})
}

func TestFailedAndAgain(t *testing.T) {
	each(t, func(w *town) {
		no := errors.New("no")
		v := w.visit(w.Customer, access.CreateQueue)
		n := queue.New{Name: "Q", Address: "q@x.example", Purpose: "support", First: func(context.Context, *visit.Writer) (bool, error) { return false, no }}
		if _, err := queue.Create(w.t.Context(), v, n); !errors.Is(err, no) {
			w.t.Errorf("%v", err)
		}
		w.takes("q@x.example", fault.Unavailable, "")
		// A repetition of what was done makes no queue, and gives its address to nobody.
		n.Address, n.First = "r@x.example", func(context.Context, *visit.Writer) (bool, error) { return true, nil }
		if _, err := queue.Create(w.t.Context(), v, n); err != nil {
			w.t.Error(err)
		}
		w.takes("r@x.example", fault.Unavailable, "")
		n.Address = "q@x.example"
		// Who asked goes away while the queue is written: it is there, and takes mail.
		ctx, cancel := context.WithCancel(w.t.Context())
		n.First, n.Also = nil, func(*visit.Writer, queue.Queue) { cancel() }
		if _, err := queue.Create(ctx, v, n); err != nil {
			w.t.Errorf("the same address again: %v", err)
		}
		w.takes("q@x.example", 0, w.Customer)
	})
}
