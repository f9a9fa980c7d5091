package casepages

import (
	"net/http"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/cases"
	"insegel/internal/lang"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// maxEvents is how many changes a case's page tells; the log has them all.
const maxEvents = 300

// changing are the actions whose records the timeline tells.
var changing = audit.Acts{access.ChangeCase.Name(), access.Reply.Name(), access.Note.Name(), access.FileMail.Name()}

// shown is a case with all that its page needs.
type shown struct {
	cases.Thread
	desk
	acts    []audit.Entry
	belongs []Ref
	to      string // where a reply goes; empty: nowhere
}

// show is one case.
func (p Pages) show(q *kit.Request) error {
	n, err := q.Number("number")
	if err != nil {
		return err
	}
	return p.showCase(q, n, http.StatusOK, func(*Case, shown) {})
}

// showCase shows a case, in a visit of access.ReadCase; with may put into it what a form brought back.
func (p Pages) showCase(q *kit.Request, n int64, status int, with func(*Case, shown)) error {
	s, err := readCase(q, n)
	if err != nil {
		return err
	}
	v := caseView(q, s)
	with(&v, s)
	return q.Render(status, Show(v))
}

func readCase(q *kit.Request, n int64) (s shown, err error) {
	ctx := q.Context()
	err = q.Read(func(r *visit.Reader) (err error) {
		if s.Thread, err = cases.Read(ctx, r, n); err != nil {
			return err
		}
		if s.acts, err = audit.Done(ctx, r, n, changing, maxEvents); err != nil {
			return err
		}
		if s.MayBelong != 0 {
			if other, err := cases.Get(ctx, r, s.MayBelong); err == nil {
				s.belongs = []Ref{{Number: other.Number, Subject: other.Subject}}
			}
			r.Case(n) // the record is about this one
		}
		s.desk, err = readDesk(ctx, r, s.mentioned()...)
		return err
	})
	if err != nil {
		return s, err
	}
	if q, ok := s.queue(s.Queue); ok && !s.Erased {
		if h, err := cases.Address(&s.Case, s.Messages, q, ""); err == nil {
			s.to = h.To[0].Mail
		}
	}
	return s, nil
}

// mentioned lists the accounts that the page names.
func (s shown) mentioned() []string {
	ids := []string{s.Assignee}
	for _, m := range s.Messages {
		ids = append(ids, m.Author)
	}
	for _, a := range s.acts {
		ids = append(ids, accountOf(a.Actor), a.Act.Was["assignee"], a.Act.Set["assignee"])
	}
	return ids
}

func caseView(q *kit.Request, s shown) Case {
	c := s.Case
	title := number(c.Number)
	if c.Subject != "" {
		title += " " + c.Subject
	}
	v := Case{Page: q.Page(title), Number: c.Number, Subject: c.Subject, Erased: c.Erased, State: State(c.State), Priority: Priority(c.Priority),
		Queue: s.queueName(c.Queue), QueueID: c.Queue, Assignee: s.names[c.Assignee], AssigneeID: c.Assignee, Me: q.Visit.Actor().Account,
		Version: number(c.Version), Created: c.Created, Updated: c.Updated, Due: c.Due, Purpose: wordsOr(q.Lang, "desk.purpose.", c.Purpose),
		Person: Person{Name: c.Requester.Name, Email: c.Requester.Mail}, MayBelong: s.belongs,
		Queues: s.queueOptions(c.Purpose), Assignees: s.peopleOptions(), CanHandle: q.May(access.ChangeCase), CanLog: q.May(access.ShowLog),
		Reply: Reply{Kind: Out, To: s.to, Nonce: q.Visit.NewID()}}
	v.Path = caseURL(c.Number)
	v.Items = items(q, s)
	if len(s.Messages) > 0 {
		v.Channel = wordsOr(q.Lang, "desk.channel.", string(s.Messages[0].Channel))
	}
	if s.to == "" {
		v.Reply.Kind = Note
	}
	if c.Assignee != "" && v.Assignee == "" {
		v.Assignee = q.Lang.T("log.who.gone")
	}
	return v
}

// wordsOr says a machine word if the catalogues have it, else the word itself.
func wordsOr(l lang.Lang, prefix, word string) string {
	if word == "" || !lang.Has(prefix+word) {
		return word
	}
	return l.T(prefix + word)
}
