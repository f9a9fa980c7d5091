package tenant_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
)

// steps are those of a rotation, each as the waist does it.
func (n *node) steps() []func() error {
	return []func() error{
		func() error { return n.tenant.BeginRotation() },
		func() error {
			return n.change(func(_ context.Context, w store.Writer) error { n.tenant.NextEpoch(w); return nil })
		},
		func() error {
			return n.change(func(ctx context.Context, w store.Writer) error {
				_, _, err := n.tenant.RewrapSome(ctx, w, "", 3)
				return err
			})
		},
		func() error {
			for moved, last := 1, ""; moved > 0; {
				after := last
				if err := n.change(func(ctx context.Context, w store.Writer) (err error) {
					last, moved, err = n.tenant.RewrapSome(ctx, w, after, 5)
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		},
		func() error { return n.tenant.FinishRotation(context.Background()) },
	}
}

func (n *node) rotate() error {
	for i, step := range n.steps() {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// After any step the process may die. Everything opens before and after, new keys can be made, and the next rotation ends what this
// one began: then the old epoch is gone for good.
func TestARotationGoesOnAfterACrash(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		var all []secret
		add := func(name string) {
			s, err := n.make(name)
			n.ok(err)
			all = append(all, s)
		}
		for i := range 12 {
			add(fmt.Sprint("key", i))
		}
		for crash := range n.steps() {
			old, err := n.row("key0")
			n.ok(err)
			for _, step := range n.steps()[:crash+1] {
				n.ok(step())
			}
			n.restart()
			add(fmt.Sprint("after", crash))
			for _, s := range all {
				if err := n.opens(s); err != nil {
					t.Errorf("after a crash at step %d, %s: %v", crash, s.id, err)
				}
			}
			n.ok(n.rotate())
			n.restart()
			for _, s := range all {
				if err := n.opens(s); err != nil {
					t.Errorf("after the rotation that followed a crash at step %d, %s: %v", crash, s.id, err)
				}
			}
			_, err = n.tenant.Unwrap(old)
			n.want(err, "fault.seal.erased")
		}
	})
}

// What was destroyed stays so: an older copy of the database brings the wrapped key back, but not the epoch key that opens it.
func TestADestroyedKeyStaysDestroyed(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		gone, err := n.make("gone")
		n.ok(err)
		kept, err := n.make("kept")
		n.ok(err)
		old, err := n.row("gone")
		n.ok(err)
		n.ok(n.change(func(_ context.Context, w store.Writer) error { tenant.DestroyKey(w, "gone"); return nil }))
		n.want(n.opens(gone), "fault.seal.erased")
		if _, err := n.tenant.Unwrap(old); err != nil {
			t.Error("not within seven days either, as is said openly:", err)
		}
		n.ok(n.rotate())
		n.ok(n.change(func(_ context.Context, w store.Writer) error {
			w.Put(`INSERT INTO sealkey (id, kind, purpose, epoch, wrapped) VALUES ($1, $2, $3, $4, $5)`, old.ID, old.Kind, old.Purpose, int64(old.Epoch), old.Wrapped)
			return nil
		}))
		n.want(n.opens(gone), "fault.seal.erased")
		n.ok(n.opens(kept))
		n.restart()
		n.want(n.opens(gone), "fault.seal.erased")
	})
}

func TestTheTenantsOwnKeysAreNotErased(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for _, k := range []string{tenant.KeyLookup, tenant.KeyLog, tenant.KeyReply, tenant.KeySettings} {
			n.ok(n.change(func(_ context.Context, w store.Writer) error { tenant.DestroyKey(w, k); return nil }))
			_, err := n.row(k)
			n.ok(err)
		}
		n.restart()
	})
}

func TestARotationDoesNotEndWhileAKeyIsBehind(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for i := range 8 {
			_, err := n.make(fmt.Sprint("key", i))
			n.ok(err)
		}
		for _, step := range n.steps()[:3] {
			n.ok(step())
		}
		n.want(n.tenant.FinishRotation(t.Context()), "fault.seal.behind")
	})
}

// Cases are made all the while: no key is lost, on the node that rotates and on another one.
func TestKeysMadeDuringARotationAreKept(t *testing.T) {
	each(t, func(t *testing.T, n *node) { makeWhileRotating(t, n, n) })
	t.Run("two nodes", func(t *testing.T) {
		e := storetest.Postgres(t)
		if e == nil {
			t.Skip("absent: initdb (PostgreSQL's server)")
		}
		a := newNode(t, e)
		b := *a
		b.start()
		b.enter()
		t.Cleanup(b.stop)
		makeWhileRotating(t, a, &b)
	})
}

func makeWhileRotating(t *testing.T, rotates, makes *node) {
	t.Helper()
	var mu sync.Mutex
	var all []secret
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				s, err := makes.make(fmt.Sprintf("key-%d-%d", w, i))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, s)
				mu.Unlock()
			}
		})
	}
	for range 3 {
		if err := rotates.rotate(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	for _, n := range []*node{rotates, makes} {
		for _, s := range all {
			if err := n.opens(s); err != nil {
				t.Fatalf("%s of %d: %v", s.id, len(all), err)
			}
		}
	}
	if len(all) == 0 {
		t.Error("no key was made meanwhile")
	}
}
