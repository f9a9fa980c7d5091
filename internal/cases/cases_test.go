package cases_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func TestDraftsThatCannotBe(t *testing.T) {
	each(t, func(d *desk) {
		for name, c := range map[string]struct {
			change func(*cases.Draft, *cases.NewMessage)
			kind   fault.Kind
			key    string
		}{
			"no queue":      {func(f *cases.Draft, _ *cases.NewMessage) { f.Queue = "" }, fault.Invalid, "fault.case.queue"},
			"no purpose":    {func(f *cases.Draft, _ *cases.NewMessage) { f.Purpose = "" }, fault.Invalid, "fault.case.queue"},
			"priority":      {func(f *cases.Draft, _ *cases.NewMessage) { f.Priority = 5 }, fault.Invalid, "fault.case.priority"},
			"kind":          {func(f *cases.Draft, _ *cases.NewMessage) { f.Kind = "secret" }, fault.Invalid, "fault.case.kind"},
			"class":         {func(f *cases.Draft, _ *cases.NewMessage) { f.Class = "confidential" }, fault.Invalid, "fault.case.class"},
			"other purpose": {func(f *cases.Draft, _ *cases.NewMessage) { f.Purpose = "unheard-of" }, fault.NotFound, "fault.not_found"},
			"long body": {func(_ *cases.Draft, m *cases.NewMessage) { m.Body = strings.Repeat("x", cases.MaxBody+1) },
				fault.TooLarge, "fault.message.too_long"},
			"many files": {func(_ *cases.Draft, m *cases.NewMessage) {
				m.Files = slices.Repeat([]cases.NewFile{{Draft: &visit.Draft{}}}, cases.MaxFiles+1)
			}, fault.TooLarge, "fault.message.too_many_files"},
			"files of a letter too large to send": {func(_ *cases.Draft, m *cases.NewMessage) {
				m.Kind, m.Files = cases.Reply, []cases.NewFile{{Draft: &visit.Draft{Size: cases.MaxSent + 1}}}
			}, fault.TooLarge, "fault.too_large"},
			"nobody to send to": {func(_ *cases.Draft, m *cases.NewMessage) { m.Kind = cases.Reply }, fault.Invalid, "fault.message.no_recipient"},
		} {
			_, err := change(d, visittest.Console(), access.CreateCase, func(w *visit.Writer) (cases.Case, error) {
				f, m := draft(d.support), letter(w, "hej")
				c.change(&f, &m)
				made, _, err := cases.Create(w, f, m)
				return made, err
			})
			if fault.KindOf(err) != c.kind || fault.Of(err).Key != c.key {
				d.t.Errorf("%s: %v, want %s", name, err, c.key)
			}
		}
		if made := d.create(d.support); made.Number != first+1 {
			d.t.Errorf("what failed used up numbers: the first case is %d", made.Number)
		}
	})
}

func TestStates(t *testing.T) {
	each(t, func(d *desk) {
		n := d.create(d.support).Number
		is := func(want cases.State, live bool) {
			d.t.Helper()
			if c := d.read(n); c.State != want || c.State.Live() != live || c.Closed.IsZero() != live {
				d.t.Fatalf("%s, closed %v; want %s", c.State, c.Closed, want)
			}
		}
		is(cases.New, true)
		_, err := d.write(n, cases.Answer{Kind: cases.Note, Author: "a", Body: "obs"})
		d.must(err)
		is(cases.New, true)
		_, err = d.write(n, cases.Answer{Kind: cases.Reply, Author: "a", Body: "svar"})
		d.must(err)
		is(cases.Open, true)
		_, err = d.write(n, cases.Answer{Kind: cases.Reply, Author: "a", Body: "svar", State: to(cases.Solved)})
		d.must(err)
		is(cases.Solved, false)
		d.another(n, "anna@example.org")
		is(cases.Open, true)
		_, err = d.alter(n, cases.Change{State: to(cases.Pending)})
		d.must(err)
		d.another(n, "anna@example.org")
		is(cases.Open, true)
		_, err = d.alter(n, cases.Change{State: to(cases.Closed)})
		d.must(err)
		is(cases.Closed, false)
		_, err = d.write(n, cases.Answer{Kind: cases.Reply, Author: "a", Body: "svar"})
		d.refused(err, fault.Conflict, "fault.case.closed")
		_, err = d.write(n, cases.Answer{Kind: cases.Note, Author: "a", Body: "obs"})
		d.must(err)
		is(cases.Closed, false)
		_, err = d.alter(n, cases.Change{State: to(cases.Open)})
		d.must(err)
		is(cases.Open, true)
		for _, a := range []cases.Answer{{Kind: cases.Reply, Body: " \n"}, {Kind: cases.Incoming, Body: "x"}, {Kind: cases.Ack, Body: "x"},
			{Kind: cases.Note, Body: "x", State: to(cases.State("gone"))}} {
			if _, err := d.write(n, a); fault.KindOf(err) != fault.Invalid {
				d.t.Errorf("%+v: %v", a, err)
			}
		}
	})
}

