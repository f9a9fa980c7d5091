package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

func TestChangesThatWaitShareOneCommit(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		release, held := h.hold()
		var ids []string
		for i := range 40 {
			ids = append(ids, fmt.Sprint("id", i))
		}
		answers := h.queued(ids...)
		release()
		if err := <-held; err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			if err := <-a; err != nil {
				t.Fatal(err)
			}
		}
		if n := h.ledger.Committed.Load(); n != 2 { // 32 and 8; the held one wrote no record
			t.Errorf("%d commits for 40 changes", n)
		}
		if len(h.facts()) != 40 {
			t.Error(len(h.facts()))
		}
	})
}

func TestOneFailsAndTheOthersStand(t *testing.T) {
	boom := errors.New("boom")
	bad := map[string]func(context.Context, store.Writer) ([]any, error){
		"error": func(_ context.Context, w store.Writer) ([]any, error) {
			w.Put(`DELETE FROM fact`)
			return nil, boom
		},
		"sql": func(ctx context.Context, w store.Writer) ([]any, error) {
			w.Put(`DELETE FROM fact`)
			_, _ = w.Exec(ctx, `INSERT INTO fact (id, owner, n, body) VALUES ($1, NULL, 1, NULL)`, "x") // swallowed
			return []any{storetest.Record{ID: "sql"}}, nil
		},
		"put": func(_ context.Context, w store.Writer) ([]any, error) {
			w.Put(`INSERT INTO fact (id, owner, n, body) VALUES ($1, NULL, 1, NULL)`, "x")
			return []any{storetest.Record{ID: "put"}}, nil
		},
		"argument": func(_ context.Context, w store.Writer) ([]any, error) {
			w.Put(`UPDATE fact SET n = $1`, 1.5)
			return []any{storetest.Record{ID: "argument"}}, nil
		},
		"panic": func(_ context.Context, w store.Writer) ([]any, error) {
			w.Put(`DELETE FROM fact`)
			panic("in a change")
		},
		"record": func(_ context.Context, w store.Writer) ([]any, error) {
			w.Put(`DELETE FROM fact`)
			return []any{"no record of this ledger"}, nil
		},
		"open rows": func(ctx context.Context, w store.Writer) ([]any, error) {
			rs, err := w.Query(ctx, `SELECT id FROM fact`)
			if err == nil {
				rs.Next()
			}
			w.Put(`DELETE FROM fact`)
			return nil, boom
		},
		"control": func(ctx context.Context, w store.Writer) ([]any, error) {
			if _, err := w.Exec(ctx, `ROLLBACK`); !errors.Is(err, store.ErrControl) {
				t.Error(err)
			}
			w.Put("\n COMMIT;")
			return nil, nil
		},
		"breaks the transaction": func(ctx context.Context, w store.Writer) ([]any, error) {
			w.Put(`DELETE FROM fact`)
			_, err := w.Exec(ctx, store.Differ(`INSERT OR ROLLBACK INTO head (one, size) VALUES (1, 1)`,
				`SELECT pg_terminate_backend(pg_backend_pid())`))
			w.Put(`DELETE FROM fact`)
			return nil, errors.Join(err, boom)
		},
	}
	each(t, store.Options{}, func(t *testing.T, h *house) {
		if err := h.do("first"); err != nil {
			t.Fatal(err)
		}
		for name, run := range bad {
			release, held := h.hold()
			before := h.queued(name + "-before")
			out := make(chan error, 1)
			n := h.c.Waiting()
			go func() { out <- h.c.Do(context.Background(), store.Change{ID: name, Run: run}) }()
			for h.c.Waiting() == n {
				time.Sleep(100 * time.Microsecond)
			}
			after := h.queued(name + "-after")
			release()
			if err := <-out; err == nil {
				t.Errorf("%s: no error", name)
			}
			for _, a := range []<-chan error{held, before[0], after[0]} {
				if err := <-a; err != nil {
					t.Errorf("beside %s: %v", name, err)
				}
			}
			facts := h.facts()
			if !facts["first"] || !facts[name+"-before"] || !facts[name+"-after"] || facts[name] {
				t.Errorf("after %s: %v", name, facts)
			}
		}
	})
}

