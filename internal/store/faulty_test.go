package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

// faulty is a real database whose transactions break where a test says: what networks, servers and disks do.
type faulty struct {
	store.DB
	mu     sync.Mutex
	begin  func() error                                         // before Begin
	commit func(context.Context, store.Tx) (took bool, e error) // in place of Commit if it took it
}

func (f *faulty) hooks() (func() error, func(context.Context, store.Tx) (bool, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begin, f.commit
}

func (f *faulty) Begin(ctx context.Context) (store.Tx, error) {
	begin, _ := f.hooks()
	if begin != nil {
		if err := begin(); err != nil {
			return nil, err
		}
	}
	tx, err := f.DB.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyTx{Tx: tx, f: f}, nil
}

type faultyTx struct {
	store.Tx
	f *faulty
}

func (t *faultyTx) Commit(ctx context.Context) error {
	if _, commit := t.f.hooks(); commit != nil {
		if took, err := commit(ctx, t.Tx); took {
			return err
		}
	}
	return t.Tx.Commit(ctx)
}

// times runs fn the first n times and then no more.
func times(n int, fn func(context.Context, store.Tx) error) func(context.Context, store.Tx) (bool, error) {
	return func(ctx context.Context, tx store.Tx) (bool, error) {
		if n == 0 {
			return false, nil
		}
		n--
		return true, fn(ctx, tx)
	}
}

func uncertainAfter(ctx context.Context, tx store.Tx) error {
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	return store.ErrUncertain
}

func uncertainBefore(_ context.Context, tx store.Tx) error {
	tx.Discard()
	return store.ErrUncertain
}

type house struct {
	t      *testing.T
	e      store.Engine
	db     *faulty
	ledger *storetest.Ledger
	c      *store.Committer
}

// each runs a test with a committer over each engine and looks at the log afterwards.
func each(t *testing.T, opts store.Options, fn func(*testing.T, *house)) {
	t.Helper()
	opts.Pause = func(context.Context, time.Duration) {}
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		h := &house{t: t, e: e, ledger: &storetest.Ledger{}}
		h.db = &faulty{DB: storetest.OpenNew(t, e, "house", storetest.LedgerSchema)}
		h.c = store.NewCommitter(h.db, h.ledger, opts)
		fn(t, h)
		if err := h.c.Close(); err != nil {
			t.Error(err)
		}
		if err := storetest.CheckLedger(context.Background(), h.db); err != nil {
			t.Error(err)
		}
	})
}

func (h *house) do(id string) error {
	return h.c.Do(context.Background(), storetest.Fact(id, "o", 1, []byte{}))
}

func (h *house) facts() map[string]bool {
	h.t.Helper()
	m, err := storetest.Facts(context.Background(), h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

func (h *house) set(begin func() error, commit func(context.Context, store.Tx) (bool, error)) {
	h.db.mu.Lock()
	defer h.db.mu.Unlock()
	h.db.begin, h.db.commit = begin, commit
}

// hold starts a change that blocks the transaction until release is called.
func (h *house) hold() (release func(), done <-chan error) {
	started, let := make(chan struct{}), make(chan struct{})
	var once sync.Once
	out := make(chan error, 1)
	go func() {
		out <- h.c.Do(context.Background(), store.Change{Run: func(context.Context, store.Writer) ([]any, error) {
			once.Do(func() { close(started) })
			<-let
			return nil, nil
		}})
	}()
	<-started
	return func() { close(let) }, out
}

// queued starts changes one after another and waits until all of them wait in the queue.
func (h *house) queued(ids ...string) []chan error {
	out := make([]chan error, len(ids))
	for i, id := range ids {
		out[i] = make(chan error, 1)
		n := h.c.Waiting()
		go func() { out[i] <- h.do(id) }()
		for h.c.Waiting() == n {
			time.Sleep(100 * time.Microsecond)
		}
	}
	return out
}

func wantFault(t *testing.T, err error, key string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Key != key {
		t.Fatalf("got %v, want %s", err, key)
	}
}
