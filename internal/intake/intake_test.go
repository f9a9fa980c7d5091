package intake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/audit"
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
		queue.Migrations, intake.Migrations)
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

// hall is a house with a queue of support and one that only administrators read, on an engine whose COMMIT can lose its answer.
type hall struct {
	*visittest.House
	t               *testing.T
	support, closed queue.Queue
	engine          *deaf
}

func each(t *testing.T, fn func(*testing.T, *hall)) {
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		h := &hall{t: t, engine: &deaf{Engine: e}}
		h.House = visittest.New(t, h.engine, schema(), "blob", "letter", "queue")
		v := h.Enter(t, visittest.Console(), access.CreatePurpose)
		_, err := visit.Update(t.Context(), v, func(w *visit.Writer) (struct{}, error) {
			return struct{}{}, purpose.Register(w, purpose.Purpose{ID: "closed", Basis: "task", Class: purpose.InternalData,
				Readers: []access.Role{access.Administrator}, TakesMail: true}, h.Clock.Now())
		})
		h.must(err)
		h.support, h.closed = h.queue("support"), h.queue("closed")
		fn(t, h)
	})
}

func (h *hall) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hall) queue(purposeID string) queue.Queue {
	h.t.Helper()
	q, err := queue.Create(h.t.Context(), h.Enter(h.t, visittest.Console(), access.CreateQueue), queue.New{Name: purposeID, Address: purposeID + "@x.example", Purpose: purposeID})
	h.must(err)
	return q
}

func (h *hall) receive(q queue.Queue, raw []byte, limit int64) (string, error) {
	h.t.Helper()
	v := h.Enter(h.t, visittest.System(), access.ReceiveMail)
	return intake.Receive(h.t.Context(), v, q, intake.Envelope{RemoteIP: "192.0.2.1", HELO: strings.Repeat("å", 2000), From: "a@b"}, sha256.Sum256(raw), bytes.NewReader(raw), limit)
}

func (h *hall) hold(id string) {
	h.t.Helper()
	_, err := visit.Update(h.t.Context(), h.Enter(h.t, visittest.System(), access.FileMail), func(w *visit.Writer) (struct{}, error) {
		intake.Hold(w, id, "test")
		return struct{}{}, nil
	})
	h.must(err)
}

func (h *hall) held(c access.Credential, p intake.Page, limit int) []intake.Letter {
	h.t.Helper()
	all, err := visit.View(h.t.Context(), h.Enter(h.t, c, access.ListHeld), func(r *visit.Reader) ([]intake.Letter, error) {
		return intake.HeldLetters(h.t.Context(), r, p, limit)
	})
	h.must(err)
	return all
}

func (h *hall) bytes(id string) []byte {
	h.t.Helper()
	c, err := visit.View(h.t.Context(), h.Enter(h.t, visittest.Console(), access.ReadHeld), func(r *visit.Reader) (visit.Content, error) {
		l, err := intake.Get(h.t.Context(), r, id)
		if err != nil {
			return visit.Content{}, err
		}
		_, _, c, err := l.Open(h.t.Context(), r)
		return c, err
	})
	h.must(err)
	r, err := c.Reader()
	h.must(err)
	b, err := io.ReadAll(r)
	h.must(err)
	h.must(r.Close())
	return b
}

func TestOnceAndWhole(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		for _, raw := range [][]byte{nil, []byte("kort"), bytes.Repeat([]byte("lång "), 100_000)} {
			id, err := h.receive(h.support, raw, 1<<20)
			h.must(err)
			again, err := h.receive(h.support, raw, 1<<20)
			if err != nil || again != id {
				t.Errorf("the same bytes again: %s, %v", again, err)
			}
			other, err := h.receive(h.closed, raw, 1<<20)
			if err != nil || other == id {
				t.Errorf("the same bytes to another queue: %s, %v", other, err)
			}
			if !bytes.Equal(h.bytes(id), raw) || !bytes.Equal(h.bytes(other), raw) {
				t.Errorf("%d bytes are not what came", len(raw))
			}
		}
		for _, n := range []int{1001, 100_000, 2 << 20} {
			if _, err := h.receive(h.support, make([]byte, n), 1000); fault.KindOf(err) != fault.TooLarge {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		if _, err := h.receive(h.support, make([]byte, 1000), 1000); err != nil {
			t.Errorf("as large as allowed: %v", err)
		}
	})
}

