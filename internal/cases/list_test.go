package cases_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/purpose"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func (d *desk) page(f cases.Filter, cursor string, limit int) (page []cases.Case, next string, err error) {
	d.t.Helper()
	page, err = view(d, visittest.Console(), access.ListCases, func(r *visit.Reader) (page []cases.Case, err error) {
		page, next, err = cases.List(d.t.Context(), r, f, cursor, limit)
		return page, err
	})
	return page, next, err
}

func (d *desk) list(f cases.Filter, cursor string, limit int) []cases.Case {
	d.t.Helper()
	page, _, err := d.page(f, cursor, limit)
	d.must(err)
	return page
}

func numbers(page []cases.Case) (all []int64) {
	for _, c := range page {
		all = append(all, c.Number-first)
	}
	return all
}

func TestFilters(t *testing.T) {
	each(t, func(d *desk) {
		who := d.IDs.New()
		for i := range 8 { // 1001…1008, each a second after the other
			d.Clock.Add(time.Second)
			q := d.support
			if i%4 == 3 {
				q = d.security
			}
			c := d.create(q)
			switch i % 4 {
			case 1:
				_, err := d.alter(c.Number, cases.Change{Assignee: &who})
				d.must(err)
			case 2:
				_, err := d.alter(c.Number, cases.Change{State: to(cases.Closed), Assignee: &who})
				d.must(err)
			}
		}
		since := d.Clock.Now().Add(-2 * time.Second)
		for name, c := range map[string]struct {
			f    cases.Filter
			want []int64
		}{
			"all":              {cases.Filter{}, []int64{8, 7, 6, 5, 4, 3, 2, 1}},
			"live":             {cases.Filter{Live: to(true)}, []int64{8, 6, 5, 4, 2, 1}},
			"not live":         {cases.Filter{Live: to(false)}, []int64{7, 3}},
			"state":            {cases.Filter{State: cases.Closed}, []int64{7, 3}},
			"state and queue":  {cases.Filter{State: cases.New, Queue: d.security.ID}, []int64{8, 4}},
			"queue":            {cases.Filter{Queue: d.security.ID}, []int64{8, 4}},
			"queue and live":   {cases.Filter{Queue: d.support.ID, Live: to(true)}, []int64{6, 5, 2, 1}},
			"somebody's":       {cases.Filter{Assignee: who}, []int64{6, 2}},
			"somebody's done":  {cases.Filter{Assignee: who, Live: to(false)}, []int64{7, 3}},
			"nobody's":         {cases.Filter{Assignee: cases.Nobody}, []int64{8, 5, 4, 1}},
			"nobody's, queue":  {cases.Filter{Assignee: cases.Nobody, Queue: d.support.ID}, []int64{5, 1}},
			"since":            {cases.Filter{UpdatedSince: since}, []int64{8, 7, 6}},
			"since and closed": {cases.Filter{UpdatedSince: since, State: cases.Closed}, []int64{7}},
			"unheard of":       {cases.Filter{Queue: "\x00'; DROP TABLE cases"}, nil},
		} {
			if got := numbers(d.list(c.f, "", 50)); !slices.Equal(got, c.want) {
				d.t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
		_, _, err := d.page(cases.Filter{State: "x"}, "", 50)
		d.refused(err, fault.Invalid, "fault.case.state")
		for _, limit := range []int{0, -1, cases.MaxPage + 1} {
			_, _, err = d.page(cases.Filter{}, "", limit)
			d.refused(err, fault.Invalid, "fault.list.limit")
		}
		for _, cursor := range []string{"x", "!", "MTIz", "eC55", "MS4y.MS4y"} {
			_, _, err = d.page(cases.Filter{}, cursor, 10)
			d.refused(err, fault.Invalid, "fault.list.cursor")
		}
	})
}

// TestCursorsStand: who pages through a list while cases are made and changed sees each that stood still once.
func TestCursorsStand(t *testing.T) {
	each(t, func(d *desk) {
		for i := range 30 {
			if i%5 != 0 { // some are of the same moment
				d.Clock.Add(time.Second)
			}
			d.create(d.support)
		}
		seen := map[int64]int{}
		moved := map[int64]bool{}
		cursor, rounds := "", 0
		for {
			rounds++
			page, next, err := d.page(cases.Filter{}, cursor, 4)
			d.must(err)
			for _, c := range page {
				seen[c.Number-first]++
			}
			if next == "" {
				break
			}
			cursor = next
			d.Clock.Add(time.Second)
			d.create(d.support) // above what was read
			if n := int64(rounds); rounds < 7 {
				moved[n], moved[31-n] = true, true // one not yet read goes up, and one that was
				for _, k := range []int64{n, 31 - n} {
					_, err := d.alter(first+k, cases.Change{Priority: to(cases.High)})
					d.must(err)
				}
			}
		}
		for n := int64(1); n <= 30; n++ {
			if seen[n] > 1 || seen[n] == 0 && !moved[n] {
				d.t.Errorf("case %d was seen %d times", n, seen[n])
			}
		}
		if rounds > 10 {
			d.t.Errorf("%d pages: the list grew under its reader", rounds)
		}
	})
}

// TestManyPurposes: a tenant with a long register still has lists.
func TestManyPurposes(t *testing.T) {
	each(t, func(d *desk) {
		_, err := change(d, visittest.Console(), access.CreatePurpose, func(w *visit.Writer) (struct{}, error) {
			for i := range 40 {
				if err := purpose.Register(w, purpose.Purpose{ID: fmt.Sprintf("p%d", i), Basis: "task", Class: purpose.InternalData,
					Readers: access.Roles(), TakesMail: true}, d.Clock.Now()); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, nil
		})
		d.must(err)
		oldest := d.create(d.queue("p39"))
		newest := d.create(d.support)
		if got := numbers(d.list(cases.Filter{}, "", 10)); !slices.Equal(got, []int64{newest.Number - first, oldest.Number - first}) {
			d.t.Errorf("%v", got)
		}
	})
}

// TestLongThread: in a case of more messages than a page reads, the newest are there, and are sent.
func TestLongThread(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.t.Context()
		c := d.create(d.support)
		for range 21 {
			_, err := change(d, visittest.Console(), access.Note, func(w *visit.Writer) (struct{}, error) {
				found, key, err := cases.ForUpdate(ctx, w, c.Number)
				for range 100 {
					if err == nil {
						err = cases.Add(w, key, &found, cases.NewMessage{ID: w.Visit().NewID(), Kind: cases.Note, Channel: cases.ByWeb, Author: "a", Body: "x"})
					}
				}
				return struct{}{}, err
			})
			d.must(err)
		}
		d.Clock.Add(time.Second)
		d.another(c.Number, "bengt@example.org")
		d.Clock.Add(time.Second)
		id, err := d.write(c.Number, cases.Answer{Kind: cases.Reply, Author: "a", Body: "svar"})
		d.must(err)
		m, err := view(d, visittest.System(), access.SendMail, func(r *visit.Reader) (cases.Message, error) {
			_, m, _, done, err := cases.ToSend(ctx, r, id, 0)
			if done {
				d.t.Error("an answer far down a thread is taken for sent")
			}
			return m, err
		})
		d.must(err)
		if m.ID != id || len(m.To) != 1 || m.To[0].Mail != "bengt@example.org" {
			d.t.Errorf("%+v", m)
		}
		got := d.read(c.Number)
		if n := len(got.Messages); n != 2000 || got.Messages[n-1].ID != id || got.Case.Messages != 2103 {
			d.t.Errorf("%d messages shown of %d", n, got.Case.Messages)
		}
	})
}
