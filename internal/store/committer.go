package store

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Options of a Committer. Zero values take the defaults.
type Options struct {
	Logger   *slog.Logger
	Name     string        // the database's, for the log
	Batch    int           // changes a transaction at most: 32
	Queue    int           // changes waiting at most: 1024
	Attempts int           // tries of one change at most: 8
	Backoff  time.Duration // pause after the first loss, doubled each time: 50 ms, in all about 6 s
	Timeout  time.Duration // the work of one transaction at most: 15 s
	// Pause waits between attempts; nil waits by the machine's timer. Tests pass their own.
	Pause func(context.Context, time.Duration)
}

func (o Options) withDefaults() Options {
	o.Batch = orInt(o.Batch, 32)
	o.Queue = orInt(o.Queue, 1024)
	o.Attempts = orInt(o.Attempts, 8)
	if o.Backoff <= 0 {
		o.Backoff = 50 * time.Millisecond
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	return o
}

func orInt(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// Committer is the one writer of a database in this process: it gathers the changes that wait and
// commits up to Batch of them at once (group commit). Across nodes the Ledger's row lock makes one
// writer of many. It costs no goroutine while nothing waits.
type Committer struct {
	db     DB
	ledger Ledger
	opts   Options

	mu      sync.Mutex
	queue   []*entry // what waits, oldest first; what is tried again goes in front
	working bool
	closed  bool
	idle    chan struct{} // closed when work ends after Close
}

// entry is one change on its way.
type entry struct {
	change   Change
	done     chan error // buffered: answering never waits
	attempts int
	// doubt is the error of a COMMIT that carried this change and whose outcome is unknown. While it is set the change is
	// neither run again nor given up by its caller.
	doubt   error
	careful bool // its statements are sent before the next change begins, so that an error is surely its own
	found   bool // the record of a doubted change was seen under the lock
}

// NewCommitter makes a Committer for an open database.
func NewCommitter(db DB, ledger Ledger, opts Options) *Committer {
	return &Committer{db: db, ledger: ledger, opts: opts.withDefaults(), idle: make(chan struct{})}
}

// Do commits one change and returns when it is durable, or was not done. ctx matters only while the
// change waits: once it runs, Do waits for the outcome, because an answer must be true.
func (c *Committer) Do(ctx context.Context, ch Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e := &entry{change: ch, done: make(chan error, 1)}
	if err := c.enqueue(e); err != nil {
		return err
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
	}
	if c.withdraw(e) {
		return ctx.Err()
	}
	return <-e.done
}

func (c *Committer) enqueue(e *entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if len(c.queue) >= c.opts.Queue {
		return Busy(errors.New("store: too many changes wait for " + c.opts.Name))
	}
	c.queue = append(c.queue, e)
	if !c.working {
		c.working = true
		go c.work()
	}
	return nil
}

// withdraw takes a change back that has not begun, or of which it is certain that nothing was committed.
func (c *Committer) withdraw(e *entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.doubt != nil {
		return false
	}
	for i, q := range c.queue {
		if q == e {
			c.queue = slices.Delete(c.queue, i, i+1)
			return true
		}
	}
	return false
}

// Waiting tells how many changes wait, for the metrics.
func (c *Committer) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

// Close takes no more changes and waits until those that wait are answered.
func (c *Committer) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		if !c.working {
			close(c.idle)
		}
	}
	c.mu.Unlock()
	<-c.idle
	return nil
}

func (c *Committer) work() {
	for {
		batch := c.next()
		if len(batch) == 0 {
			return
		}
		c.commit(batch)
	}
}

// aloneAfter is how many attempts a change may spoil for its neighbours before it runs by itself.
const aloneAfter = 2

// next takes the changes of the next transaction from the queue; none means that the work is over.
func (c *Committer) next() []*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.working = false
		if c.closed {
			close(c.idle)
		}
		return nil
	}
	n := 1
	for c.queue[0].attempts < aloneAfter && n < len(c.queue) && n < c.opts.Batch && c.queue[n].attempts < aloneAfter {
		n++
	}
	batch := slices.Clone(c.queue[:n])
	c.queue = slices.Delete(c.queue, 0, n)
	return batch
}

// again puts changes back in front, in their order.
func (c *Committer) again(entries []*entry) {
	if len(entries) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(append(make([]*entry, 0, len(entries)+len(c.queue)), entries...), c.queue...)
}

// everybody takes all that waits and is not in doubt, for one answer to all.
func (c *Committer) everybody() []*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out, doubted []*entry
	for _, e := range c.queue {
		if e.doubt != nil {
			doubted = append(doubted, e)
		} else {
			out = append(out, e)
		}
	}
	c.queue = doubted
	return out
}

func answer(entries []*entry, err error) {
	for _, e := range entries {
		e.done <- err
	}
}