func TestQuarantine(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		var ids []string
		for i := range 7 {
			if i%3 == 0 {
				h.Clock.Add(time.Second)
			}
			q := h.support
			if i == 3 {
				q = h.closed
			}
			id, err := h.receive(q, fmt.Appendf(nil, "brev %d", i), 100)
			h.must(err)
			h.hold(id)
			ids = append(ids, id)
		}
		_, handler := h.Person(t, access.Handler)
		_, boss := h.Person(t, access.Administrator)
		page := func(c access.Credential) (all []string) {
			for p := (intake.Page{}); ; {
				found := h.held(c, p, 2)
				if len(found) == 0 {
					return all
				}
				for _, l := range found {
					all = append(all, l.ID)
				}
				last := found[len(found)-1]
				p = intake.Page{Before: last.Received, ID: last.ID}
			}
		}
		if got := page(boss); len(got) != 7 || !sameSet(got, ids) {
			t.Errorf("an administrator sees %d of 7", len(got))
		}
		if got := page(handler); len(got) != 6 || slices.Contains(got, ids[3]) {
			t.Errorf("a handler sees %d, with what is not theirs: %v", len(got), slices.Contains(got, ids[3]))
		}
		for _, limit := range []int{0, -5} {
			if got := h.held(boss, intake.Page{}, limit); len(got) != 1 {
				t.Errorf("a page of %d has %d", limit, len(got))
			}
		}
		err := intake.Release(t.Context(), h.Enter(t, handler, access.ReleaseHeld), ids[3])
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("an outsider releases: %v", err)
		}
		err = intake.Discard(t.Context(), h.Enter(t, handler, access.DiscardHeld), ids[3])
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("an outsider discards: %v", err)
		}
		h.must(intake.Discard(t.Context(), h.Enter(t, boss, access.DiscardHeld), ids[0]))
		h.must(intake.Release(t.Context(), h.Enter(t, boss, access.ReleaseHeld), ids[1]))
		for _, id := range ids[:2] {
			for what, err := range map[string]error{"release": intake.Release(t.Context(), h.Enter(t, boss, access.ReleaseHeld), id),
				"discard": intake.Discard(t.Context(), h.Enter(t, boss, access.DiscardHeld), id)} {
				if fault.KindOf(err) != fault.Conflict {
					t.Errorf("%s of what is not held: %v", what, err)
				}
			}
		}
		// What a person gave up does not come back because its sender tries again.
		if id, err := h.receive(h.support, []byte("brev 0"), 100); err != nil || id != ids[0] || len(h.held(boss, intake.Page{}, 50)) != 5 {
			t.Errorf("%s, %v", id, err)
		}
	})
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// TestLostAnswerToCommit: the letter may be there although nobody knows; its bytes must then be there too, when the sender tries again
// and is told that all is well.
func TestLostAnswerToCommit(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		raw := bytes.Repeat([]byte("ett stort brev "), 20_000)
		h.engine.lost.Store(true)
		_, err := h.receive(h.support, raw, 1<<20)
		h.engine.lost.Store(false)
		if fault.Of(err).Key != "fault.store.uncertain" {
			t.Fatalf("%v, want an uncertain commit", err)
		}
		id, err := h.receive(h.support, raw, 1<<20)
		h.must(err)
		if !bytes.Equal(h.bytes(id), raw) {
			t.Error("what was acknowledged is gone")
		}
	})
}

// deaf is an engine that, while lost is set, commits and never hears that it did, and then cannot be reached.
type deaf struct {
	store.Engine
	lost, committed atomic.Bool
}

func (d *deaf) Open(ctx context.Context, name string) (store.DB, error) {
	db, err := d.Engine.Open(ctx, name)
	return &deafDB{DB: db, d: d}, err
}

type deafDB struct {
	store.DB
	d *deaf
}

func (b *deafDB) Begin(ctx context.Context) (store.Tx, error) {
	if b.d.lost.Load() && b.d.committed.Load() {
		return nil, store.ErrLost
	}
	tx, err := b.DB.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &deafTx{Tx: tx, d: b.d}, nil
}

type deafTx struct {
	store.Tx
	d *deaf
}

func (x *deafTx) Commit(ctx context.Context) error {
	err := x.Tx.Commit(ctx)
	if err == nil && x.d.lost.Load() {
		x.d.committed.Store(true)
		return store.ErrUncertain
	}
	return err
}
