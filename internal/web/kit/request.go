package kit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/lang"
	"insegel/internal/tenant"
	"insegel/internal/visit"
)

// Request is one request of one person in one tenant: a visit, and what a handler answers with.
type Request struct {
	W      http.ResponseWriter
	R      *http.Request
	Visit  *visit.Visit
	Tenant tenant.Customer
	Lang   lang.Lang
	Now    time.Time // in the reader's zone

	d      *Desk
	route  Route
	id     string // of the log line, and the reference of a problem page
	from   Client
	sent   *recorder
	me     *Me
	role   access.Role
	actor  string
	visits []*visit.Visit
	drafts []*visit.Draft
}

func (d *Desk) begin(w http.ResponseWriter, r *http.Request, rt Route) *Request {
	sent := &recorder{ResponseWriter: w}
	q := &Request{W: sent, R: r, d: d, route: rt, id: d.c.IDs.New(), sent: sent, from: d.c.Proxies.From(r), Now: d.c.Clock.Now().In(d.c.Zone)}
	if rt.limit > 0 {
		r.Body = http.MaxBytesReader(w, r.Body, rt.limit)
	}
	q.Lang = Language(sent, r, q.from.Secure, "")
	return q
}

// Context is the request's.
func (q *Request) Context() context.Context { return q.R.Context() }

// run finds the tenant, refuses an open line, enters, and hands over to the route's handler.
func (q *Request) run() (err error) {
	if q.Tenant, err = q.d.c.Hosts.Customer(q.Context(), q.R.Host); err != nil {
		return hidden(err)
	}
	if !q.from.Private() {
		return q.plain()
	}
	if q.route.Action.Name() != "" {
		if err := q.As(q.route.Action); err != nil {
			return err
		}
		if !q.route.Public {
			if err := q.d.c.People.Seen(q.Context(), q.Visit); err != nil {
				return err
			}
		}
	}
	return q.route.handle(q)
}

// hidden makes an unknown host look like any page that is not there.
func hidden(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "fault.not_found")
	}
	return err
}

// As enters as the same person for another action that the route names. The visits are left when the request is answered.
func (q *Request) As(a access.Action) error {
	if a.Name() != q.route.Action.Name() && !slices.ContainsFunc(q.route.Also, func(o access.Action) bool { return o.Name() == a.Name() }) {
		return fault.New(fault.Internal, "fault.internal")
	}
	c, err := q.credential()
	if err != nil {
		return err
	}
	v, err := q.d.c.Waist.Enter(q.Context(), q.Tenant.ID, c, a)
	if err != nil {
		return err
	}
	q.visits = append(q.visits, v)
	q.Visit, q.role, q.actor = v, v.Actor().Role, v.Actor().Account
	return nil
}

// Read reads what a page shows, and who reads it, as one act with one record.
func (q *Request) Read(fn func(*visit.Reader) error) error {
	me, err := visit.View(q.Context(), q.Visit, func(r *visit.Reader) (me *Me, err error) {
		if q.Visit.Actor().Kind == access.KindAccount && q.me == nil {
			who, err := q.d.c.People.Self(q.Context(), r)
			if err != nil {
				return nil, err
			}
			me = &who
		}
		return me, fn(r)
	})
	if err != nil {
		return err
	}
	if me != nil {
		q.me = me
		q.preferred()
	}
	return nil
}

// preferred speaks the account's language where the browser did not choose one here. The browser keeps it as long as it is open: a
// form's faults are put into words before anybody has looked at who sent it.
func (q *Request) preferred() {
	_, chosen := lang.Parse(q.R.URL.Query().Get("lang"))
	if _, err := q.R.Cookie(languageCookie); err != nil && !chosen {
		q.Lang = lang.Match(q.R.Header.Get("Accept-Language"), string(q.me.Lang))
		http.SetCookie(q.W, cookie(languageCookie, string(q.Lang), 0, q.from.Secure))
	}
}

// May tells whether the person may do something else, so that a page offers it.
func (q *Request) May(a access.Action) bool { return q.role.May(a) }

// Page is the frame.
func (q *Request) Page(title string) Page {
	p := Page{Lang: q.Lang, Now: q.Now, Tenant: q.Tenant.Name, Title: title, Path: q.R.URL.Path}
	if q.R.Method == http.MethodGet {
		p.Flash = TakeFlash(q.W, q.R, q.from.Secure, q.Lang)
	}
	if q.me != nil {
		p.User = &User{Name: q.me.Name, Email: q.me.Mail, Role: q.Lang.T("desk.role." + string(q.role))}
		p.Nav = q.d.c.Nav(q.Lang, q.role)
	}
	return p
}

// Render answers with a page.
func (q *Request) Render(status int, page templ.Component) error {
	Render(q.W, q.R, status, page)
	return nil
}

// Redirect sends the browser on with a GET, so that loading a page again sends no form twice.
func (q *Request) Redirect(path string) error {
	http.Redirect(q.W, q.R, path, http.StatusSeeOther)
	return nil
}

// Flash leaves a message for the page that the browser is sent to.
func (q *Request) Flash(c Color, key string) { SetFlash(q.W, q.from.Secure, c, key) }

// Number reads a number of the path; what is none is not there.
func (q *Request) Number(name string) (int64, error) {
	s := q.R.PathValue(name)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != s {
		return 0, fault.New(fault.NotFound, "fault.not_found")
	}
	return n, nil
}

// ID reads an id of the path; what has not the form of one is not there.
func (q *Request) ID(name string) (string, error) {
	s := q.R.PathValue(name)
	if !id.Valid(s) {
		return "", fault.New(fault.NotFound, "fault.not_found")
	}
	return s, nil
}

// Send answers with a stranger's bytes, to be saved and never shown.
func (q *Request) Send(c visit.Content, filename string) error {
	body, err := c.Reader()
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	Untrusted(q.W, filename)
	q.W.Header().Set("Content-Length", strconv.FormatInt(c.Size, 10))
	if q.R.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(q.W, body); err != nil {
		q.d.c.Logger.Warn("answer not whole", "request", q.id, "tenant", q.Tenant.ID, "err", err)
		panic(http.ErrAbortHandler) // the length was promised: the browser must not take half for the whole
	}
	return nil
}

// end leaves the visits, forgets what was taken in for nothing, answers for a defect, and writes the log line: ids, account and
// address, never the path, which may hold a link's secret.
func (q *Request) end() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		q.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
	if q.Visit != nil {
		for _, d := range q.drafts {
			q.Visit.Discard(d)
		}
	}
	for _, v := range q.visits {
		v.Leave()
	}
	q.d.c.Logger.Info("request", "id", q.id, "tenant", q.Tenant.ID, "route", strings.TrimSpace(q.route.Method+" "+q.route.Path), "action", q.route.Action.Name(),
		"status", q.sent.status, "account", q.actor, "address", q.from.Address.String(), "took", q.d.c.Clock.Now().Sub(q.Now).String())
	if p == http.ErrAbortHandler {
		panic(p)
	}
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
