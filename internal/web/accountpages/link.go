package accountpages

import (
	"net/http"
	"strconv"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/web/kit"
)

// token reads a link's secret from the path. What has not its form was never one of ours.
func token(q *kit.Request) string {
	t := q.R.PathValue("token")
	if len(t) > 100 {
		return ""
	}
	return t
}

// link shows what a link is good for: choosing a password, or asking for another link.
func (p Pages) link(q *kit.Request) error { return p.show(q, nil) }

func (p Pages) show(q *kit.Request, errs kit.Errors) error {
	t := token(q)
	l, err := account.ShowLink(q.Context(), q.Visit, t)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return q.Render(http.StatusNotFound, LinkGone(Gone{Page: frame(q, "account.title.gone"), Purpose: Reset, Why: Unknown}))
	}
	if err != nil {
		return err
	}
	if l.State != account.Valid {
		return q.Render(http.StatusGone, LinkGone(p.gone(q, l)))
	}
	v := Choose{Page: frame(q, "account.title.choose"), Purpose: purposeOf(l), Email: l.Mail, Action: "/link/" + t, MinLength: p.door.MinLength(),
		Until: inZone(q, l.Expires), Errors: errs}
	status := http.StatusOK
	if len(errs) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return q.Render(status, ChoosePassword(v))
}

func (p Pages) gone(q *kit.Request, l account.Link) Gone {
	v := Gone{Page: frame(q, "account.title.gone"), Purpose: purposeOf(l), Why: Expired, Renew: "/link/" + token(q) + "/new"}
	if l.State == account.Used {
		v.Why = Used
	}
	return v
}

func purposeOf(l account.Link) Purpose {
	if l.Kind == account.Invitation {
		return Invitation
	}
	return Reset
}

// choose sets the password, once for each link. Nobody is logged in by it.
func (p Pages) choose(q *kit.Request) error {
	f, err := q.Form()
	if err != nil {
		return err
	}
	password := f.Get("password")
	if password != f.Get("repeat") {
		return p.again(q, kit.FieldError{Name: "repeat", Text: q.Lang.T("account.error.repeat")})
	}
	err = p.door.ChoosePassword(q.Context(), q.Visit, account.Choice{Token: token(q), Password: password, Words: []string{q.Tenant.Name, q.Tenant.Slug}})
	switch kind := fault.KindOf(err); {
	case err == nil:
		q.Forget()
		q.Flash(kit.Success, "desk.flash.chosen")
		return q.Redirect("/login")
	case kind == fault.Invalid:
		return p.again(q, kit.FieldError{Name: "password", Text: p.refused(q, err)})
	case kind == fault.Conflict, kind == fault.NotFound:
		return p.again(q)
	}
	return err
}

// again shows the link once more, with what was wrong.
func (p Pages) again(q *kit.Request, errs ...kit.FieldError) error {
	if err := q.As(access.ShowLink); err != nil {
		return err
	}
	return p.show(q, errs)
}

// refused says why a password was not taken.
func (p Pages) refused(q *kit.Request, err error) string {
	f := fault.Of(err)
	if n, ok := f.Args["count"].(int); ok {
		return q.Lang.T(f.Key, "count", n)
	}
	return q.Lang.T(f.Key)
}

// renew mails a new link to the address of one that is used up or too old.
func (p Pages) renew(q *kit.Request) error {
	t := token(q)
	err := p.door.Renew(q.Context(), q.Visit, t)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err := q.As(access.ShowLink); err != nil {
		return err
	}
	l, err := account.ShowLink(q.Context(), q.Visit, t)
	if err != nil {
		return p.show(q, nil)
	}
	v := p.gone(q, l)
	v.Sent = true
	return q.Render(http.StatusOK, LinkGone(v))
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
