package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"insegel/internal/clock"
	"insegel/internal/store"
)

type handle struct {
	name   string
	users  atomic.Int64
	closed atomic.Bool
}

type doors struct {
	opened, closed atomic.Int64
	now, most      atomic.Int64
	t              *testing.T
}

func (d *doors) open(_ context.Context, name string) (*handle, error) {
	if name == "bad" {
		return nil, errors.New("bad")
	}
	d.opened.Add(1)
	n := d.now.Add(1)
	for m := d.most.Load(); n > m && !d.most.CompareAndSwap(m, n); m = d.most.Load() {
		continue
	}
	return &handle{name: name}, nil
}

func (d *doors) close(h *handle) error {
	if h.users.Load() != 0 || h.closed.Swap(true) {
		d.t.Errorf("%s closed in use or twice", h.name)
	}
	d.closed.Add(1)
	d.now.Add(-1)
	return nil
}

func TestPoolUnderLoad(t *testing.T) {
	d := &doors{t: t}
	p := store.NewPool(d.open, d.close, store.PoolOptions{Max: 5, Wait: 30 * time.Second})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(g)))
			for range 300 {
				name := fmt.Sprint(r.IntN(12))
				h, release, err := p.Get(context.Background(), name)
				if err != nil {
					t.Error(err)
					return
				}
				h.users.Add(1)
				if h.closed.Load() || h.name != name {
					t.Error("a closed or wrong handle was given")
				}
				h.users.Add(-1)
				release()
				release() // twice is once
			}
		})
	}
	wg.Wait()
	if d.most.Load() > 5 {
		t.Errorf("%d open at once, cap 5", d.most.Load())
	}
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if d.opened.Load() != d.closed.Load() {
		t.Errorf("%d opened, %d closed", d.opened.Load(), d.closed.Load())
	}
	if _, _, err := p.Get(context.Background(), "1"); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
}

func TestPoolOpensOnceAndForgetsFailures(t *testing.T) {
	d := &doors{t: t}
	let := make(chan struct{})
	p := store.NewPool(func(ctx context.Context, n string) (*handle, error) { <-let; return d.open(ctx, n) }, d.close, store.PoolOptions{})
	first, cancel := context.WithCancel(context.Background())
	gone := make(chan error, 1)
	go func() { _, _, err := p.Get(first, "a"); gone <- err }()
	for p.Len() == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			_, release, err := p.Get(context.Background(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	cancel() // who asked first goes; the others still get it
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(let)
	wg.Wait()
	if d.opened.Load() != 1 {
		t.Errorf("opened %d times", d.opened.Load())
	}
	for range 2 {
		if _, _, err := p.Get(context.Background(), "bad"); err == nil || err.Error() != "bad" {
			t.Error(err)
		}
	}
	if p.Len() != 1 {
		t.Error("a failure is kept")
	}
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestPoolNeverClosesWhatIsUsed(t *testing.T) {
	d := &doors{t: t}
	now := clock.At(time.Unix(0, 0))
	p := store.NewPool(d.open, d.close, store.PoolOptions{Max: 2, Idle: time.Minute, Wait: 20 * time.Millisecond, Clock: now})
	ctx := context.Background()
	_, a, err := p.Get(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := p.Get(ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Get(ctx, "c")
	wantFault(t, err, "fault.store.busy")
	now.Add(time.Hour)
	p.Sweep()
	if d.closed.Load() != 0 {
		t.Error("closed in use")
	}
	b()
	if err := p.Evict(ctx, "b"); err != nil || d.closed.Load() != 1 {
		t.Error(err, d.closed.Load())
	}
	out, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if err := p.Evict(out, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("evicted in use: ", err)
	}
	a()
	p.Sweep() // used just now by the pool's clock
	if p.Len() != 1 {
		t.Error("closed too early")
	}
	now.Add(time.Minute)
	p.Sweep()
	if err := p.Evict(ctx, "a"); err != nil || p.Len() != 0 || d.closed.Load() != 2 {
		t.Error(err, p.Len(), d.closed.Load())
	}
}
