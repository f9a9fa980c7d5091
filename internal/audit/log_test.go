package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

// book is a log in a database of its own, with its mark.
type book struct {
	t      *testing.T
	db     store.DB
	log    *Log
	mark   *Mark
	dir    string
	signer *Signer
	c      *store.Committer
	erased map[string]bool // keys that were destroyed
}

func newBook(t *testing.T, e store.Engine, name string) *book {
	t.Helper()
	b := &book{t: t, db: storetest.OpenNew(t, e, name, Migrations), dir: t.TempDir(), signer: testSigner(t, "t1", 0), erased: map[string]bool{}}
	b.open()
	return b
}

func (b *book) open() {
	b.t.Helper()
	mark, _, err := OpenMark(b.dir, "t1", b.signer)
	b.ok(err)
	b.mark, b.log = mark, NewLog("t1", b.signer, mark)
	b.c = store.NewCommitter(b.db, b.log, store.Options{})
	b.t.Cleanup(func() { b.ok(errors.Join(b.c.Close(), mark.Close())) })
}

func testSigner(t testing.TB, tenantID string, first byte) *Signer {
	t.Helper()
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = first + byte(i)
	}
	s, err := NewSigner(tenantID, seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rec is record i of a made-up history. Its sealed parts are not sealed here: sealing is another room's.
func rec(history string, i int) *Record {
	salt := func(c byte) []byte { return slices.Repeat([]byte{c, byte(i)}, SaltSize/2) }
	r := &Record{ID: fmt.Sprintf("%s-%04d", history, i), At: time.UnixMicro(1_700_000_000_000_000 + int64(i)).UTC(), Action: "case.change", Actor: "account:a",
		Case: int64(i % 3), ActSalt: salt(1)}
	r.Act = Act{Actor: r.Actor, Case: r.Case, Made: map[string]int64{"message": 1}, Set: map[string]string{"state": fmt.Sprint("s", i)}}
	if i%2 == 0 {
		r.Origin = testPart("origin", "day:1", salt(2), `{"address":"192.0.2.1"}`)
	}
	if i%3 == 0 {
		r.Change = testPart("change", "case:1", salt(3), `{"subject":["a","b"]}`)
	}
	return r
}

func testPart(name, key string, salt []byte, b string) Part {
	return Part{Key: key, Sealed: append(slices.Clone(salt), b...), Commit: Commit(name, salt, []byte(b))}
}

// write appends records from to, each as a change of its own, several waiting at once so that they share commits.
func (b *book) write(history string, from, to int) {
	b.t.Helper()
	var wg sync.WaitGroup
	for i := from; i < to; i++ {
		r := rec(history, i)
		wg.Go(func() {
			err := b.c.Do(context.Background(), store.Change{ID: r.ID, Run: func(context.Context, store.Writer) ([]any, error) { return []any{r}, nil }})
			if err != nil {
				b.t.Error(err)
			}
		})
		if i%7 == 0 {
			wg.Wait()
		}
	}
	wg.Wait()
}

// inOrder appends one after the other, so that two books with one history are alike.
func (b *book) inOrder(history string, from, to int) {
	b.t.Helper()
	for i := from; i < to; i++ {
		r := rec(history, i)
		b.ok(b.c.Do(b.t.Context(), store.Change{ID: r.ID, Run: func(context.Context, store.Writer) ([]any, error) { return []any{r}, nil }}))
	}
}

func (b *book) opener(key, _, _ string, sealed []byte) ([]byte, bool, error) {
	return sealed, b.erased[key], nil
}

func (b *book) verify(against ...Checkpoint) *Report {
	b.t.Helper()
	var p *Report
	b.view(func(ctx context.Context, r store.Reader) (err error) {
		p, err = b.log.Verify(ctx, r, b.opener, against, nil)
		return err
	})
	return p
}

func (b *book) view(fn func(context.Context, store.Reader) error) {
	b.t.Helper()
	b.ok(b.db.View(b.t.Context(), func(r store.Reader) error { return fn(b.t.Context(), r) }))
}

// tamper writes past the committer, as who holds the database could.
func (b *book) tamper(sql string, args ...any) {
	b.t.Helper()
	tx, err := b.db.Begin(b.t.Context())
	b.ok(err)
	defer tx.Discard()
	for _, s := range store.Statements(sql) {
		_, err = tx.Exec(b.t.Context(), s, args...)
		b.ok(err)
	}
	b.ok(tx.Commit(b.t.Context()))
}

func (b *book) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func each(t *testing.T, fn func(*testing.T, store.Engine)) { t.Helper(); storetest.Each(t, fn) }

// The proofs are read from the rows alone, with the library's own functions, for every size that the tree had.
func TestProofsAreReadFromTheRows(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		b := newBook(t, e, "log")
		const size = 130
		b.write("h", 0, size)
		b.view(func(ctx context.Context, r store.Reader) error {
			all, err := entries(ctx, r, sqlFrom, 0, 1000)
			if err != nil || len(all) != size {
				return fmt.Errorf("%d records: %w", len(all), err)
			}
			var f frontier
			rows := rowHashes{ctx, r}
			var roots []tlog.Hash
			for i, e := range all {
				act, origin, change, err := splitCommits(e.commits)
				if err != nil {
					return err
				}
				leaf := Leaf(e.ID, e.At, e.Action, act, origin, change)
				f.append(leaf)
				roots = append(roots, f.root())
				n := int64(i + 1)
				if root, err := tlog.TreeHash(n, rows); err != nil || root != f.root() {
					t.Fatalf("root at %d: %v, %v", n, root, err)
				}
				for _, at := range []int64{0, n / 2, n - 1} {
					p, err := tlog.ProveRecord(n, at, rows)
					if err != nil {
						return err
					}
					act, origin, change, _ := splitCommits(all[at].commits)
					h := tlog.RecordHash(Leaf(all[at].ID, all[at].At, all[at].Action, act, origin, change))
					if err := tlog.CheckRecord(p, n, f.root(), at, h); err != nil {
						t.Errorf("record %d of %d: %v", at, n, err)
					}
				}
				older := max(1, n/2)
				p, err := tlog.ProveTree(n, older, rows)
				if err != nil {
					return err
				}
				if err := tlog.CheckTree(p, n, f.root(), older, roots[older-1]); err != nil {
					t.Errorf("%d in %d: %v", older, n, err)
				}
			}
			return nil
		})
		p := b.verify()
		if len(p.Faults) != 0 || p.Records != size || p.Made["message"] != size || p.Opened != 65+44 || p.Erased != 0 {
			t.Errorf("%+v", p)
		}
		if p.Cases[1]["state"] == "" || p.Cases[0] != nil {
			t.Errorf("last values %v", p.Cases)
		}
	})
}

func TestVerifyFindsEveryKindOfTampering(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		for i, c := range []struct{ name, sql, want string }{
			{"an act", `UPDATE record SET act = (SELECT act FROM record WHERE seq = 4) WHERE seq = 1`, "act is not what was committed"},
			{"a salt", `UPDATE record SET act_salt = (SELECT act_salt FROM record WHERE seq = 4) WHERE seq = 1`, "act is not what was committed"},
			{"an actor", `UPDATE record SET actor = 'account:b' WHERE seq = 3`, "columns are not those of its act"},
			{"a case's number", `UPDATE record SET case_no = 99 WHERE seq = 3`, "columns are not those of its act"},
			{"an action", `UPDATE record SET action = 'case.read' WHERE seq = 3`, "hashes are not those of its leaf"},
			{"a time", `UPDATE record SET at = at + 1 WHERE seq = 3`, "hashes are not those of its leaf"},
			{"an id", `UPDATE record SET id = 'other' WHERE seq = 3`, "hashes are not those of its leaf"},
			{"commitments", `UPDATE record SET commits = (SELECT commits FROM record WHERE seq = 5) WHERE seq = 3`, "record 3"},
			{"hashes", `UPDATE record SET hashes = (SELECT hashes FROM record WHERE seq = 5) WHERE seq = 3`, "hashes are not those of its leaf"},
			{"an origin", `UPDATE record SET origin = (SELECT act FROM record WHERE seq = 0) WHERE seq = 2`, "origin is not what was committed"},
			{"an origin cut short", `UPDATE record SET origin = act_salt WHERE seq = 2`, "origin is not what was committed"},
			{"a change", `UPDATE record SET change = (SELECT act FROM record WHERE seq = 0) WHERE seq = 3`, "change is not what was committed"},
			{"a change too many", `UPDATE record SET change = act WHERE seq = 1`, "has change that its leaf does not commit to"},
			{"a record dropped", `DELETE FROM record WHERE seq = 5`, "record 5 is missing"},
			{"the last record dropped", `DELETE FROM record WHERE seq = 19`, "the head tells of 20 records"},
			{"two reordered", `UPDATE record SET seq = 1000 WHERE seq = 6; UPDATE record SET seq = 6 WHERE seq = 7; UPDATE record SET seq = 7 WHERE seq = 1000`, "hashes are not those"},
			{"a record inserted", `INSERT INTO record SELECT 20, 'other', at, action, actor, case_no, act, act_salt, origin_key, origin, change_key, change, commits, hashes FROM record WHERE seq = 4`, "hashes are not those"},
			{"another edge", `UPDATE log_head SET frontier = (SELECT hashes FROM record WHERE seq = 1)`, "the head tells of 20 records"},
		} {
			t.Run(c.name, func(t *testing.T) {
				b := newBook(t, e, fmt.Sprint("log", i))
				b.inOrder("h", 0, 20)
				if p := b.verify(); len(p.Faults) != 0 {
					t.Fatal("not whole to begin with:", p.Faults)
				}
				b.tamper(c.sql)
				p := b.verify()
				if !strings.Contains(strings.Join(p.Faults, "\n"), c.want) {
					t.Errorf("found %q, want %q", p.Faults, c.want)
				}
			})
		}
	})
}