// TestRecordTellsTheWholeStep: an answer that also chooses a state is one step from the state before to the one chosen.
func TestRecordTellsTheWholeStep(t *testing.T) {
	each(t, func(d *desk) {
		c := d.create(d.support)
		_, err := d.write(c.Number, cases.Answer{Kind: cases.Reply, Author: "a", Body: "svar", State: to(cases.Pending)})
		d.must(err)
		lines, err := view(d, visittest.Console(), access.ShowLog, func(r *visit.Reader) ([]visit.Line, error) {
			return r.Log(d.t.Context(), c.Number, 0, 1)
		})
		d.must(err)
		if a := lines[0].Act; a.Was["state"] != "new" || a.Set["state"] != "pending" {
			d.t.Errorf("was %v, set %v", a.Was, a.Set)
		}
		if v := d.read(c.Number).Version; v != c.Version+1 {
			d.t.Errorf("version %d after one change of %d", v, c.Version)
		}
	})
}

func TestAlter(t *testing.T) {
	each(t, func(d *desk) {
		c := d.create(d.support)
		other := d.IDs.New()
		got, err := d.alter(c.Number, cases.Change{Version: c.Version, Priority: to(cases.High), Assignee: to(other), State: to(cases.Open)})
		d.must(err)
		read := d.read(c.Number).Case
		if got != read || read.Priority != cases.High || read.Assignee != other || read.State != cases.Open || read.Version != c.Version+1 {
			d.t.Errorf("%+v, read %+v", got, read)
		}
		_, err = d.alter(c.Number, cases.Change{Version: c.Version, Priority: to(cases.Low)})
		d.refused(err, fault.Conflict, "fault.case.changed")
		_, err = d.alter(c.Number, cases.Change{Priority: to(cases.Priority(0))})
		d.refused(err, fault.Invalid, "fault.case.priority")
		_, err = d.alter(c.Number, cases.Change{State: to(cases.State("x"))})
		d.refused(err, fault.Invalid, "fault.case.state")
		_, err = d.alter(c.Number, cases.Change{Queue: &d.security.ID, Purpose: d.security.Purpose})
		d.refused(err, fault.Invalid, "fault.case.other_purpose")
		_, err = d.alter(c.Number+1, cases.Change{State: to(cases.Open)})
		d.refused(err, fault.NotFound, "fault.case.not_found")
		_, err = d.alter(c.Number, cases.Change{Assignee: to("")})
		d.must(err)
		if again := d.read(c.Number); again.Assignee != "" || again.Priority != cases.High {
			d.t.Errorf("%+v", again)
		}
	})
}

