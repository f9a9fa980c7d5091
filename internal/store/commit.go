package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"insegel/internal/fault"
)

// commit runs one transaction for a batch and answers each of it, or puts it back.
func (c *Committer) commit(batch []*entry) {
	ctx, cancel := context.WithTimeout(context.Background(), c.opts.Timeout)
	defer cancel()
	tx, head, err := c.open(ctx)
	if err != nil {
		c.refused(batch, err)
		return
	}
	defer tx.Discard()
	ran, whole := c.runAll(ctx, tx, head, batch)
	if !whole || len(ran) == 0 {
		return
	}
	if err := c.finish(ctx, tx, head, ran); err != nil {
		tx.Discard()
		c.unfinished(ran, err)
		return
	}
	answer(ran, c.committed(head, ran))
}

// open begins the transaction and takes the head's lock as its first statement.
func (c *Committer) open(ctx context.Context) (tx Tx, head Head, err error) {
	tx, err = c.db.Begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = c.panicked("lock", r)
		}
		if err != nil {
			tx.Discard()
		}
	}()
	head, err = c.ledger.Lock(ctx, tx)
	if err == nil && !tx.InTx(ctx) {
		err = errors.New("store: the head's lock was not taken inside a transaction")
	}
	return tx, head, err
}

// runAll runs the changes of a batch one after another. It tells which of them stand in the transaction, and false
// if there is no transaction any more; then everything was answered or put back.
func (c *Committer) runAll(ctx context.Context, tx Tx, head Head, batch []*entry) (ran []*entry, whole bool) {
	careful := anyCareful(batch)
	for i, e := range batch {
		err := c.step(ctx, tx, head, e, careful)
		if err == nil {
			ran = append(ran, e)
			continue
		}
		if e.doubt == nil && tx.InTx(ctx) {
			answer([]*entry{e}, err) // undone for certain, whatever becomes of the others
			continue
		}
		// The transaction is gone and with it what the earlier ones did.
		tx.Discard()
		others := append(ran, batch[i+1:]...)
		if errors.Is(err, ErrEarlier) {
			c.carefully(append(ran, batch[i:]...))
			return nil, false
		}
		if lost(err) || e.doubt != nil {
			c.retry(append([]*entry{e}, others...), err)
			return nil, false
		}
		answer([]*entry{e}, err)
		c.again(others)
		return nil, false
	}
	return ran, true
}

func anyCareful(batch []*entry) bool {
	for _, e := range batch {
		if e.careful || e.doubt != nil {
			return true
		}
	}
	return false
}

// carefully puts changes back to be run so that an error can be laid at one door.
func (c *Committer) carefully(entries []*entry) {
	for _, e := range entries {
		e.careful = true
	}
	c.again(entries)
}

// lost tells whether trying again can help: the connection went away, or the committer's own time ran out.
func lost(err error) bool {
	return errors.Is(err, ErrLost) || errors.Is(err, context.DeadlineExceeded)
}

// step runs one change in a savepoint of its own. A doubted change is looked up first.
func (c *Committer) step(ctx context.Context, tx Tx, head Head, e *entry, careful bool) error {
	if e.doubt != nil {
		done, err := c.resolve(ctx, tx, head, e)
		if done || err != nil {
			return err
		}
	}
	head.Mark()
	if err := tx.Savepoint(ctx); err != nil {
		return err
	}
	err := c.run(ctx, tx, head, e.change)
	switch {
	case err == nil && careful:
		err = tx.Release(ctx)
	case err == nil:
		err = tx.ReleaseLater()
	}
	if err == nil {
		return nil
	}
	head.Undo()
	back := tx.RollbackTo(ctx)
	if back != nil && tx.InTx(ctx) {
		tx.Discard() // what cannot be undone must not be committed
	}
	if errors.Is(back, ErrEarlier) {
		return back // the change may have hidden it
	}
	return err
}

// resolve looks a doubted change up, under the lock: whoever held the transaction in doubt has ended it
// by now. Done means it needs no run.
func (c *Committer) resolve(ctx context.Context, tx Tx, head Head, e *entry) (done bool, err error) {
	if e.change.ID != "" {
		if e.found, err = head.Has(ctx, tx, e.change.ID); err != nil {
			return false, err
		}
	}
	if e.found {
		return true, nil // answered after this transaction's own COMMIT, see finish
	}
	cause := e.doubt
	c.mu.Lock()
	e.doubt = nil
	c.mu.Unlock()
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		return false, f // the engine said why (the disk is full), and it is certain now that nothing was kept
	}
	return false, nil
}

// run calls the change and appends its records. A panic is that change's error alone.
func (c *Committer) run(ctx context.Context, tx Tx, head Head, ch Change) (err error) {
	w := &guard{tx: tx}
	defer func() {
		w.over = true
		if r := recover(); r != nil {
			err = c.panicked("change", r)
		}
	}()
	records, err := ch.Run(ctx, w)
	if err != nil {
		return err
	}
	if ch.ID == "" && len(records) > 0 {
		return errors.New("store: a change with records needs an id")
	}
	if len(records) == 0 {
		return nil
	}
	return head.Append(ctx, tx, records)
}

