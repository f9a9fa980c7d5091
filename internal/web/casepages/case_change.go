package casepages

import (
	"net/http"
	"slices"
	"strconv"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/queue"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// change sets what a form names of state, assignee, priority and queue, against the case as its page showed it. If somebody else
// changed it meanwhile nothing is written: the page says what they did, and the form keeps what was chosen.
func (p Pages) change(q *kit.Request) error {
	n, err := q.Number("number")
	if err != nil {
		return err
	}
	f, err := q.Form()
	if err != nil {
		return err
	}
	_, err = visit.Update(q.Context(), q.Visit, func(w *visit.Writer) (struct{}, error) { return struct{}{}, alter(q, w, n, f) })
	if err != nil && fault.Of(err).Key == "fault.case.changed" {
		return p.changeAgain(q, n, f)
	}
	if err != nil {
		return err
	}
	q.Flash(kit.Success, "case.flash.changed")
	return q.Redirect(caseURL(n))
}

func alter(q *kit.Request, w *visit.Writer, n int64, f *kit.Form) error {
	c, err := cases.Get(q.Context(), &w.Reader, n)
	if err != nil {
		return err
	}
	if !sameBase(c, f) {
		return fault.New(fault.Conflict, "fault.case.changed", "number", n)
	}
	ch := cases.Change{Version: c.Version}
	if f.Has("state") {
		s := cases.State(f.Get("state"))
		ch.State = &s
	}
	if f.Has("priority") {
		i, _ := strconv.ParseInt(f.Get("priority"), 10, 64)
		pr := cases.Priority(i)
		ch.Priority = &pr
	}
	if f.Has("assignee") {
		who := f.Get("assignee")
		if err := canBeGiven(q, w, who, c.Assignee); err != nil {
			return err
		}
		ch.Assignee = &who
	}
	if f.Has("queue") {
		to, err := queue.Get(q.Context(), &w.Reader, f.Get("queue"))
		if err != nil {
			return err
		}
		ch.Queue, ch.Purpose = &to.ID, to.Purpose
	}
	_, err = cases.Alter(q.Context(), w, n, ch)
	return err
}

// sameBase tells whether the case still is what the form was made against. A form without the fields it showed must have the
// version: letters that went out meanwhile count in that, though nobody chose anything.
func sameBase(c cases.Case, f *kit.Form) bool {
	if base := f.Get("base"); base != "" {
		return base == baseOf(string(c.State), number(int64(c.Priority)), c.Queue, c.Assignee)
	}
	return f.Get("version") == number(c.Version)
}

// canBeGiven tells whether a case can be given to an account: to nobody, to whoever has it, and to who can log in.
func canBeGiven(q *kit.Request, w *visit.Writer, who, has string) error {
	if who == "" || who == has {
		return nil
	}
	all, err := access.Members(q.Context(), w)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(m access.Member) bool { return m.Account == who && m.Active }) {
		return fault.New(fault.Invalid, "fault.invalid")
	}
	return nil
}

// changeAgain shows the case as it is now, what the other did, and the form as it was filled in.
func (p Pages) changeAgain(q *kit.Request, n int64, f *kit.Form) error {
	if err := q.As(access.ReadCase); err != nil {
		return err
	}
	return p.showCase(q, n, http.StatusConflict, func(v *Case, s shown) {
		c := v.chosen()
		for name, to := range map[string]*string{"state": &c.State, "assignee": &c.Assignee, "priority": &c.Priority, "queue": &c.Queue} {
			if f.Has(name) {
				*to = f.Get(name)
			}
		}
		v.Chosen, v.Meanwhile = &c, doneSince(q, s, f.Get("since"))
	})
}

// doneSince tells in words what was done with a case since its page was shown.
func doneSince(q *kit.Request, s shown, since string) (out []string) {
	from, err := strconv.ParseInt(since, 10, 64)
	if err != nil {
		return nil
	}
	for _, a := range slices.Backward(s.acts) {
		if a.At.UnixMicro() <= from {
			continue
		}
		who := s.names[accountOf(a.Actor)]
		for _, e := range events(q, s, a) {
			out = append(out, q.Lang.T("desk.conflict.change", "name", e.who(), "what", q.Lang.T("case.event."+string(e.What), "from", e.From, "to", e.To)))
		}
		switch {
		case a.Action == access.FileMail.Name():
			out = append(out, q.Lang.T("desk.conflict.letter"))
		case who != "" && a.Action != access.ChangeCase.Name():
			out = append(out, q.Lang.T("desk.conflict.said", "name", who))
		}
	}
	return out
}