func TestCancellingRemovesOnlyWhatWaits(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		ctx, cancel := context.WithCancel(context.Background())
		started, let := make(chan struct{}), make(chan struct{})
		running := make(chan error, 1)
		go func() {
			fact := storetest.Fact("running", "o", 1, []byte{})
			running <- h.c.Do(ctx, store.Change{ID: "running", Run: func(rctx context.Context, w store.Writer) ([]any, error) {
				close(started)
				<-let
				if rctx.Err() != nil {
					t.Error("the caller's cancellation reached the change")
				}
				return fact.Run(rctx, w)
			}})
		}()
		<-started
		waiting := make(chan error, 1)
		go func() { waiting <- h.c.Do(ctx, storetest.Fact("waiting", "o", 1, []byte{})) }()
		for h.c.Waiting() == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(let)
		if err := <-running; err != nil {
			t.Error("a running change was answered with ", err)
		}
		if f := h.facts(); !f["running"] || f["waiting"] {
			t.Error(f)
		}
	})
}

// Cancelled at every moment: nil means kept, an error means not kept, and the log has no gap.
func TestCancelAtEveryMoment(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		answered := make(map[string]error)
		for g := range 16 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(g)))
				for i := range 60 {
					id := fmt.Sprintf("%d-%d", g, i)
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(3000))*time.Microsecond)
					err := h.c.Do(ctx, storetest.Fact(id, "o", 1, []byte{}))
					cancel()
					mu.Lock()
					answered[id] = err
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		facts, kept := h.facts(), 0
		for id, err := range answered {
			if (err == nil) != facts[id] {
				t.Errorf("%s: answered %v, kept %v", id, err, facts[id])
			}
			if err == nil {
				kept++
			}
		}
		t.Logf("%d of %d kept", kept, len(answered))
	})
}

func TestUncertainCommit(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		h.set(nil, times(2, uncertainAfter))
		if err := h.do("a"); err != nil {
			t.Fatal("committed after all, answered ", err)
		}
		h.set(nil, times(2, uncertainBefore))
		if err := h.do("b"); err != nil {
			t.Fatal("not committed, run again, answered ", err)
		}
		if f := h.facts(); !f["a"] || !f["b"] {
			t.Error(f)
		}
	})
}

func TestUncertainUpkeepRunsAgain(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		ran := 0
		h.set(nil, times(1, uncertainAfter))
		err := h.c.Do(context.Background(), store.Change{Run: func(_ context.Context, w store.Writer) ([]any, error) {
			ran++
			w.Put(`UPDATE fact SET n = 7`)
			return nil, nil
		}})
		if err != nil || ran != 2 {
			t.Error(ran, err)
		}
	})
}

// A COMMIT whose answer never comes must not be answered "failed".
func TestUncertainStaysUncertain(t *testing.T) {
	each(t, store.Options{Attempts: 3}, func(t *testing.T, h *house) {
		h.set(nil, times(99, uncertainAfter))
		err := h.do("a")
		wantFault(t, err, "fault.store.uncertain")
		if !h.facts()["a"] {
			t.Error("the test committed nothing")
		}
		h.set(nil, func(ctx context.Context, tx store.Tx) (bool, error) {
			h.set(func() error { return fmt.Errorf("%w: the server is gone", store.ErrLost) }, nil)
			return true, uncertainAfter(ctx, tx)
		})
		err = h.do("b")
		h.set(nil, nil)
		wantFault(t, err, "fault.store.uncertain")
		h.set(nil, func(ctx context.Context, tx store.Tx) (bool, error) {
			h.set(func() error { return errors.New("refused") }, nil)
			return true, uncertainAfter(ctx, tx)
		})
		err = h.do("c")
		h.set(nil, nil)
		wantFault(t, err, "fault.store.uncertain")
	})
}

