package kit

import (
	"net/http"
	"net/url"
	"strings"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/visit"
)

// fail answers with what went wrong. Whoever is not logged in is shown the door; a defect is written to the log under the
// reference that the page tells.
func (q *Request) fail(err error) {
	kind := fault.KindOf(err)
	if kind == fault.Internal {
		q.d.c.Logger.Error("request failed", "reference", q.id, "tenant", q.Tenant.ID, "route", q.route.Method+" "+q.route.Path, "fault", fault.Of(err).Key, "err", err)
	}
	if q.sent.status != 0 {
		return // the answer has begun
	}
	if kind == fault.Unknown && !q.route.Public {
		q.door()
		return
	}
	if q.me == nil && q.Visit != nil && q.Visit.Actor().Kind == access.KindAccount && kind != fault.Internal && kind != fault.Unavailable {
		if e := q.Read(func(*visit.Reader) error { return nil }); e != nil {
			q.d.c.Logger.Warn("no frame", "request", q.id, "fault", fault.Of(e).Key)
		}
	}
	RenderProblem(q.W, q.R, q.Page(""), err, q.id)
}

// door leads to the page to log in, and back. What was typed into a form comes along, so that a session that ended meanwhile
// loses nobody's text.
func (q *Request) door() {
	const in = "/login"
	next := ""
	if q.R.Method == http.MethodGet && q.R.URL.Path != "/" {
		next = Local(q.R.URL.RequestURI())
	}
	to := in
	if next != "" {
		to += "?next=" + url.QueryEscape(next)
	}
	if q.R.Header.Get("HX-Request") != "" { // a piece of a page was asked for: the whole window shall go
		q.W.Header().Set("HX-Redirect", in)
		q.W.WriteHeader(http.StatusOK)
		return
	}
	if q.R.Method == http.MethodPost {
		if keep := q.typed(); len(keep.Fields) > 0 {
			p := q.Page(q.Lang.T("account.title.login"))
			p.Width, p.Path = Narrow, in
			Render(q.W, q.R, http.StatusUnauthorized, q.d.c.Doors.LogIn(p, "", keep))
			return
		}
	}
	http.Redirect(q.W, q.R, to, http.StatusSeeOther)
}

// plain refuses an open line from another machine: a password or a session could be read on the way.
func (q *Request) plain() error {
	secure := ""
	if base := q.d.c.BaseURL(q.Tenant.Slug); strings.HasPrefix(base, "https://") {
		secure = base + "/login"
	}
	host, port := hostPort(q.R)
	p := q.Page(q.Lang.T("account.title.plain"))
	p.Width = Narrow
	return q.Render(http.StatusForbidden, q.d.c.Doors.Plain(p, secure, host, port))
}

// maxPath bounds a path that one is sent on to.
const maxPath = 2000

// Local gives a path if it leads to a page here, and nothing for anything else: whoever logs in must not be sent to another
// site (ASVS 3.7.2).
func Local(path string) string {
	if len(path) > maxPath || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t\x00") {
		return ""
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return "" // a path that begins with %2f must not lose its escape on the way either
	}
	return u.RequestURI()
}
