package casepages

import (
	"net/http"
	"slices"
	"strings"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// pageSize is how many rows a list shows at once.
const pageSize = 50

// list shows the cases of a view, filtered, a page at a time.
func (p Pages) list(q *kit.Request) error {
	v := readList(q)
	var page []cases.Case
	var d desk
	err := q.Read(func(r *visit.Reader) (err error) {
		if page, v.Next, err = cases.List(q.Context(), r, v.filter(q.Visit.Actor().Account), v.Cursor, pageSize); err != nil {
			return err
		}
		if len(page) == 0 && v.Cursor == "" && !v.Filter.any() && (v.View == AllOpen || v.View == All) {
			any, _, err := cases.List(q.Context(), r, cases.Filter{}, "", 1)
			if err != nil {
				return err
			}
			v.FirstRun = len(any) == 0
		}
		d, err = readDesk(q.Context(), r, assigneesOf(page)...)
		return err
	})
	if err != nil {
		return err
	}
	v.Page = q.Page(q.Lang.T("case.list.title"))
	v.Queues, v.Assignees, v.CanCreate = d.queueOptions(""), d.peopleOptions(), q.May(access.CreateCase)
	for _, c := range page {
		v.Rows = append(v.Rows, rowOf(q, d, c))
	}
	if v.FirstRun && len(d.queues) > 0 {
		v.Address = d.queues[0].Address
	}
	return q.Render(http.StatusOK, Cases(v))
}

// readList reads the view and the filters from the address.
func readList(q *kit.Request) List {
	query := q.R.URL.Query()
	v := List{View: View(query.Get("view")), Cursor: query.Get("cursor"),
		Filter: Filter{Queue: query.Get("queue"), State: query.Get("state"), Assignee: query.Get("assignee")}}
	if !slices.Contains(Views(), v.View) {
		v.View = AllOpen
	}
	return v
}

// filter says to the cases room what the view and the filters mean. Who asks for a state that is done means it, whatever the view.
func (v List) filter(me string) cases.Filter {
	live := true
	f := cases.Filter{Live: &live, State: cases.State(v.Filter.State), Queue: v.Filter.Queue, Assignee: v.Filter.Assignee}
	switch v.View {
	case Mine:
		f.Assignee = me
	case Unassigned:
		f.Assignee = cases.Nobody
	case All:
		f.Live = nil
	}
	if f.State != "" && !f.State.Live() {
		live = false
	}
	return f
}

func assigneesOf(page []cases.Case) (ids []string) {
	for _, c := range page {
		ids = append(ids, c.Assignee)
	}
	return ids
}

func rowOf(q *kit.Request, d desk, c cases.Case) Row {
	r := Row{Number: c.Number, Subject: c.Subject, Erased: c.Erased, From: c.Requester.Name, Queue: d.queueName(c.Queue), State: State(c.State),
		Priority: Priority(c.Priority), Assignee: d.names[c.Assignee], Updated: c.Updated, Due: c.Due}
	if r.From == "" {
		r.From = c.Requester.Mail
	}
	return r
}

func compareNames(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }
