package accountpages

import (
	"context"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// Pages are the doors. Their handlers stand in a file each, named for what it does.
type Pages struct{ door *account.Door }

// New makes Pages.
func New(door *account.Door) Pages { return Pages{door: door} }

// Mount is the table of the doors' routes. All but logging out are for everybody.
func (p Pages) Mount(r kit.Routes) {
	r.Public(http.MethodGet, "/login", access.ShowPublic, p.login)
	r.Public(http.MethodPost, "/login", access.Login, p.logIn)
	r.Post("/logout", access.Logout, p.logOut)
	r.Public(http.MethodGet, "/link/{token}", access.ShowLink, p.link)
	r.Public(http.MethodPost, "/link/{token}", access.ChoosePassword, p.choose, access.ShowLink)
	r.Public(http.MethodPost, "/link/{token}/new", access.AskReset, p.renew, access.ShowLink)
	r.Public(http.MethodGet, "/forgotten", access.ShowPublic, p.forgotten)
	r.Public(http.MethodPost, "/forgotten", access.AskReset, p.ask)
}

// People tells the kit who is logged in.
type People struct{}

// Self reads the visiting account.
func (People) Self(ctx context.Context, r *visit.Reader) (kit.Me, error) {
	me, err := account.Self(ctx, r)
	return kit.Me{Name: me.Name, Mail: me.Mail, Lang: me.Lang}, err
}

// Seen notes that the session is in use.
func (People) Seen(ctx context.Context, v *visit.Visit) error { return account.Touch(ctx, v) }

// Doors are the pages that the kit shows in place of another.
type Doors struct{}

// LogIn asks to log in before going on.
func (Doors) LogIn(p kit.Page, next string, keep kit.Resume) templ.Component {
	return LogIn(Login{Page: p, Next: next, Keep: keep})
}

// Plain refuses an open line.
func (Doors) Plain(p kit.Page, secure, host, port string) templ.Component {
	return PlainHTTP(Plain{Page: p, Secure: secure, Host: host, Port: port})
}

// door is the frame of the narrow pages.
func frame(q *kit.Request, key string) kit.Page {
	p := q.Page(q.Lang.T(key))
	p.Width = kit.Narrow
	return p
}

// inZone writes a time as the reader's clock shows it.
func inZone(q *kit.Request, t time.Time) time.Time { return t.In(q.Now.Location()) }
