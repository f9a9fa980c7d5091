package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"insegel/internal/clock"
)

// PoolOptions of a Pool. Zero values take the defaults.
type PoolOptions struct {
	Max   int           // open at once at most: 256
	Idle  time.Duration // closed when unused for so long: 5 min
	Wait  time.Duration // waited at most for a place: 5 s
	Clock clock.Clock
}

// Pool keeps handles open that are dear to open: opened once for all who ask at the same time, counted while
// in use, closed when idle or when the place is needed. What is in use is never closed.
type Pool[T any] struct {
	open  func(ctx context.Context, name string) (T, error)
	close func(T) error
	opts  PoolOptions

	mu     sync.Mutex
	items  map[string]*item[T]
	freed  chan struct{} // closed and replaced whenever something may have become possible
	timer  *time.Timer
	closed bool
}

type item[T any] struct {
	name    string
	value   T
	err     error
	users   int
	used    time.Time
	ready   chan struct{} // closed when value or err is set
	closing bool
}

// NewPool makes a Pool of what open opens and closeFn closes.
func NewPool[T any](open func(context.Context, string) (T, error), closeFn func(T) error, opts PoolOptions) *Pool[T] {
	opts.Max = orInt(opts.Max, 256)
	if opts.Idle <= 0 {
		opts.Idle = 5 * time.Minute
	}
	if opts.Wait <= 0 {
		opts.Wait = 5 * time.Second
	}
	if opts.Clock == nil {
		opts.Clock = clock.System{}
	}
	return &Pool[T]{open: open, close: closeFn, opts: opts, items: make(map[string]*item[T]), freed: make(chan struct{})}
}

// Get gives the handle of a name and a function that gives it back, to be called once.
func (p *Pool[T]) Get(ctx context.Context, name string) (T, func(), error) {
	var zero T
	limit := time.NewTimer(p.opts.Wait)
	defer limit.Stop()
	for {
		it, wait, err := p.claim(ctx, name)
		if err != nil {
			return zero, nil, err
		}
		if it != nil {
			return p.await(ctx, it)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return zero, nil, ctx.Err()
		case <-limit.C:
			return zero, nil, Busy(errors.New("store: all places of the pool are in use"))
		}
	}
}

// claim counts the caller as a user of the name's item, made if there is a place. Without one it
// gives what to wait for.
func (p *Pool[T]) claim(ctx context.Context, name string) (*item[T], <-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	if it, ok := p.items[name]; ok {
		if it.closing {
			return nil, p.freed, nil
		}
		it.users++
		return it, nil, nil
	}
	if len(p.items) >= p.opts.Max {
		if old := p.oldest(); old != nil {
			p.retire(old)
		}
		return nil, p.freed, nil
	}
	it := &item[T]{name: name, users: 1, ready: make(chan struct{})}
	p.items[name] = it
	p.schedule()
	// One asker's cancellation must not fail the others that wait for the same opening.
	go p.fill(context.WithoutCancel(ctx), it)
	return it, nil, nil
}

func (p *Pool[T]) fill(ctx context.Context, it *item[T]) {
	v, err := p.open(ctx, it.name)
	p.mu.Lock()
	defer p.mu.Unlock()
	it.value, it.err, it.used = v, err, p.opts.Clock.Now()
	if err != nil {
		delete(p.items, it.name)
		p.wake()
	}
	close(it.ready)
	if err == nil && it.users == 0 {
		p.wake() // whoever asked has gone; it may be evicted now
	}
}

func (p *Pool[T]) await(ctx context.Context, it *item[T]) (T, func(), error) {
	var zero T
	select {
	case <-it.ready:
	case <-ctx.Done():
		p.release(it)
		return zero, nil, ctx.Err()
	}
	if it.err != nil {
		return zero, nil, it.err
	}
	var once sync.Once
	return it.value, func() { once.Do(func() { p.release(it) }) }, nil
}

func (p *Pool[T]) release(it *item[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	it.users--
	it.used = p.opts.Clock.Now()
	if it.users == 0 {
		p.wake()
	}
}

func (p *Pool[T]) wake() {
	close(p.freed)
	p.freed = make(chan struct{})
}

func (it *item[T]) free() bool {
	select {
	case <-it.ready:
		return it.users == 0 && !it.closing && it.err == nil
	default:
		return false
	}
}

func (p *Pool[T]) oldest() *item[T] {
	var old *item[T]
	for _, it := range p.items {
		if it.free() && (old == nil || it.used.Before(old.used)) {
			old = it
		}
	}
	return old
}

// retire closes an item beside the lock; its place is free only when it is closed.
func (p *Pool[T]) retire(it *item[T]) {
	it.closing = true
	go func() {
		err := p.close(it.value)
		p.mu.Lock()
		defer p.mu.Unlock()
		it.err = err
		delete(p.items, it.name)
		p.wake()
	}()
}

// schedule keeps one timer while something is open.
func (p *Pool[T]) schedule() {
	if p.timer == nil {
		p.timer = time.AfterFunc(p.opts.Idle/2+time.Millisecond, p.tick)
	}
}

func (p *Pool[T]) tick() {
	p.Sweep()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	if len(p.items) > 0 && !p.closed {
		p.schedule()
	}
}

// Sweep closes what has been idle too long. The pool's own timer calls it.
func (p *Pool[T]) Sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.opts.Clock.Now().Add(-p.opts.Idle)
	for _, it := range p.items {
		if it.free() && !it.used.After(limit) {
			p.retire(it)
		}
	}
}

// Len tells how many are open, for the metrics.
func (p *Pool[T]) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.items)
}

// Evict closes one name when its users are gone and waits for that: before a database is dropped or replaced.
func (p *Pool[T]) Evict(ctx context.Context, name string) error {
	return p.drain(ctx, func() (*item[T], bool) {
		it, ok := p.items[name]
		return it, ok
	})
}

// Close takes no more askers, waits for the users, and closes all.
func (p *Pool[T]) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.wake()
	p.mu.Unlock()
	return p.drain(ctx, func() (*item[T], bool) {
		var some *item[T]
		for _, it := range p.items {
			if some = it; it.free() {
				break
			}
		}
		return some, some != nil
	})
}

// drain retires what pick gives until it gives nothing.
func (p *Pool[T]) drain(ctx context.Context, pick func() (*item[T], bool)) error {
	var errs error
	seen := make(map[*item[T]]bool)
	for {
		p.mu.Lock()
		for it := range seen {
			if p.items[it.name] != it {
				errs = errors.Join(errs, it.err)
				delete(seen, it)
			}
		}
		it, ok := pick()
		if !ok {
			p.mu.Unlock()
			return errs
		}
		if it.free() {
			p.retire(it)
		}
		seen[it] = true
		wait := p.freed
		p.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return errors.Join(errs, ctx.Err())
		}
	}
}
