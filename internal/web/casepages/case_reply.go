package casepages

import (
	"net/http"
	"slices"
	"strings"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// reply writes a reply to the person outside, or a note for colleagues, and the state that the case has after it. The same form
// sent twice writes once; what was typed comes back with whatever was wrong.
func (p Pages) reply(q *kit.Request) error {
	n, err := q.Number("number")
	if err != nil {
		return err
	}
	f, err := q.Form()
	if err != nil {
		return err
	}
	a := cases.Answer{Kind: cases.Reply, Channel: cases.ByWeb, Author: q.Visit.Actor().Account, Body: f.Long("body"), Files: uploads(f)}
	if f.Get("kind") == "note" {
		a.Kind = cases.Note
		if err := q.As(access.Note); err != nil {
			return err
		}
	}
	if s := cases.State(f.Get("state")); s != "" {
		a.State = &s
	}
	if errs := replyFaults(q, f); len(errs) > 0 {
		return p.replyAgain(q, n, f, http.StatusUnprocessableEntity, errs)
	}
	done, err := once(q, caseURL(n), f.Get("nonce"), func(w *visit.Writer) (string, error) {
		if err := unread(q, w, n, a.Kind, f.Get("seen")); err != nil {
			return "", err
		}
		return cases.Write(q.Context(), w, n, a)
	})
	if errs := said(q, err); len(errs) > 0 {
		return p.replyAgain(q, n, f, fault.KindOf(err).HTTP(), errs)
	}
	if err != nil {
		return err
	}
	key := "case.flash.replied"
	if a.Kind == cases.Note {
		key = "case.flash.noted"
	}
	q.Flash(kit.Success, done.flash(key))
	return q.Redirect(caseURL(n) + "#m-" + done.ref)
}

// replyFaults tells what is missing or too much.
func replyFaults(q *kit.Request, f *kit.Form) (errs kit.Errors) {
	if strings.TrimSpace(f.Get("body")) == "" {
		errs = append(errs, kit.FieldError{Name: "body", Text: q.Lang.T("case.error.body")})
	}
	if len(f.Get("body")) > cases.MaxBody {
		errs = append(errs, kit.FieldError{Name: "body", Text: q.Lang.T("fault.too_large")})
	}
	if f.TooLarge != "" {
		errs = append(errs, kit.FieldError{Name: "files", Text: q.Lang.T("case.error.file_large", "name", f.TooLarge, "limit", q.Lang.Bytes(kit.MaxFiles))})
	}
	return errs
}

// said puts what the cases room refused into words beside the text.
func said(q *kit.Request, err error) kit.Errors {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	key := ""
	switch f.Key {
	case "fault.message.no_recipient", "fault.message.to_ourselves":
		key = "desk.error.no_recipient"
	case "fault.case.closed":
		key = "desk.error.closed"
	case "fault.case.changed":
		key = "desk.error.changed"
	default:
		return nil
	}
	return kit.Errors{{Name: "body", Text: q.Lang.T(key)}}
}

// unread refuses a reply to a case in which something was said that its writer has not seen. A page that does not tell what it
// showed is not asked.
func unread(q *kit.Request, w *visit.Writer, n int64, kind cases.MessageKind, seen string) error {
	if kind != cases.Reply || seen == "" {
		return nil
	}
	t, err := cases.Read(q.Context(), &w.Reader, n)
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(t.Messages) {
		if m.Kind == cases.Incoming || m.Kind == cases.Reply {
			if m.ID != seen {
				return fault.New(fault.Conflict, "fault.case.changed", "number", n)
			}
			break
		}
	}
	return nil
}

// replyAgain shows the case with what was typed.
func (p Pages) replyAgain(q *kit.Request, n int64, f *kit.Form, status int, errs kit.Errors) error {
	if err := q.As(access.ReadCase); err != nil {
		return err
	}
	return p.showCase(q, n, status, func(v *Case, s shown) {
		v.Reply.Body, v.Reply.After = f.Long("body"), State(f.Get("state"))
		if f.Get("kind") == "note" {
			v.Reply.Kind = Note
		} else {
			v.Reply.Kind = Out
		}
		v.Errors = errs
		if len(f.Files) > 0 && f.TooLarge == "" {
			v.Errors = append(v.Errors, kit.FieldError{Name: "files", Text: q.Lang.T("desk.resume.files")})
		}
		if status == http.StatusConflict {
			v.Meanwhile = doneSince(q, s, f.Get("since"))
		}
	})
}
