package accountpages

import (
	"net/http"
	"strings"

	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/web/kit"
)

// login shows the door.
func (p Pages) login(q *kit.Request) error {
	query := q.R.URL.Query()
	v := Login{Page: frame(q, "account.title.login"), Next: kit.Local(query.Get("next")), LogOut: query.Get("out") != ""}
	return q.Render(http.StatusOK, LogIn(v))
}

// logIn tries an address and a password. The answer is the same for an address that nobody has (ASVS 6.3.8).
func (p Pages) logIn(q *kit.Request) error {
	f, err := q.Form()
	if err != nil {
		return err
	}
	v := Login{Page: frame(q, "account.title.login"), Email: f.Text("email"), Next: kit.Local(f.Get("next")), Keep: kit.ReadResume(f)}
	password := f.Get("password")
	if v.Errors = missing(q, v.Email, password); len(v.Errors) > 0 {
		return q.Render(http.StatusUnprocessableEntity, LogIn(v))
	}
	s, err := p.door.Login(q.Context(), q.Visit, account.Attempt{Mail: v.Email, Password: password, Previous: q.Previous()})
	switch kind := fault.KindOf(err); {
	case err == nil:
	case kind == fault.Unknown:
		v.Failure = Wrong
		return q.Render(http.StatusUnauthorized, LogIn(v))
	case kind == fault.TooMany:
		v.Failure, v.Retry = Throttled, account.RetryAfter(err)
		q.W.Header().Set("Retry-After", seconds(v.Retry))
		return q.Render(http.StatusTooManyRequests, LogIn(v))
	default:
		return err
	}
	q.Remember(s.Secret)
	if len(v.Keep.Fields) > 0 {
		return q.Render(http.StatusOK, Resume(Resumed{Page: frame(q, "desk.resume.title"), Keep: v.Keep}))
	}
	if v.Next == "" {
		v.Next = "/cases"
	}
	return q.Redirect(v.Next)
}

// missing tells what was left empty.
func missing(q *kit.Request, email, password string) (errs kit.Errors) {
	if !strings.Contains(email, "@") {
		errs = append(errs, kit.FieldError{Name: "email", Text: q.Lang.T("account.error.email")})
	}
	if password == "" {
		errs = append(errs, kit.FieldError{Name: "password", Text: q.Lang.T("account.error.password")})
	}
	return errs
}
