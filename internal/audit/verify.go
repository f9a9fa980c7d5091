package audit

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"insegel/internal/clock"
	"insegel/internal/store"
)

// Opener unseals a part that lies beside a leaf. It answers erased where the key was destroyed.
type Opener func(key, recordID, column string, sealed []byte) (plain []byte, erased bool, err error)

// Report is what a verification found.
type Report struct {
	Records int64                       // how many were proved
	Root    tlog.Hash                   // of the tree they make
	Erased  int64                       // parts whose key was destroyed, as is their right
	Opened  int64                       // sealed parts that were opened and fit their commitment
	Made    map[string]int64            // the log's own count of rows, by table
	Cases   map[int64]map[string]string // last recorded value of each clear field, by case number
	Faults  []string                    // what does not prove, in words; none if whole. At most maxFaults
}

// maxFaults bounds a report: who has so many has no log left.
const maxFaults = 100

func (p *Report) fault(format string, args ...any) {
	if len(p.Faults) < maxFaults {
		p.Faults = append(p.Faults, fmt.Sprintf(format, args...))
	}
}

// Verify reads the whole log and proves it: every record has its place, every leaf its bytes, every inner node its
// hash, every part its commitment, and the head and the given checkpoints their roots.
func (l *Log) Verify(ctx context.Context, r store.Reader, open Opener, against []Checkpoint, progress func(done, all int64)) (*Report, error) {
	head, err := l.read(ctx, r, sqlHead)
	if err != nil {
		return nil, err
	}
	p := &Report{Made: map[string]int64{}, Cases: map[int64]map[string]string{}}
	var tree frontier
	roots := map[int64]tlog.Hash{}
	want := map[int64]bool{}
	for _, c := range against {
		want[c.Size] = true
	}
	if want[0] {
		roots[0] = tree.root()
	}
	for next := int64(0); ; {
		page, err := entries(ctx, r, sqlFrom, next, 500)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			e := &page[i]
			if e.Seq != next {
				p.fault("record %d is missing: after %d comes %d", next, next-1, e.Seq)
			}
			next = e.Seq + 1
			p.prove(e, &tree, open)
			if want[tree.size] {
				roots[tree.size] = tree.root()
			}
		}
		if progress != nil {
			progress(next, head.now.size)
		}
	}
	p.Records, p.Root = tree.size, tree.root()
	if tree.size != head.now.size || !bytes.Equal(tree.bytes(), head.now.bytes()) {
		p.fault("the head tells of %d records with root %s, the records make %d with root %s", head.now.size, head.now.root(), tree.size, p.Root)
	}
	for _, c := range against {
		switch root, ok := roots[c.Size]; {
		case !ok:
			p.fault("a checkpoint signed at %d records is past the log's end at %d", c.Size, tree.size)
		case root != c.Root:
			p.fault("the first %d records are not those of a checkpoint that was signed", c.Size)
		}
	}
	return p, nil
}

func (p *Report) prove(e *Entry, tree *frontier, open Opener) {
	act, origin, change, err := splitCommits(e.commits)
	if err != nil {
		p.fault("record %d: %v", e.Seq, err)
		return
	}
	if !bytes.Equal(act, Commit("act", e.ActSalt, e.act)) {
		p.fault("record %d: its act is not what was committed to", e.Seq)
	}
	if e.Act.Actor != e.Actor || e.Act.Case != e.Case {
		p.fault("record %d: its columns are not those of its act", e.Seq)
	}
	done := tree.append(Leaf(e.ID, clock.FromMicros(clock.Micros(e.At)), e.Action, act, origin, change))
	if !bytes.Equal(done, e.hashes) {
		p.fault("record %d: its hashes are not those of its leaf and place", e.Seq)
	}
	p.provePart(e, "origin", e.Origin, open)
	p.provePart(e, "change", e.Change, open)
	for table, n := range e.Act.Made {
		p.Made[table] += n
	}
	if e.Case != 0 && len(e.Act.Set) > 0 {
		if p.Cases[e.Case] == nil {
			p.Cases[e.Case] = map[string]string{}
		}
		for k, v := range e.Act.Set {
			p.Cases[e.Case][k] = v
		}
	}
}

func (p *Report) provePart(e *Entry, name string, part Part, open Opener) {
	if part.Commit == nil {
		if len(part.Sealed) > 0 {
			p.fault("record %d: has %s that its leaf does not commit to", e.Seq, name)
		}
		return
	}
	if len(part.Sealed) == 0 {
		p.Erased++
		return
	}
	plain, erased, err := open(part.Key, e.ID, name, part.Sealed)
	switch {
	case erased:
		p.Erased++
	case err != nil || len(plain) < SaltSize:
		p.fault("record %d: %s does not open", e.Seq, name)
	case !bytes.Equal(part.Commit, Commit(name, plain[:SaltSize], plain[SaltSize:])):
		p.fault("record %d: %s is not what was committed to", e.Seq, name)
	default:
		p.Opened++
	}
}
