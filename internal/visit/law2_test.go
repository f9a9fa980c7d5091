package visit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/purpose"
	"insegel/internal/visit"
)

// Law 2: no plaintext without permission.

// closed registers a purpose that administrators read and handlers do not.
func (h *house) closed() {
	h.t.Helper()
	_, err := visit.Update(h.t.Context(), h.console(access.CreatePurpose), func(w *visit.Writer) (struct{}, error) {
		return struct{}{}, purpose.Register(w, purpose.Purpose{ID: "concerns", Basis: "obligation", Class: purpose.Confidential,
			Readers: []access.Role{access.Administrator}, TakesMail: true}, h.Clock.Now())
	})
	h.ok(err)
}

func TestAKeyOfAnotherPurposeIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.closed()
		h.thing("mine", "support", "for the desk")
		h.thing("theirs", "concerns", "for two people")
		_, handler := h.Person(t, access.Handler)
		_, admin := h.Person(t, access.Administrator)
		open := func(c access.Credential, name string) (string, error) {
			return visit.View(t.Context(), h.enter(c, access.ReadCase), func(r *visit.Reader) (string, error) { return read(t.Context(), r, name) })
		}
		if s, err := open(handler, "mine"); s != "for the desk" || err != nil {
			t.Errorf("%q, %v", s, err)
		}
		if s, err := open(admin, "theirs"); s != "for two people" || err != nil {
			t.Errorf("%q, %v", s, err)
		}
		_, wrong := open(handler, "theirs")
		_, none := open(handler, "nothing at all")
		h.kind(wrong, fault.NotFound)
		h.kind(none, fault.NotFound)
		_, err := visit.Update(t.Context(), h.enter(handler, access.CreateCase), func(w *visit.Writer) (struct{}, error) {
			return struct{}{}, putThing(w, "new", "concerns", "text")
		})
		h.kind(err, fault.NotFound)
		// A public visit has no case's purpose, and one of the program itself only what its action names.
		_, err = visit.View(t.Context(), h.enter(access.Public(visit.From("192.0.2.1")), access.ShowPublic), func(r *visit.Reader) (string, error) { return read(t.Context(), r, "mine") })
		h.kind(err, fault.NotFound)
		_, err = visit.View(t.Context(), h.enter(access.System("job", visit.From("")), access.SendNotice), func(r *visit.Reader) (string, error) { return read(t.Context(), r, "mine") })
		h.kind(err, fault.NotFound)
	})
}

// The purpose is in the wrapped key: a row that claims another opens nothing, whoever wrote the claim.
func TestAPurposeCannotBeClaimed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.closed()
		h.thing("theirs", "concerns", "for two people")
		_, handler := h.Person(t, access.Handler)
		h.tamper(`UPDATE sealkey SET purpose = 'support' WHERE id = 'theirs'`)
		_, err := visit.View(t.Context(), h.enter(handler, access.ReadCase), func(r *visit.Reader) (string, error) { return read(t.Context(), r, "theirs") })
		if err == nil || fault.Of(err).Key != "fault.seal.damaged" {
			t.Errorf("got %v", err)
		}
		_, err = visit.View(t.Context(), h.enter(handler, access.ReadCase), func(r *visit.Reader) (struct{}, error) {
			_, err := r.Unwrap(visit.Wrapped{ID: "theirs", Kind: "case", Purpose: "concerns", Epoch: 1})
			return struct{}{}, err
		})
		h.kind(err, fault.NotFound)
		h.tamper(`UPDATE sealkey SET purpose = 'concerns' WHERE id = 'theirs'`)
	})
}

func TestASealedValueOpensInItsPlaceOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.thing("a", "support", "text of a")
		h.thing("b", "support", "text of b")
		h.tamper(`UPDATE thing SET body = (SELECT body FROM thing WHERE id = 'a') WHERE id = 'b'`)
		v := h.console(access.ReadCase)
		s, err := visit.View(t.Context(), v, func(r *visit.Reader) (string, error) { return read(t.Context(), r, "b") })
		if err == nil || s != "" {
			t.Errorf("a's text was opened as b's: %q", s)
		}
		_, err = visit.View(t.Context(), v, func(r *visit.Reader) (string, error) {
			k, err := r.Key(t.Context(), "a", "")
			h.ok(err)
			var sealed []byte
			h.ok(r.QueryRow(t.Context(), sqlBody, []any{"a"}, &sealed))
			for _, place := range [][3]string{{"thing", "body", "b"}, {"thing", "subject", "a"}, {"other", "body", "a"}} {
				if s, err := k.Text(place[0], place[1], place[2], sealed); err == nil {
					t.Errorf("opens at %v: %q", place, s)
				}
			}
			return k.Text("thing", "body", "a", sealed)
		})
		h.ok(err)
	})
}