// Who has the database but not the signing key can make another history that is whole in itself; a checkpoint tells.
func TestACheckpointTellsAWholeOtherHistory(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		mine, theirs, short := newBook(t, e, "mine"), newBook(t, e, "theirs"), newBook(t, e, "short")
		mine.inOrder("h", 0, 20)
		theirs.inOrder("h", 0, 7)
		theirs.inOrder("other", 7, 25)
		short.inOrder("h", 0, 12)
		at := func(b *book) (c Checkpoint) {
			b.view(func(ctx context.Context, r store.Reader) (err error) {
				_, c, err = b.log.Checkpoint(ctx, r)
				return err
			})
			return c
		}
		kept := at(mine)
		if p := mine.verify(kept, at(short)); len(p.Faults) != 0 || p.Root != kept.Root {
			t.Error(p.Faults)
		}
		if p := theirs.verify(); len(p.Faults) != 0 {
			t.Error("the other history is not whole:", p.Faults)
		}
		for b, want := range map[*book]string{theirs: "are not those of a checkpoint that was signed", short: "is past the log's end at 12"} {
			if p := b.verify(kept); len(p.Faults) != 1 || !strings.Contains(p.Faults[0], want) {
				t.Errorf("%q, want %q", p.Faults, want)
			}
		}
		prove := func(b *book, c Checkpoint) (key string) {
			err := b.db.View(t.Context(), func(r store.Reader) error { return b.log.ProveMark(t.Context(), r, c) })
			if err != nil {
				return fault.Of(err).Key
			}
			return ""
		}
		for _, c := range []struct {
			b    *book
			mark Checkpoint
			want string
		}{
			{mine, kept, ""}, {mine, at(short), ""}, {mine, Checkpoint{Root: tlog.Hash(frontier{}.root())}, ""}, {theirs, kept, "fault.log.differs"}, {short, kept, "fault.log.shorter"},
			{mine, Checkpoint{Size: -1}, "fault.log.mark_missing"}, {newBook(t, e, "empty"), Checkpoint{Size: -1}, ""},
		} {
			if got := prove(c.b, c.mark); got != c.want {
				t.Errorf("mark of %d: %q, want %q", c.mark.Size, got, c.want)
			}
		}
		short.ok(short.db.View(t.Context(), func(r store.Reader) error { return short.log.AcceptPresent(t.Context(), r) }))
		_, accepted, err := OpenMark(short.dir, "t1", short.signer)
		short.ok(err)
		if accepted.Size != 12 || prove(short, accepted) != "" {
			t.Errorf("accepted %+v", accepted)
		}
	})
}

// What is erased is gone and the rest still proves: the key's parts are counted as erased, never as damaged.
func TestErasedPartsStillProve(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		b := newBook(t, e, "log")
		b.inOrder("h", 0, 12)
		b.erased["day:1"] = true
		if p := b.verify(); len(p.Faults) != 0 || p.Erased != 6 || p.Opened != 4 {
			t.Errorf("%d erased, %d opened, %q", p.Erased, p.Opened, p.Faults)
		}
		b.tamper(`UPDATE record SET origin = NULL; UPDATE record SET change = NULL WHERE seq = 3`)
		if p := b.verify(); len(p.Faults) != 0 || p.Erased != 7 || p.Opened != 3 {
			t.Errorf("%d erased, %d opened, %q", p.Erased, p.Opened, p.Faults)
		}
	})
}

// Every commit moves the mark before anybody is answered.
func TestTheMarkIsAsFarAsWhatWasAcknowledged(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		b := newBook(t, e, "log")
		for i := range 10 {
			b.inOrder("h", i, i+1)
			_, c, err := OpenMark(b.dir, "t1", b.signer)
			b.ok(err)
			if c.Size != int64(i+1) {
				t.Fatalf("mark at %d after record %d", c.Size, i)
			}
		}
		// Upkeep moves nothing.
		b.ok(b.c.Do(t.Context(), store.Change{Run: func(context.Context, store.Writer) ([]any, error) { return nil, nil }}))
		if p := b.verify(); p.Records != 10 || len(p.Faults) != 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestAChangeThatFailsLeavesNoLeaf(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		b := newBook(t, e, "log")
		var wg sync.WaitGroup
		for i := range 40 {
			r := rec("h", i)
			wg.Go(func() {
				_ = b.c.Do(context.Background(), store.Change{ID: r.ID, Run: func(ctx context.Context, w store.Writer) ([]any, error) {
					n := b.log.NextNumber()
					if i%2 == 0 {
						return nil, errors.New("no")
					}
					r.Act.Set["number"] = fmt.Sprint(n)
					if i%5 == 0 {
						return []any{r, "not a record"}, nil
					}
					return []any{r}, nil
				}})
			})
		}
		wg.Wait()
		p := b.verify()
		if len(p.Faults) != 0 || p.Records != 16 {
			t.Errorf("%d records, %q", p.Records, p.Faults)
		}
		b.view(func(ctx context.Context, r store.Reader) error {
			all, err := entries(ctx, r, sqlFrom, 0, 100)
			for i, e := range all {
				if want := fmt.Sprint(1001 + i); e.Act.Set["number"] != want {
					t.Errorf("record %d has number %s, want %s: numbers have gaps", i, e.Act.Set["number"], want)
				}
			}
			return err
		})
	})
}