// A full disk says why: once it is certain that nothing was kept, the reason is the answer.
func TestUncertainWithAReason(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		h.set(nil, times(1, func(_ context.Context, tx store.Tx) error {
			tx.Discard()
			return fmt.Errorf("%w: %w", store.ErrUncertain, store.Full(errors.New("no space")))
		}))
		wantFault(t, h.do("a"), "fault.store.full")
		if len(h.facts()) != 0 {
			t.Error(h.facts())
		}
		if err := h.do("a"); err != nil {
			t.Error(err)
		}
	})
}

func TestLostConnectionIsTriedAgainAndBounded(t *testing.T) {
	each(t, store.Options{Attempts: 4}, func(t *testing.T, h *house) {
		n := 0
		lose := func(until int) {
			n = 0
			h.set(func() error {
				if n++; n <= until {
					return fmt.Errorf("%w: reset", store.ErrLost)
				}
				return nil
			}, nil)
		}
		lose(3)
		if err := h.do("a"); err != nil {
			t.Error(err)
		}
		lose(99)
		wantFault(t, h.do("b"), "fault.store.away")
		if n != 4 {
			t.Errorf("%d tries, want 4", n)
		}
		h.set(nil, nil)
		if f := h.facts(); !f["a"] || f["b"] {
			t.Error(f)
		}
	})
}

func TestRefusalGoesToEverybody(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		release, held := h.hold()
		answers := h.queued("a", "b", "c")
		refuse := errors.New("the log does not prove")
		h.ledger.Refuse.Store(&refuse)
		release()
		if err := <-held; err != nil {
			t.Error(err)
		}
		for _, a := range answers {
			if err := <-a; !errors.Is(err, refuse) {
				t.Error(err)
			}
		}
		h.ledger.Refuse.Store(nil)
		if err := h.do("d"); err != nil {
			t.Error(err)
		}
	})
}

func TestQueueIsBoundedAndCloseDrains(t *testing.T) {
	each(t, store.Options{Queue: 3}, func(t *testing.T, h *house) {
		release, held := h.hold()
		answers := h.queued("a", "b", "c")
		wantFault(t, h.do("d"), "fault.store.busy")
		closed := make(chan error, 1)
		go func() { closed <- h.c.Close() }()
		for !errors.Is(h.do("e"), store.ErrClosed) {
			time.Sleep(time.Millisecond)
		}
		release()
		for _, a := range append(answers, closed) {
			if err := <-a; err != nil {
				t.Error(err)
			}
		}
		if err := <-held; err != nil {
			t.Error(err)
		}
		if f := h.facts(); len(f) != 3 {
			t.Error(f)
		}
	})
}

// What must follow a commit failed: kept, but not to be acknowledged, and not to be called failed.
func TestCommittedFails(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		h.ledger.After = func() error { return errors.New("the replica does not answer") }
		wantFault(t, h.do("a"), "fault.store.uncertain")
		h.ledger.After = func() error { panic("in committed") }
		wantFault(t, h.do("b"), "fault.store.uncertain")
		if len(h.facts()) != 2 {
			t.Error(h.facts())
		}
	})
}

// Two nodes on one tenant: numbers without gaps, nobody loses, no deadlock.
func TestTwoNodes(t *testing.T) {
	each(t, store.Options{}, func(t *testing.T, h *house) {
		other, err := h.e.Open(context.Background(), "house")
		if err != nil {
			t.Fatal(err)
		}
		second := store.NewCommitter(other, &storetest.Ledger{}, store.Options{})
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				c := []*store.Committer{h.c, second}[g%2]
				for i := range 40 {
					if err := c.Do(context.Background(), storetest.Fact(fmt.Sprintf("%d-%d", g, i), "o", 1, []byte{})); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := errors.Join(second.Close(), other.Close()); err != nil {
			t.Error(err)
		}
		if n := len(h.facts()); n != 320 {
			t.Errorf("%d of 320", n)
		}
	})
}