func (c *Committer) panicked(where string, r any) error {
	c.opts.Logger.Error("panic in a transaction", slog.String("database", c.opts.Name), slog.String("where", where),
		slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
	return fmt.Errorf("store: panic in %s: %v", where, r)
}

// finish writes the head and commits. It writes the head also where a doubted change was found: that commit
// may be on this server's disk but not yet on its standby, and COMMIT waits for a standby only if there
// is something to wait for.
func (c *Committer) finish(ctx context.Context, tx Tx, head Head, ran []*entry) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = c.panicked("head", r)
		}
	}()
	if headMoved(ran) {
		if err := head.Write(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

func headMoved(ran []*entry) bool {
	for _, e := range ran {
		if e.change.ID != "" {
			return true
		}
	}
	return false
}

// committed tells the head. If what must follow a commit fails, the change is kept but must not be acknowledged.
func (c *Committer) committed(head Head, ran []*entry) (err error) {
	if !headMoved(ran) {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = Uncertain(c.panicked("committed", r))
		}
	}()
	if err := head.Committed(); err != nil {
		return Uncertain(err)
	}
	return nil
}

// refused: the transaction could not be opened or the ledger refuses. Trying again helps where the
// engine was away; else everybody who waits is told.
func (c *Committer) refused(batch []*entry, err error) {
	if lost(err) {
		if c.retry(batch, err) {
			answer(c.everybody(), Away(err)) // who waits behind would only wait as long again
		}
		return
	}
	certain, doubted := split(batch)
	answer(certain, err)
	answer(c.everybody(), err)
	c.retry(doubted, err)
}

// unfinished: COMMIT, or the head's last write, failed.
func (c *Committer) unfinished(ran []*entry, err error) {
	switch {
	case errors.Is(err, ErrUncertain):
		c.mu.Lock()
		for _, e := range ran {
			if !e.found {
				e.doubt = err
			}
		}
		c.mu.Unlock()
		c.retry(ran, err)
	case lost(err):
		c.retry(ran, err)
	default:
		certain, doubted := split(ran)
		c.retry(doubted, err)
		if len(certain) == 1 {
			answer(certain, err)
			return
		}
		if len(certain) > 0 && anyCareful(certain) { // it came with COMMIT itself: each alone
			for _, e := range certain {
				e.attempts = max(e.attempts, aloneAfter)
			}
		}
		c.carefully(certain)
	}
}

func split(entries []*entry) (certain, doubted []*entry) {
	for _, e := range entries {
		if e.doubt != nil {
			doubted = append(doubted, e)
		} else {
			certain = append(certain, e)
		}
	}
	return certain, doubted
}

// retry puts changes back after a pause, and gives up those that were tried too often: away where it is
// certain that nothing was committed, uncertain where it is not. It tells whether it gave any up.
func (c *Committer) retry(entries []*entry, cause error) (gaveUp bool) {
	var stay []*entry
	most := 0
	for _, e := range entries {
		e.attempts++
		e.found = false
		most = max(most, e.attempts)
		switch {
		case e.attempts < c.opts.Attempts:
			stay = append(stay, e)
		case e.doubt != nil:
			gaveUp = true
			answer([]*entry{e}, Uncertain(errors.Join(e.doubt, cause)))
		default:
			gaveUp = true
			answer([]*entry{e}, Away(cause))
		}
	}
	if len(entries) == 0 {
		return false
	}
	c.opts.Logger.Warn("transaction failed", slog.String("database", c.opts.Name), slog.Int("attempt", most),
		slog.Int("changes", len(entries)), slog.Any("err", cause))
	c.again(stay)
	if len(stay) > 0 {
		c.opts.Pause(context.Background(), c.opts.Backoff<<min(most-1, 16))
	}
	return gaveUp
}

// guard is the Writer a change sees: its own part of the transaction, for as long as it runs.
type guard struct {
	tx   Tx
	over bool
}

// allowed refuses what would end or nest the transaction: that is the committer's, and on SQLite what follows a
// ROLLBACK would commit by itself.
func (g *guard) allowed(sql string) error {
	if g.over {
		return ErrOver
	}
	word, _, _ := strings.Cut(strings.TrimLeft(sql, " \t\r\n"), " ")
	switch strings.ToUpper(strings.TrimRight(word, ";")) {
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE":
		return ErrControl
	}
	return nil
}

func (g *guard) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	if err := g.allowed(sql); err != nil {
		return nil, err
	}
	return g.tx.Query(ctx, sql, args...)
}

func (g *guard) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	if err := g.allowed(sql); err != nil {
		return err
	}
	return g.tx.QueryRow(ctx, sql, args, dest...)
}

func (g *guard) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := g.allowed(sql); err != nil {
		return 0, err
	}
	return g.tx.Exec(ctx, sql, args...)
}

// Put has no error to return; both are defects of the caller, and a panic is the change's error.
func (g *guard) Put(sql string, args ...any) {
	if err := g.allowed(sql); err != nil {
		panic(err)
	}
	g.tx.Put(sql, args...)
}
