package casepages

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"insegel/internal/cases"
	"insegel/internal/lang"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// logPage is how many records a page of a case's log shows.
const logPage = 100

// logFields are the clear fields of a record that a line tells, in their order.
func logFields() []string {
	return []string{"state", "priority", "queue", "assignee", "delivery", "why", "erased"}
}

// log is who did what with a case, when and from where.
func (p Pages) log(q *kit.Request) error {
	n, err := q.Number("number")
	if err != nil {
		return err
	}
	below, _ := strconv.ParseInt(q.R.URL.Query().Get("below"), 10, 64)
	var lines []visit.Line
	var d desk
	err = q.Read(func(r *visit.Reader) (err error) {
		if _, err = cases.Get(q.Context(), r, n); err != nil {
			return err
		}
		if lines, err = r.Log(q.Context(), n, below, logPage); err != nil {
			return err
		}
		var ids []string
		for _, l := range lines {
			ids = append(ids, accountOf(l.Actor), l.Act.Set["assignee"], l.Act.Was["assignee"])
		}
		d, err = readDesk(q.Context(), r, ids...)
		return err
	})
	if err != nil {
		return err
	}
	v := Log{Page: q.Page(q.Lang.T("case.log.title", "number", number(n))), Number: n}
	for _, l := range lines {
		v.Rows = append(v.Rows, logRow(q, d, l))
	}
	if len(lines) == logPage && lines[logPage-1].Seq > 0 {
		v.Next = caseURL(n) + "/log?below=" + number(lines[logPage-1].Seq)
	}
	if below > 0 {
		v.First = caseURL(n) + "/log"
	}
	return q.Render(http.StatusOK, CaseLog(v))
}

func logRow(q *kit.Request, d desk, l visit.Line) LogRow {
	row := LogRow{At: l.At, Who: actorWords(q.Lang, d, l.Actor), What: ActWords(q.Lang, l.Action), From: l.Address, FromErased: l.AddressErased,
		DetailGone: l.ChangesErased, Record: l.Seq}
	row.WhoErased = row.Who == ""
	var said []string
	for _, field := range logFields() {
		if s := changeWords(q, d, l, field); s != "" {
			said = append(said, s)
		}
	}
	if why, ok := strings.CutPrefix(l.Act.Result, "refused: "); ok {
		said = append(said, q.Lang.T("log.refused", "why", q.Lang.T(why)))
	}
	row.Detail = strings.Join(said, "; ")
	return row
}

// changeWords says one clear field's before and after.
func changeWords(q *kit.Request, d desk, l visit.Line, field string) string {
	is, set := l.Act.Set[field]
	was, had := l.Act.Was[field]
	switch {
	case !set || is == was:
		return ""
	case field == "erased":
		return q.Lang.T("log.field.erased")
	case field == "delivery":
		return q.Lang.T("log.field.delivery") + ": " + d.value(q, field, is)
	case field == "why":
		return wordsOr(q.Lang, "desk.why.", is)
	case !had && is == "":
		return "" // a new case that nobody has
	}
	s := q.Lang.T("case.label."+field) + ": "
	if had {
		s += d.value(q, field, was) + " → "
	}
	return s + d.value(q, field, is)
}

// actorWords names who acted. The log has an id; what a person is called lies with the account.
func actorWords(l lang.Lang, d desk, actor string) string {
	kind, name, _ := strings.Cut(actor, ":")
	switch kind {
	case "account":
		return d.names[name]
	case "token":
		return l.T("log.who.token")
	case "console":
		return l.T("log.who.console", "name", name)
	case "public":
		return l.T("log.who.public")
	}
	if slices.Contains([]string{"system"}, kind) {
		return kit.Product
	}
	return actor
}