func TestEveryOpeningIsNoted(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, name := range []string{"a", "b", "c"} {
			h.thing(name, "support", "text of "+name)
		}
		v := h.console(access.ListCases)
		before := len(h.records())
		_, err := visit.View(t.Context(), v, func(r *visit.Reader) (struct{}, error) {
			_, err := r.Lookup("mail", "x"), r.QueryRow(t.Context(), sqlCount, nil, new(int64))
			return struct{}{}, err
		})
		h.ok(err)
		if len(h.records()) != before {
			t.Error("a view that opened nothing wrote a record")
		}
		_, err = visit.View(t.Context(), v, func(r *visit.Reader) (struct{}, error) {
			for _, name := range []string{"a", "c", "a"} {
				if _, err := read(t.Context(), r, name); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		})
		h.ok(err)
		all := h.records()
		if len(all)-before != 1 || !slices.Equal(all[0].Act.Opened, []string{"case:a", "case:c"}) || all[0].Action != "case.list" {
			t.Errorf("%d records, the last %+v", len(all)-before, all[0].Act)
		}
		// In a change, the one record says it too.
		_, err = visit.Update(t.Context(), h.console(access.ChangeCase), func(w *visit.Writer) (string, error) { return read(t.Context(), &w.Reader, "b") })
		h.ok(err)
		if got := h.records()[0]; !slices.Equal(got.Act.Opened, []string{"case:b"}) {
			t.Errorf("%+v", got.Act)
		}
	})
}

func TestOpeningStoredBytesIsNoted(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.thing("a", "support", "text")
		h.thing("b", "support", "text")
		v := h.console(access.CreateCase)
		for _, size := range []int{10, 200_000} {
			d, err := v.Spool(strings.NewReader(strings.Repeat("x", size)), 1<<20)
			h.ok(err)
			_, err = visit.Update(t.Context(), v, func(w *visit.Writer) (struct{}, error) {
				k, err := w.Key(t.Context(), "a", "")
				if err == nil {
					w.Keep(k, d)
				}
				return struct{}{}, err
			})
			h.ok(err)
			c, err := visit.View(t.Context(), h.console(access.ReadFile), func(r *visit.Reader) (visit.Content, error) {
				k, err := r.Key(t.Context(), "a", "")
				h.ok(err)
				return r.Blob(t.Context(), k, d.ID)
			})
			h.ok(err)
			if got := h.records()[0]; got.Action != "file.read" || !slices.Equal(got.Act.Opened, []string{"case:a"}) {
				t.Errorf("%+v", got.Act)
			}
			body, err := c.Reader()
			h.ok(err)
			b, err := io.ReadAll(body)
			h.ok(errors.Join(err, body.Close()))
			if len(b) != size {
				t.Errorf("%d bytes, want %d", len(b), size)
			}
			_, err = visit.View(t.Context(), h.console(access.ReadFile), func(r *visit.Reader) (visit.Content, error) {
				k, err := r.Key(t.Context(), "b", "")
				h.ok(err)
				return r.Blob(t.Context(), k, d.ID)
			})
			h.kind(err, fault.NotFound) // another's key
		}
	})
}

// If the log cannot be written, nothing sealed is shown; what is not sealed may be.
func TestWithoutTheLogNothingSealedIsShown(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.thing("a", "support", "text of a")
		v := h.console(access.ReadCase)
		mend := h.breakCommits()
		s, err := visit.View(t.Context(), v, func(r *visit.Reader) (string, error) { return read(t.Context(), r, "a") })
		if !errors.Is(err, errDisk) || s != "" {
			t.Errorf("%q, %v", s, err)
		}
		n, err := visit.View(t.Context(), v, func(r *visit.Reader) (int64, error) {
			var n int64
			err := r.QueryRow(t.Context(), sqlCount, nil, &n)
			return n, err
		})
		h.ok(err)
		if n != 1 {
			t.Errorf("%d things", n)
		}
		mend()
		if s, err = visit.View(t.Context(), v, func(r *visit.Reader) (string, error) { return read(t.Context(), r, "a") }); s != "text of a" || err != nil {
			t.Errorf("%q, %v", s, err)
		}
	})
}

