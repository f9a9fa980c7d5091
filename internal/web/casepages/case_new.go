package casepages

import (
	"net/http"
	"strconv"

	"insegel/internal/cases"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// form shows the form for a case that somebody brings otherwise than by letter.
func (p Pages) form(q *kit.Request) error {
	return p.showForm(q, NewCase{Priority: Normal, Nonce: q.Visit.NewID()}, http.StatusOK)
}

func (p Pages) showForm(q *kit.Request, v NewCase, status int) error {
	var d desk
	err := q.Read(func(r *visit.Reader) (err error) {
		d, err = readDesk(q.Context(), r)
		return err
	})
	if err != nil {
		return err
	}
	v.Page = q.Page(q.Lang.T("case.new.title"))
	v.Width, v.Path = kit.Middle, "/cases/new"
	v.Queues = d.queueOptions("")
	v.Command = "insegel queue create --tenant " + q.Tenant.Slug + " support --address support@example.org --purpose support"
	return q.Render(status, Create(v))
}

// create makes the case. The same form sent twice makes one.
func (p Pages) create(q *kit.Request) error {
	f, err := q.Form()
	if err != nil {
		return err
	}
	v := NewCase{Queue: f.Get("queue"), Name: f.Text("name"), Email: f.Text("email"), Subject: f.Text("subject"), Body: f.Long("body"), Nonce: f.Get("nonce")}
	n, _ := strconv.ParseInt(f.Get("priority"), 10, 64)
	if v.Priority = Priority(n); !cases.Priority(n).Valid() {
		v.Priority = Normal
	}
	if v.Errors = v.faults(q, f); len(v.Errors) > 0 {
		return p.showForm(q, v, http.StatusUnprocessableEntity)
	}
	var d desk
	err = q.Read(func(r *visit.Reader) (err error) {
		d.queues, err = queues(q.Context(), r)
		return err
	})
	if err != nil {
		return err
	}
	in, ok := d.queue(v.Queue)
	if !ok {
		v.Errors = kit.Errors{{Name: "queue", Text: q.Lang.T("fault.queue.not_found")}}
		return p.showForm(q, v, http.StatusUnprocessableEntity)
	}
	who := cases.Person{Name: v.Name, Mail: v.Email}
	draft := cases.Draft{Queue: in.ID, Purpose: in.Purpose, Subject: v.Subject, Requester: who, Priority: cases.Priority(v.Priority)}
	first := cases.NewMessage{ID: q.Visit.NewID(), Kind: cases.Incoming, Channel: cases.ByWeb, Head: cases.Head{Subject: v.Subject, From: who}, Body: v.Body, Files: uploads(f)}
	done, err := once(q, "/cases", v.Nonce, func(w *visit.Writer) (string, error) {
		c, _, err := cases.Create(w, draft, first)
		return number(c.Number), err
	})
	if err != nil {
		return err
	}
	q.Flash(kit.Success, done.flash("case.flash.created"))
	return q.Redirect("/cases/" + done.ref)
}

// faults tells what is missing, in the order of the fields.
func (v NewCase) faults(q *kit.Request, f *kit.Form) (errs kit.Errors) {
	say := func(name, text string) { errs = append(errs, kit.FieldError{Name: name, Text: text}) }
	if mailmsg.NormalizeAddress(v.Email) == "" {
		say("email", q.Lang.T("case.error.email"))
	}
	if v.Subject == "" {
		say("subject", q.Lang.T("case.error.subject"))
	}
	if len(v.Body) == 0 {
		say("body", q.Lang.T("case.error.body"))
	}
	if len(v.Body) > cases.MaxBody {
		say("body", q.Lang.T("fault.too_large"))
	}
	if f.TooLarge != "" {
		say("files", q.Lang.T("case.error.file_large", "name", f.TooLarge, "limit", q.Lang.Bytes(kit.MaxFiles)))
	}
	return errs
}