// TestOutsiderSeesNothing: who is not within the purpose finds that nothing is there, whatever they ask.
func TestOutsiderSeesNothing(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.t.Context()
		secret, plain := d.create(d.closed), d.create(d.support)
		_, handler := d.Person(d.t, access.Handler)
		_, boss := d.Person(d.t, access.Administrator)
		seen := func(c access.Credential) (numbers []int64) {
			d.t.Helper()
			page, err := view(d, c, access.ListCases, func(r *visit.Reader) ([]cases.Case, error) {
				page, _, err := cases.List(ctx, r, cases.Filter{}, "", 50)
				return page, err
			})
			d.must(err)
			for _, c := range page {
				numbers = append(numbers, c.Number)
			}
			slices.Sort(numbers)
			return numbers
		}
		if got := seen(handler); !slices.Equal(got, []int64{plain.Number}) {
			d.t.Errorf("an outsider sees %v", got)
		}
		if got := seen(boss); !slices.Equal(got, []int64{secret.Number, plain.Number}) {
			d.t.Errorf("an administrator sees %v", got)
		}
		n, message := secret.Number, d.read(secret.Number).Messages[0].ID
		tries := map[string]error{}
		_, tries["read"] = view(d, handler, access.ReadCase, func(r *visit.Reader) (cases.Thread, error) { return cases.Read(ctx, r, n) })
		_, tries["get"] = view(d, handler, access.ReadCase, func(r *visit.Reader) (cases.Case, error) { return cases.Get(ctx, r, n) })
		_, tries["file"] = view(d, handler, access.ReadFile, func(r *visit.Reader) (visit.Content, error) {
			_, c, err := cases.Content(ctx, r, n, message, message)
			return c, err
		})
		_, tries["original"] = view(d, handler, access.ReadMail, func(r *visit.Reader) (visit.Content, error) { return cases.Original(ctx, r, n, message) })
		_, tries["send"] = view(d, handler, access.ReadCase, func(r *visit.Reader) (bool, error) {
			_, _, _, _, err := cases.ToSend(ctx, r, message, 0)
			return false, err
		})
		_, tries["alter"] = change(d, handler, access.ChangeCase, func(w *visit.Writer) (cases.Case, error) {
			return cases.Alter(ctx, w, n, cases.Change{State: to(cases.Closed)})
		})
		_, tries["reply"] = change(d, handler, access.Reply, func(w *visit.Writer) (string, error) {
			return cases.Write(ctx, w, n, cases.Answer{Kind: cases.Reply, Body: "x"})
		})
		_, tries["note"] = change(d, handler, access.Note, func(w *visit.Writer) (string, error) {
			return cases.Write(ctx, w, n, cases.Answer{Kind: cases.Note, Body: "x"})
		})
		_, tries["erase"] = change(d, boss, access.EraseCase, func(w *visit.Writer) (struct{}, error) { return struct{}{}, cases.Erase(ctx, w, n+100) })
		_, tries["create"] = change(d, handler, access.CreateCase, func(w *visit.Writer) (struct{}, error) {
			_, _, err := cases.Create(w, draft(d.closed), letter(w, "x"))
			return struct{}{}, err
		})
		for what, err := range tries {
			if fault.KindOf(err) != fault.NotFound {
				d.t.Errorf("%s: %v", what, err)
			}
		}
		if c := d.read(n); c.State != cases.New || len(c.Messages) != 1 {
			d.t.Errorf("an outsider changed the case: %+v", c)
		}
	})
}

func TestErased(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.t.Context()
		n := d.create(d.support).Number
		id, err := d.write(n, cases.Answer{Kind: cases.Reply, Author: "a", Body: "svar"})
		d.must(err)
		d.erase(n)
		c := d.read(n)
		if !c.Erased || c.Subject != "" || c.Requester != (cases.Person{}) || len(c.Messages) != 0 || c.State != cases.Open {
			d.t.Errorf("%+v", c)
		}
		page := d.list(cases.Filter{}, "", 10)
		if len(page) != 1 || !page[0].Erased || page[0].Subject != "" {
			d.t.Errorf("list: %+v", page)
		}
		_, err = d.write(n, cases.Answer{Kind: cases.Note, Author: "a", Body: "x"})
		d.refused(err, fault.NotFound, "fault.case.erased")
		_, err = view(d, visittest.Console(), access.ReadFile, func(r *visit.Reader) (visit.Content, error) {
			_, b, err := cases.Content(ctx, r, n, id, id)
			return b, err
		})
		d.refused(err, fault.NotFound, "fault.case.erased")
		_, err = view(d, visittest.Console(), access.ReadMail, func(r *visit.Reader) (visit.Content, error) { return cases.Original(ctx, r, n, id) })
		d.refused(err, fault.NotFound, "fault.case.erased")
		done, err := view(d, visittest.System(), access.SendMail, func(r *visit.Reader) (bool, error) {
			_, _, _, done, err := cases.ToSend(ctx, r, id, 0)
			return done, err
		})
		if err != nil || !done {
			d.t.Errorf("an erased answer would still be sent: %v %v", done, err)
		}
		_, err = d.alter(n, cases.Change{State: to(cases.Closed)}) // its clear fields can still be put in order
		d.must(err)
	})
}