// The record of a view is durable before its result is: the commit comes while nobody has it yet.
func TestAViewIsRecordedBeforeItIsShown(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.thing("a", "support", "text of a")
		v := h.console(access.ReadCase)
		shown, committed := false, 0
		f := func() {
			committed++
			if shown {
				t.Error("the result was shown before its record was durable")
			}
		}
		h.engine.before.Store(&f)
		_, err := visit.View(t.Context(), v, func(r *visit.Reader) (string, error) { return read(t.Context(), r, "a") })
		shown = true
		h.engine.before.Store(nil)
		h.ok(err)
		if committed != 1 {
			t.Errorf("%d commits", committed)
		}
	})
}

func TestARecordListsABoundedNumberOfThings(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		v := h.console(access.CreateCase)
		_, err := visit.Update(t.Context(), v, func(w *visit.Writer) (struct{}, error) {
			for i := range 1010 {
				if err := putThing(w, fmt.Sprint("t", i), "support", "x"); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		})
		h.ok(err)
		_, err = visit.View(t.Context(), v, func(r *visit.Reader) (struct{}, error) {
			for i := range 1010 {
				if _, err := read(t.Context(), r, fmt.Sprint("t", i)); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		})
		h.ok(err)
		if n := len(h.records()[0].Act.Opened); n != 1000 {
			t.Errorf("the record lists %d things", n)
		}
	})
}

func TestARefusalOfSomebodyKnownIsRecorded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		who, handler := h.Person(t, access.Handler)
		before := len(h.records())
		_, err := h.Waist.Enter(t.Context(), h.Customer, handler, access.CreateQueue)
		h.kind(err, fault.NotFound)
		all := h.records()
		if len(all)-before != 1 || all[0].Actor != "account:"+who || all[0].Act.Result != "refused: fault.not_found" || all[0].Action != "queue.create" {
			t.Errorf("%d records, the last %+v", len(all)-before, all[0].Record)
		}
		_, err = h.Waist.Enter(t.Context(), h.Customer, access.Session([]byte("made up"), visit.From("192.0.2.1")), access.ListCases)
		h.kind(err, fault.Unknown)
		_, err = h.Waist.Enter(t.Context(), h.Operator, handler, access.ListCases)
		h.kind(err, fault.Unknown) // another tenant's session is nobody here
		_, err = h.Waist.Enter(t.Context(), h.Customer, access.Console("test"), access.CreateTenant)
		h.kind(err, fault.NotFound) // the operator's actions are in the operator's tenant only
		if n := len(h.records()) - before; n != 1 {
			t.Errorf("strangers wrote %d records", n-1)
		}
	})
}

// What somebody's changes were and where they came from is opened for those who may read it, and goes with its keys.
func TestTheLogShowsWhatItsReaderMaySee(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.thing("a", "support", "text")
		_, handler := h.Person(t, access.Handler)
		_, admin := h.Person(t, access.Administrator)
		_, err := visit.Update(t.Context(), h.enter(handler, access.ChangeCase), func(w *visit.Writer) (struct{}, error) {
			k, err := w.Key(t.Context(), "a", "")
			w.Case(42)
			w.Changed(k, "subject", "before", "after")
			return struct{}{}, err
		})
		h.ok(err)
		lines := func(c access.Credential) visit.Line {
			all, err := visit.View(t.Context(), h.enter(c, access.ShowLog), func(r *visit.Reader) ([]visit.Line, error) { return r.Log(t.Context(), 42, 0, 10) })
			h.ok(err)
			if len(all) != 1 {
				t.Fatalf("%d lines", len(all))
			}
			return all[0]
		}
		if l := lines(admin); l.Address != "198.51.100.7" || l.Changes["subject"] != [2]string{"before", "after"} {
			t.Errorf("%+v", l)
		}
		if l := lines(handler); l.Address != "" || l.AddressErased || l.Changes["subject"] != [2]string{"before", "after"} {
			t.Errorf("%+v", l)
		}
		_, err = visit.Update(t.Context(), h.console(access.EraseCase), func(w *visit.Writer) (struct{}, error) {
			w.Erase("a")
			w.Erase("day:" + h.Clock.Now().Format(time.DateOnly))
			return struct{}{}, nil
		})
		h.ok(err)
		if l := lines(admin); !l.AddressErased || !l.ChangesErased || l.Address != "" || l.Changes != nil || l.Actor == "" {
			t.Errorf("%+v", l)
		}
		_, err = visit.View(context.Background(), h.console(access.ReadCase), func(r *visit.Reader) (string, error) { return read(t.Context(), r, "a") })
		if fault.Of(err).Key != "fault.seal.erased" {
			t.Errorf("an erased thing: %v", err)
		}
		h.tamper(`DELETE FROM thing`)
		h.Tables = nil
	})
}