func TestAHeadThatIsGoneOrBrokenStopsEverything(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		for i, sql := range []string{`DELETE FROM log_head`, `UPDATE log_head SET size = 4 WHERE id = 1`, `UPDATE log_head SET size = -1 WHERE id = 1`} {
			b := newBook(t, e, fmt.Sprint("log", i))
			b.inOrder("h", 0, 5)
			b.tamper(sql)
			r := rec("h", 5)
			err := b.c.Do(t.Context(), store.Change{ID: r.ID, Run: func(context.Context, store.Writer) ([]any, error) { return []any{r}, nil }})
			if err == nil || fault.Of(err).Key != "fault.log.damaged" {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
}

func TestReadingIsByPageAndNewestFirst(t *testing.T) {
	each(t, func(t *testing.T, e store.Engine) {
		b := newBook(t, e, "log")
		b.inOrder("h", 0, 20)
		b.view(func(ctx context.Context, r store.Reader) error {
			page, err := OfCase(ctx, r, 1, 0, 3)
			if err != nil || len(page) != 3 || page[0].Seq != 19 || page[2].Seq != 13 || page[0].Act.Set["state"] != "s19" || !page[0].At.Equal(rec("h", 19).At) {
				t.Errorf("%v, %v", page, err)
			}
			if page, err = OfCase(ctx, r, 1, 13, 100); err != nil || len(page) != 4 || page[3].Seq != 1 {
				t.Errorf("%v, %v", page, err)
			}
			if page, err = OfAction(ctx, r, "case.change", 0, 5); err != nil || len(page) != 5 {
				t.Errorf("%v, %v", page, err)
			}
			page, err = Latest(ctx, r, 5, 100)
			if len(page) != 5 || page[0].Seq != 4 {
				t.Errorf("%v", page)
			}
			return err
		})
	})
}

func TestCheckpointsAreSignedNotes(t *testing.T) {
	s, other := testSigner(t, "t1", 0), testSigner(t, "t1", 9)
	signed, err := s.sign(17, tlog.Hash{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	// As a stranger does it: with the library and the printed key.
	v, err := note.NewVerifier(s.Key())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil || !strings.HasPrefix(n.Text, "insegel/t1\n17\n") {
		t.Fatalf("%v %v", n, err)
	}
	if c, err := s.Open(signed); err != nil || c.Size != 17 || c.Root != (tlog.Hash{1, 2, 3}) || c.Origin != "insegel/t1" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := other.Open(signed); err == nil {
		t.Error("opens with another key")
	}
	if _, err := testSigner(t, "t2", 0).Open(signed); err == nil {
		t.Error("opens as another tenant's")
	}
	for i := range signed {
		bad := slices.Clone(signed)
		bad[i] ^= 1
		if c, err := s.Open(bad); err == nil {
			t.Errorf("byte %d changed and it opens: %+v", i, c)
		}
	}
	root := "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	for _, text := range []string{"insegel/t1\n-1\n" + root, "insegel/t1\n017\n" + root, "insegel/t1\n\n" + root, "insegel/t1\n1\n", "insegel/t1\n1\nAAAA\n", "insegel/t2\n1\n" + root,
		"insegel/t1\n99999999999999999999\n" + root, "insegel/t1\n1\n" + strings.ToUpper("x") + root} {
		signed, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := s.Open(signed); err == nil {
			t.Errorf("%q opens as %+v", text, c)
		}
	}
	if _, err := NewSigner("t1", make([]byte, 31)); err == nil {
		t.Error("a short seed is taken")
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	s := testSigner(f, "t1", 0)
	signed, err := s.sign(17, tlog.Hash{1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("insegel/t1\n1\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := s.Open(b); err == nil && (c.Size != 17 || c.Origin != "insegel/t1") {
			t.Fatalf("a checkpoint that nobody signed: %+v", c)
		}
	})
}

func TestTimesAreKeptToTheMicrosecond(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 123456789, time.UTC)
	a, b := Leaf("x", at, "y", nil, nil, nil), Leaf("x", clock.FromMicros(clock.Micros(at)), "y", nil, nil, nil)
	if string(a) != string(b) {
		t.Errorf("%q and %q", a, b)
	}
}
