package tenant_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// reopen opens the tenant anew, and gives what stands in the way.
func (n *node) reopen() error {
	n.t.Helper()
	n.stop()
	n.start()
	t, release, err := n.house.Get(n.t.Context(), n.tenantID)
	if err == nil {
		n.tenant, n.release = t, release
	}
	return err
}

func TestFoundingTwiceIsOnce(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		n.ok(n.house.Found(t.Context(), n.tenantID, n.first()))
		found, err := n.house.Check(t.Context(), n.tenantID, nil, nil)
		if err != nil || found.Records != 1 || len(found.Faults) != 0 {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

func TestNoTenantWithoutAnID(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for _, s := range []string{"", "x", "../../etc/passwd", "01A207A2-3280-7001-9DFE-C5FD09AC52A8", n.ids.New()} {
			if _, _, err := n.house.Get(t.Context(), s); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}

// A past that is shorter than what was acknowledged stops the tenant: nothing is written over it.
func TestAShortenedDatabaseIsNotOpened(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		copied := filepath.Join(t.TempDir(), "copy")
		n.ok(n.tenant.Committer.Do(t.Context(), n.first()))
		n.ok(n.engine.Copy(t.Context(), n.tenantID, copied))
		n.ok(n.tenant.Committer.Do(t.Context(), n.first()))
		n.ok(n.reopen())
		n.stop()
		n.ok(n.engine.Drop(t.Context(), n.tenantID))
		n.ok(n.engine.Load(t.Context(), n.tenantID, copied))
		n.want(n.reopen(), "fault.log.shorter")
		mark := filepath.Join(n.dir, "marks", n.tenantID+".mark")
		n.ok(os.Rename(mark, mark+".away"))
		n.want(n.reopen(), "fault.log.mark_missing")
		n.ok(os.WriteFile(mark, []byte("what is this"), 0o600))
		n.want(n.reopen(), "fault.log.mark_damaged")
	})
}

func TestWithoutItsKeysATenantIsNotOpened(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		n.stop()
		for _, place := range []string{"epochs1", "epochs2"} {
			n.ok(os.Rename(filepath.Join(n.dir, place), filepath.Join(n.dir, place+".away")))
		}
		if err := n.reopen(); err == nil {
			t.Fatal("opened without its keys")
		}
		for _, place := range []string{"epochs1", "epochs2"} {
			n.ok(os.RemoveAll(filepath.Join(n.dir, place)))
			n.ok(os.Rename(filepath.Join(n.dir, place+".away"), filepath.Join(n.dir, place)))
		}
		n.ok(n.reopen())
	})
}

func TestATenantWhoseOwnKeyIsGoneIsNotOpened(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		n.ok(n.change(func(_ context.Context, w store.Writer) error {
			w.Put(`DELETE FROM sealkey WHERE id = $1`, tenant.KeyLog)
			return nil
		}))
		n.want(n.reopen(), "fault.log.damaged")
	})
}

