package audit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
)

// Log is a tenant's log as its committer sees it: a store.Ledger.
type Log struct {
	tenant string
	signer *Signer
	mark   *Mark
	epoch  atomic.Uint64
	head   atomic.Pointer[Head]
}

// NewLog joins a tenant's signer and its mark.
func NewLog(tenantID string, s *Signer, m *Mark) *Log {
	return &Log{tenant: tenantID, signer: s, mark: m}
}

// Head is the tree head as locked by one transaction.
type Head struct {
	log                  *Log
	now                  frontier
	marked               frontier
	number, markedNumber int64
	loaded               int64
	epoch                uint64
}

// Lock takes the head's row lock: the one writer's lock across all nodes.
func (l *Log) Lock(ctx context.Context, w store.Writer) (store.Head, error) {
	h, err := l.read(ctx, w, sqlLock)
	if err != nil {
		return nil, err
	}
	l.epoch.Store(h.epoch)
	l.head.Store(h)
	return h, nil
}

// NextNumber gives the next case number, within a change: without gaps, since a change that fails gives its number back.
func (l *Log) NextNumber() int64 {
	h := l.head.Load()
	h.number++
	return h.number
}

// LockedEpoch is the number of the newest epoch key as of the last Lock. Within a change that is the lock of its own
// transaction: a tenant has one committer, and it runs one transaction at a time.
func (l *Log) LockedEpoch() uint64 { return l.epoch.Load() }

func (l *Log) read(ctx context.Context, r store.Reader, sql string) (*Head, error) {
	var size, epoch, number int64
	var edge []byte
	if err := r.QueryRow(ctx, sql, nil, &size, &edge, &epoch, &number); err != nil {
		if errors.Is(err, store.ErrNoRows) {
			return nil, fault.New(fault.Conflict, "fault.log.damaged", "tenant", l.tenant, "what", "head")
		}
		return nil, err
	}
	f, err := parseFrontier(size, edge)
	if err != nil {
		return nil, fault.Because(err, fault.Conflict, "fault.log.damaged", "tenant", l.tenant, "what", "head")
	}
	return &Head{log: l, now: f, marked: f.clone(), loaded: size, epoch: uint64(epoch), number: number, markedNumber: number}, nil // #nosec G115 -- epochs count up from 1
}

