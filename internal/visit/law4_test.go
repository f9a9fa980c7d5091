package visit_test

import (
	"context"
	"errors"
	"testing"

	"insegel/internal/access"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Law 4: what is acknowledged is kept.

// drain forgets who was woken until now.
func (h *house) drain() (n int) {
	for {
		select {
		case <-h.Woken:
			n++
		default:
			return n
		}
	}
}

func (h *house) update(name string) (string, error) {
	return visit.Update(h.t.Context(), h.console(access.CreateCase), func(w *visit.Writer) (string, error) {
		w.Job("test.job", name, h.Clock.Now())
		return "saved", putThing(w, name, "support", "text")
	})
}

func TestNothingIsAcknowledgedThatWasNotCommitted(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.drain()
		before := len(h.records())
		mend := h.breakCommits()
		out, err := h.update("a")
		if !errors.Is(err, errDisk) || out != "" {
			t.Errorf("%q, %v", out, err)
		}
		mend()
		if n := len(h.records()) - before; n != 0 || h.things() != 0 || h.drain() != 0 {
			t.Errorf("%d records, %d things after a failed commit", n, h.things())
		}
		// The same once more: nothing of the first try is in the way.
		if out, err := h.update("a"); out != "saved" || err != nil {
			t.Errorf("%q, %v", out, err)
		}
		if h.things() != 1 || h.drain() != 1 {
			t.Errorf("%d things", h.things())
		}
	})
}

func TestTheAnswerComesAfterTheCommit(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.drain()
		answered, committed := false, 0
		f := func() {
			committed++
			if answered || h.drain() != 0 {
				t.Error("somebody was told before the commit")
			}
		}
		h.engine.before.Store(&f)
		_, err := h.update("a")
		answered = true
		h.engine.before.Store(nil)
		h.ok(err)
		if committed != 1 || h.drain() != 1 {
			t.Errorf("%d commits", committed)
		}
	})
}

// The answer to COMMIT may be lost: the change is then done exactly once, whether it was committed or not.
func TestAnUncertainCommitIsDoneOnce(t *testing.T) {
	for name, was := range map[string]bool{"it was committed": true, "it was not": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				before := len(h.records())
				f := func(ctx context.Context, tx store.Tx) error {
					h.engine.instead.Store(nil) // the next one goes well
					if was {
						h.ok(tx.Commit(ctx))
					} else {
						tx.Discard()
					}
					return store.ErrUncertain
				}
				h.engine.instead.Store(&f)
				if out, err := h.update("a"); out != "saved" || err != nil {
					t.Errorf("%q, %v", out, err)
				}
				if n := len(h.records()) - before; n != 1 || h.things() != 1 {
					t.Errorf("%d records, %d things", n, h.things())
				}
			})
		})
	}
}

// What a caller gives up is either not done or done with its record; there is nothing between.
func TestACancelledUpdateIsWholeOrNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		before := len(h.records())
		done := 0
		for i := range 30 {
			ctx, cancel := context.WithCancel(t.Context())
			f := func() { cancel() } // while the commit runs
			if i%2 == 0 {
				h.engine.before.Store(&f)
			} else {
				cancel()
			}
			v := h.console(access.CreateCase)
			_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
				w.Put(sqlThing, v.NewID(), []byte("x"))
				w.Made("thing", 1)
				return struct{}{}, nil
			})
			h.engine.before.Store(nil)
			cancel()
			if err == nil {
				done++
			}
			if i%2 == 0 && err != nil {
				t.Errorf("a change that had begun was given up: %v", err)
			}
		}
		if n := len(h.records()) - before; n != done || h.things() != int64(done) || done != 15 {
			t.Errorf("%d acknowledged, %d records, %d things", done, n, h.things())
		}
	})
}