// TestTexts: what people write comes back as they wrote it, but for what no database or page can hold.
func TestTexts(t *testing.T) {
	each(t, func(d *desk) {
		for _, c := range []struct{ in, text, line string }{
			{"Räksmörgås 🦐 日本語", "Räksmörgås 🦐 日本語", "Räksmörgås 🦐 日本語"},
			{"שלום \u202bعالم\u202c \u2066x\u2069", "שלום \u202bعالم\u202c \u2066x\u2069", "שלום \u202bعالم\u202c \u2066x\u2069"},
			{"nul\x00here", "nulhere", "nulhere"},
			{"bad\xff\xfeutf", "bad\uFFFDutf", "bad\uFFFDutf"},
			{"two\r\nlines\tand", "two\r\nlines\tand", "two  lines and"},
			{"e\u0301 combining \U0001F469\u200D\U0001F4BB", "e\u0301 combining \U0001F469\u200D\U0001F4BB", "e\u0301 combining \U0001F469\u200D\U0001F4BB"},
			{"'; DROP TABLE cases; -- $1 ?", "'; DROP TABLE cases; -- $1 ?", "'; DROP TABLE cases; -- $1 ?"},
			{"<script>alert(1)</script>{{.}}", "<script>alert(1)</script>{{.}}", "<script>alert(1)</script>{{.}}"},
		} {
			n, err := change(d, visittest.Console(), access.CreateCase, func(w *visit.Writer) (int64, error) {
				p := cases.Person{Name: c.in, Mail: c.in}
				m := cases.NewMessage{ID: w.Visit().NewID(), Kind: cases.Incoming, Channel: cases.ByMail, Body: c.in, HTML: c.in,
					Head: cases.Head{Subject: c.in, From: p, To: []cases.Person{p}, MessageID: c.in, Problems: []string{"x"}}}
				f, err := w.Visit().Spool(strings.NewReader(c.in), 1000)
				if err != nil {
					return 0, err
				}
				m.Files = []cases.NewFile{{Draft: f, FileHead: cases.FileHead{Name: c.in, Type: c.in}}}
				made, _, err := cases.Create(w, cases.Draft{Queue: d.support.ID, Purpose: "support", Subject: c.in, Requester: p}, m)
				return made.Number, err
			})
			d.must(err)
			got := d.read(n)
			m := got.Messages[0]
			for what, pair := range map[string][2]string{"subject": {got.Subject, c.line}, "name": {got.Requester.Name, c.line}, "mail": {got.Requester.Mail, c.line},
				"head": {m.Subject, c.line}, "from": {m.From.Name, c.line}, "to": {m.To[0].Mail, c.line}, "body": {m.Body, c.text}, "html": {m.HTML, c.text},
				"file": {m.Files[0].Name, c.line}, "type": {m.Files[0].Type, c.line}} {
				if pair[0] != pair[1] {
					d.t.Errorf("%q as %s: %q, want %q", c.in, what, pair[0], pair[1])
				}
			}
		}
		long := strings.Repeat("å", 5000)
		n, err := change(d, visittest.Console(), access.CreateCase, func(w *visit.Writer) (int64, error) {
			m := letter(w, "x")
			m.Subject, m.From.Name = long, long
			made, _, err := cases.Create(w, cases.Draft{Queue: d.support.ID, Purpose: "support", Subject: long, Requester: cases.Person{Name: long, Mail: long}}, m)
			return made.Number, err
		})
		d.must(err)
		c := d.read(n)
		if c.Subject != long[:2*cases.MaxSubject] || c.Requester.Name != long[:2*cases.MaxName] || c.Messages[0].From.Name != long[:2*cases.MaxName] {
			d.t.Errorf("cut to %d, %d and %d bytes", len(c.Subject), len(c.Requester.Name), len(c.Messages[0].From.Name))
		}
	})
}

func TestFiles(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.t.Context()
		n := d.create(d.support).Number
		large := bytes.Repeat([]byte("insegel "), 40<<10) // 320 KB: a file of its own
		id, err := change(d, visittest.Console(), access.Reply, func(w *visit.Writer) (string, error) {
			a := cases.Answer{Kind: cases.Note, Author: "a", Body: "se bilagor"}
			for name, b := range map[string][]byte{"small.txt": []byte("liten"), "large.bin": large, "empty": nil} {
				f, err := w.Visit().Spool(bytes.NewReader(b), 1<<20)
				if err != nil {
					return "", err
				}
				a.Files = append(a.Files, cases.NewFile{Draft: f, FileHead: cases.FileHead{Name: name, Type: "application/x"}})
			}
			return cases.Write(ctx, w, n, a)
		})
		d.must(err)
		m := d.read(n).Messages[1]
		if len(m.Files) != 3 || m.ID != id {
			d.t.Fatalf("%+v", m)
		}
		for _, f := range m.Files {
			want := map[string][]byte{"small.txt": []byte("liten"), "large.bin": large, "empty": nil}[f.Name]
			c := d.content(n, id, f.ID)
			if c.Large() != (f.Name == "large.bin") {
				d.t.Errorf("%s lies in the wrong place", f.Name)
			}
			r, err := c.Reader()
			d.must(err)
			got, err := io.ReadAll(r)
			d.must(err)
			d.must(r.Close())
			if !bytes.Equal(got, want) || f.Size != int64(len(want)) {
				d.t.Errorf("%s: %d bytes of %d", f.Name, len(got), len(want))
			}
			if r, err = c.Reader(); err != nil { // left in the middle
				d.t.Fatal(err)
			}
			_, _ = io.ReadFull(r, make([]byte, min(len(want), 100)))
			d.must(r.Close())
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		_, err = visit.View(gone, d.Enter(d.t, visittest.Console(), access.ReadFile), func(r *visit.Reader) (visit.Content, error) {
			_, c, err := cases.Content(gone, r, n, id, m.Files[0].ID)
			return c, err
		})
		if err == nil {
			d.t.Error("a reader who has gone was given a file: its record may not be there")
		}
		for _, c := range [][2]string{{id, id}, {m.Files[0].ID, id}, {d.read(n).Messages[0].ID, m.Files[0].ID}} {
			_, err = view(d, visittest.Console(), access.ReadFile, func(r *visit.Reader) (visit.Content, error) {
				_, b, err := cases.Content(ctx, r, n, c[0], c[1])
				return b, err
			})
			d.refused(err, fault.NotFound, "fault.file.not_found")
		}
	})
}

func (d *desk) content(n int64, message, file string) visit.Content {
	d.t.Helper()
	c, err := view(d, visittest.Console(), access.ReadFile, func(r *visit.Reader) (visit.Content, error) {
		_, b, err := cases.Content(d.t.Context(), r, n, message, file)
		return b, err
	})
	d.must(err)
	return c
}