// The directory: reserve, commit in the tenant, confirm; and back where the second step never came.
func TestAddressesAreReservedConfirmedAndReleased(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		hash, other := []byte("hash of an address"), n.ids.New()
		reserve := func(by string) error {
			return n.change(func(ctx context.Context, w store.Writer) error {
				return tenant.ReserveAddress(ctx, w, hash, by, n.clock.Now())
			})
		}
		of := func() (a tenant.Address, err error) {
			err = n.view(func(ctx context.Context, r store.Reader) (err error) {
				a, err = tenant.AddressOf(ctx, r, hash)
				return err
			})
			return a, err
		}
		_, err := of()
		n.want(err, "fault.address.not_found")
		n.ok(reserve(n.tenantID))
		n.ok(reserve(n.tenantID)) // again, after a crash
		n.want(reserve(other), "fault.address.taken")
		if a, err := of(); err != nil || a.Active || a.Tenant != n.tenantID {
			t.Errorf("%+v, %v", a, err)
		}
		release := func(by string) {
			n.ok(n.change(func(_ context.Context, w store.Writer) error { tenant.ReleaseAddress(w, hash, by); return nil }))
		}
		release(other) // not another's to give back
		n.ok(n.view(func(ctx context.Context, r store.Reader) error {
			p, err := tenant.PendingAddresses(ctx, r, n.tenantID)
			if len(p) != 1 || !p[0].Since.Equal(n.clock.Now()) {
				t.Errorf("pending %v", p)
			}
			return err
		}))
		n.ok(n.change(func(_ context.Context, w store.Writer) error {
			tenant.ConfirmAddress(w, hash, other) // does nothing
			return nil
		}))
		if a, _ := of(); a.Active {
			t.Error("another tenant confirmed it")
		}
		n.ok(n.change(func(_ context.Context, w store.Writer) error { tenant.ConfirmAddress(w, hash, n.tenantID); return nil }))
		release(n.tenantID) // too late: it takes mail
		if a, err := of(); err != nil || !a.Active {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestSlugsAndHostsFindTheirTenant(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		reserve := func(tenantID, slug string) error {
			return n.change(func(ctx context.Context, w store.Writer) error {
				return tenant.Reserve(ctx, w, tenant.Entry{ID: tenantID, Slug: slug, State: tenant.Pending, Name: []byte("x"), Created: n.clock.Now()})
			})
		}
		acme, other := n.ids.New(), n.ids.New()
		for _, bad := range []string{"", "-a", "a-", "Acme", "a.b", "å", "a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
			n.want(reserve(acme, bad), "fault.tenant.slug")
		}
		n.ok(reserve(acme, "acme"))
		n.ok(reserve(acme, "acme")) // again, after a crash
		n.want(reserve(other, "acme"), "fault.tenant.taken")
		n.ok(n.change(func(_ context.Context, w store.Writer) error {
			tenant.SetState(w, acme, tenant.Active)
			tenant.AddHost(w, "Desk.Acme.example", acme)
			return nil
		}))
		n.want(reserve(acme, "acme"), "fault.tenant.taken")
		n.ok(n.view(func(ctx context.Context, r store.Reader) error {
			e, err := tenant.BySlug(ctx, r, "acme")
			if e.ID != acme || e.State != tenant.Active || !e.Created.Equal(n.clock.Now()) {
				t.Errorf("%+v", e)
			}
			if e, _ := tenant.ByHost(ctx, r, "DESK.acme.example"); e.ID != acme {
				t.Errorf("by host %+v", e)
			}
			if e, _ := tenant.ByID(ctx, r, acme); e.Slug != "acme" {
				t.Errorf("by id %+v", e)
			}
			_, none := tenant.BySlug(ctx, r, "nobody")
			n.want(none, "fault.tenant.not_found")
			if all, _ := tenant.List(ctx, r); len(all) != 1 {
				t.Errorf("%d tenants", len(all))
			}
			return err
		}))
	})
}

// A hint is only moved forward in time, and only removed by who saw the work it tells of.
func TestWakesKeepTheEarliest(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		now := n.clock.Now()
		wake := func(fn func(store.Writer)) (due time.Time) {
			n.ok(n.change(func(_ context.Context, w store.Writer) error { fn(w); return nil }))
			n.ok(n.view(func(ctx context.Context, r store.Reader) error {
				all, err := tenant.Wakes(ctx, r)
				due = all["t"]
				return err
			}))
			return due
		}
		set := func(d time.Duration) func(store.Writer) {
			return func(w store.Writer) { tenant.SetWake(w, "t", now.Add(d)) }
		}
		end := func(d time.Duration) func(store.Writer) {
			return func(w store.Writer) { tenant.EndWake(w, "t", now.Add(d)) }
		}
		for i, c := range []struct {
			do   func(store.Writer)
			want time.Time
		}{
			{set(5 * time.Minute), now.Add(5 * time.Minute)}, {set(9 * time.Minute), now.Add(5 * time.Minute)},
			{set(time.Minute), now.Add(time.Minute)}, {end(30 * time.Second), now.Add(time.Minute)}, {end(time.Minute), time.Time{}},
		} {
			if got := wake(c.do); !got.Equal(c.want) {
				t.Errorf("step %d: %v, want %v", i, got, c.want)
			}
		}
	})
}