// Has tells whether a record is in the log.
func (h *Head) Has(ctx context.Context, r store.Reader, recordID string) (bool, error) {
	var seq int64
	err := r.QueryRow(ctx, sqlHas, []any{recordID}, &seq)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Append adds records to the tree.
func (h *Head) Append(_ context.Context, w store.Writer, records []any) error {
	for _, r := range records {
		rec, ok := r.(*Record)
		if !ok {
			return fmt.Errorf("append %T to the log", r)
		}
		if err := h.add(w, rec); err != nil {
			return err
		}
	}
	return nil
}

func (h *Head) add(w store.Writer, r *Record) error {
	act, err := r.Act.bytes()
	if err != nil {
		return err
	}
	actCommit := Commit("act", r.ActSalt, act)
	seq := h.now.size
	hashes := h.now.append(Leaf(r.ID, r.At, r.Action, actCommit, r.Origin.Commit, r.Change.Commit))
	w.Put(sqlAdd, seq, r.ID, clock.Micros(r.At), r.Action, r.Actor, r.Case, act, r.ActSalt,
		r.Origin.Key, r.Origin.Sealed, r.Change.Key, r.Change.Sealed,
		joinCommits(actCommit, r.Origin.Commit, r.Change.Commit), hashes)
	return nil
}

// Mark remembers the tree before a change; Undo goes back to it when the change fails.
func (h *Head) Mark() { h.marked, h.markedNumber = h.now.clone(), h.number }

// Undo forgets the appends since Mark.
func (h *Head) Undo() { h.now, h.number = h.marked.clone(), h.markedNumber }

// Write stores the head before COMMIT. Upkeep alone changes no head.
func (h *Head) Write(_ context.Context, w store.Writer) error {
	if h.now.size == h.loaded {
		return nil
	}
	w.Put(sqlWrite, h.now.size, h.now.bytes(), h.number)
	return nil
}

// Committed moves the mark outside the database, before anybody is answered.
func (h *Head) Committed() error {
	if h.now.size == h.loaded {
		return nil
	}
	return h.log.mark.Set(h.now.size, h.now.root())
}

// SetEpoch stores the number of the newest epoch key; only within a change.
func (l *Log) SetEpoch(w store.Writer, epoch uint64) {
	w.Put(sqlEpoch, int64(epoch)) // #nosec G115 -- epochs count up from 1
	l.epoch.Store(epoch)
}

// Checkpoint signs the present head.
func (l *Log) Checkpoint(ctx context.Context, r store.Reader) ([]byte, Checkpoint, error) {
	h, err := l.read(ctx, r, sqlHead)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	c := Checkpoint{Origin: l.signer.origin, Size: h.now.size, Root: h.now.root()}
	signed, err := l.signer.sign(c.Size, c.Root)
	return signed, c, err
}

// Key is the verification key as text.
func (l *Log) Key() string { return l.signer.Key() }

// Signer gives the tenant's signer, to read checkpoints with.
func (l *Log) Signer() *Signer { return l.signer }

// ProveMark compares the database with the mark kept outside it: the tree must be at least as large, and its
// first mark.Size records must have the mark's root. It runs at every open.
func (l *Log) ProveMark(ctx context.Context, r store.Reader, m Checkpoint) error {
	h, err := l.read(ctx, r, sqlHead)
	if err != nil {
		return err
	}
	switch {
	case m.Size < 0 && h.now.size > 0:
		return fault.New(fault.Conflict, "fault.log.mark_missing", "tenant", l.tenant, "file", l.mark.path)
	case m.Size < 0:
		return nil
	case h.now.size < m.Size:
		return fault.New(fault.Conflict, "fault.log.shorter", "tenant", l.tenant, "have", h.now.size, "want", m.Size)
	}
	root, err := l.rootAt(ctx, r, h, m.Size)
	if err != nil {
		return fault.Because(err, fault.Conflict, "fault.log.damaged", "tenant", l.tenant, "what", "tree")
	}
	if root != m.Root {
		return fault.New(fault.Conflict, "fault.log.differs", "tenant", l.tenant, "size", m.Size)
	}
	return nil
}

// AcceptPresent makes the database's present head the mark: the recorded answer to a mark that was lost or to a
// past that was knowingly given up.
func (l *Log) AcceptPresent(ctx context.Context, r store.Reader) error {
	h, err := l.read(ctx, r, sqlHead)
	if err != nil {
		return err
	}
	l.mark.mu.Lock()
	l.mark.size = -1
	l.mark.mu.Unlock()
	return l.mark.Set(h.now.size, h.now.root())
}

func (l *Log) rootAt(ctx context.Context, r store.Reader, h *Head, size int64) (tlog.Hash, error) {
	if size == h.now.size {
		return h.now.root(), nil
	}
	return tlog.TreeHash(size, rowHashes{ctx, r})
}

// rowHashes reads tree nodes from the rows of the records that completed them: node (level, n) was completed by record
// (n+1)<<level − 1, at place level among its hashes.
type rowHashes struct {
	ctx context.Context
	r   store.Reader
}

// ReadHashes makes it a tlog.HashReader.
func (t rowHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		seq := (n+1)<<level - 1
		var b []byte
		if err := t.r.QueryRow(t.ctx, sqlHashes, []any{seq}, &b); err != nil {
			return nil, fmt.Errorf("tree node of record %d: %w", seq, err)
		}
		if len(b) < (level+1)*tlog.HashSize {
			return nil, fmt.Errorf("record %d completes %d nodes, want %d", seq, len(b)/tlog.HashSize, level+1)
		}
		out[i] = tlog.Hash(b[level*tlog.HashSize : (level+1)*tlog.HashSize])
	}
	return out, nil
}

func joinCommits(parts ...[]byte) []byte {
	b := make([]byte, len(parts)*CommitSize)
	for i, p := range parts {
		copy(b[i*CommitSize:], p)
	}
	return b
}

func splitCommits(b []byte) (act, origin, change []byte, err error) {
	if len(b) != 3*CommitSize {
		return nil, nil, nil, fmt.Errorf("%d bytes of commitments", len(b))
	}
	return part(b[:CommitSize]), part(b[CommitSize : 2*CommitSize]), part(b[2*CommitSize:]), nil
}

// part gives nil for a commitment of zeros: the record has no such part.
func part(b []byte) []byte {
	for _, c := range b {
		if c != 0 {
			return b
		}
	}
	return nil
}