// TestNumbersHaveNoGaps: sixteen make cases at once, and every third change fails.
func TestNumbersHaveNoGaps(t *testing.T) {
	each(t, func(d *desk) {
		var all sync.WaitGroup
		var mu sync.Mutex
		var numbers []int64
		for i := range 16 {
			v := d.Enter(d.t, visittest.Console(), access.CreateCase)
			all.Go(func() {
				for k := range 6 {
					c, err := visit.Update(d.t.Context(), v, func(w *visit.Writer) (cases.Case, error) {
						c, _, err := cases.Create(w, draft(d.support), letter(w, "hej"))
						if err == nil && (i+k)%3 == 0 {
							err = fmt.Errorf("it failed after its number was given")
						}
						return c, err
					})
					if err == nil {
						mu.Lock()
						numbers = append(numbers, c.Number)
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		slices.Sort(numbers)
		for i, n := range numbers {
			if n != int64(first+i+1) {
				d.t.Fatalf("a gap before %d: %v", n, numbers)
			}
		}
		if len(numbers) != 64 {
			d.t.Errorf("%d cases, want 64", len(numbers))
		}
	})
}

func TestPartiesAndReferences(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.t.Context()
		n := d.create(d.support).Number
		id, err := d.write(n, cases.Answer{Kind: cases.Reply, Author: "a", Body: "svar"})
		d.must(err)
		d.another(n, "Bengt@Example.org")
		in := func(mail string) bool {
			d.t.Helper()
			is, err := view(d, visittest.System(), access.FileMail, func(r *visit.Reader) (bool, error) { return cases.Party(ctx, r, n, mail) })
			d.must(err)
			return is
		}
		for mail, want := range map[string]bool{"anna@example.org": true, "ANNA@EXAMPLE.ORG": true, "bengt@example.org": true, "eve@example.org": false,
			"support@acme.example": false, "": false} {
			if in(mail) != want {
				d.t.Errorf("%q takes part: %v", mail, !want)
			}
		}
		sent := d.read(n).Messages[1]
		refs, err := view(d, visittest.System(), access.FileMail, func(r *visit.Reader) ([]cases.Ref, error) { return cases.ByReference(ctx, r, sent.MessageID) })
		if err != nil || len(refs) != 1 || refs[0].Message != id || refs[0].Case != n || !refs[0].Ours() {
			d.t.Errorf("ours: %+v %v", refs, err)
		}
		// Somebody writes letters with an id that is taken: the one that gave it still comes first, and only it is ours.
		for range 20 {
			_, err := change(d, visittest.System(), access.FileMail, func(w *visit.Writer) (struct{}, error) {
				m := letter(w, "jag är svaret")
				m.MessageID = sent.MessageID
				_, _, err := cases.Create(w, draft(d.support), m)
				return struct{}{}, err
			})
			d.must(err)
		}
		refs, err = view(d, visittest.System(), access.FileMail, func(r *visit.Reader) ([]cases.Ref, error) { return cases.ByReference(ctx, r, sent.MessageID) })
		if err != nil || len(refs) > 16 || refs[0].Case != n || !refs[0].Ours() || refs[1].Ours() {
			d.t.Errorf("taken: %+v %v", refs, err)
		}
	})
}

func TestDeliveries(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.t.Context()
		c := d.create(d.support)
		id, err := change(d, visittest.Console(), access.Reply, func(w *visit.Writer) (string, error) {
			found, key, err := cases.ForUpdate(ctx, w, c.Number)
			m := cases.NewMessage{ID: w.Visit().NewID(), Kind: cases.Reply, Channel: cases.ByMail, Author: "a", Body: "till er alla",
				Head: cases.Head{From: cases.Person{Mail: d.support.Address}, To: []cases.Person{{Mail: "a@x.example"}, {Mail: "b@x.example"}, {Mail: "c@x.example"}}}}
			if err == nil {
				err = cases.Add(w, key, &found, m)
			}
			return m.ID, err
		})
		d.must(err)
		attempt := func(place int64, o cases.Outcome) {
			d.t.Helper()
			_, err := change(d, visittest.System(), access.SendMail, func(w *visit.Writer) (struct{}, error) {
				return struct{}{}, cases.Attempted(ctx, w, c.Number, id, place, o)
			})
			d.must(err)
		}
		state := func() string { return d.read(c.Number).Messages[1].State }
		attempt(0, cases.Outcome{State: cases.Sent, Status: "2.0.0"})
		attempt(1, cases.Outcome{State: cases.Queued, Status: "4.2.2", Detail: "full\x00", Next: d.Clock.Now().Add(time.Minute)})
		if s := state(); s != cases.Queued {
			d.t.Errorf("one waits: %s", s)
		}
		attempt(2, cases.Outcome{State: cases.Failed, Status: "5.1.1", Detail: strings.Repeat("no ", 1000)})
		if s := state(); s != cases.Failed {
			d.t.Errorf("one failed: %s", s)
		}
		attempt(1, cases.Outcome{State: cases.Sent, Status: "2.0.0"})
		m := d.read(c.Number).Messages[1]
		if m.State != cases.Failed || len(m.Deliveries) != 3 || m.Deliveries[1].Tries != 2 || m.Deliveries[1].To.Mail != "b@x.example" || len(m.Deliveries[2].Detail) != 1000 {
			d.t.Errorf("%+v", m)
		}
		done, err := view(d, visittest.System(), access.SendMail, func(r *visit.Reader) (done bool, err error) {
			_, _, _, done, err = cases.ToSend(ctx, r, id, 1)
			return done, err
		})
		if err != nil || !done {
			d.t.Errorf("what was sent would be sent again: %v", err)
		}
		done, err = view(d, visittest.System(), access.SendMail, func(r *visit.Reader) (done bool, err error) {
			_, _, _, done, err = cases.ToSend(ctx, r, d.IDs.New(), 0)
			return done, err
		})
		if err != nil || !done {
			d.t.Errorf("a message that is not there: %v", err)
		}
	})
}
