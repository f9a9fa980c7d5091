package kit

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/lang"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/web/kit/assets"
)

// Hosts finds the tenant of a host name; *host.Hosts does.
type Hosts interface {
	Customer(ctx context.Context, hostport string) (tenant.Customer, error)
}

// Me is who is logged in, for the frame.
type Me struct {
	Name, Mail string
	Lang       lang.Lang
}

// People tells who visits, and notes that they are here.
type People interface {
	Self(ctx context.Context, r *visit.Reader) (Me, error)
	Seen(ctx context.Context, v *visit.Visit) error
}

// Doors are the two pages that stand in the way of every other.
type Doors interface {
	LogIn(p Page, next string, keep Resume) templ.Component
	Plain(p Page, secure, host, port string) templ.Component
}

// Config is what a Desk is made from.
type Config struct {
	Waist   *visit.Waist
	Hosts   Hosts
	IDs     *id.Source
	Clock   clock.Clock
	Logger  *slog.Logger
	Zone    *time.Location
	Proxies Proxies
	BaseURL func(slug string) string // how a tenant is reached from outside
	People  People
	Doors   Doors
	Nav     func(lang.Lang, access.Role) []Link
}

// Desk answers requests for pages: one visit a request.
type Desk struct {
	c     Config
	mux   *http.ServeMux
	table []Route
}

// NewDesk makes a Desk without a route.
func NewDesk(c Config) *Desk {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	d := &Desk{c: c, mux: http.NewServeMux()}
	d.mux.Handle(assets.Prefix, assets.Handler())
	d.mux.Handle("/", d.serve(Route{Path: "/", handle: func(*Request) error { return fault.New(fault.NotFound, "fault.not_found") }}))
	return d
}

// Routes is where pages are mounted.
func (d *Desk) Routes() Routes { return Routes{d} }

// Handler is the whole: strict headers on every answer, no forged form from another site (ASVS 3.5.1), then the routes.
func (d *Desk) Handler() http.Handler {
	forged := http.NewCrossOriginProtection()
	forged.SetDenyHandler(d.serve(Route{Path: "another site's form", handle: func(*Request) error { return fault.New(fault.NotAllowed, "fault.not_allowed") }}))
	return Headers(func(r *http.Request) bool { return d.c.Proxies.From(r).Secure }, forged.Handler(d.mux))
}

// serve answers with a route. A Route without an action is no page of anybody's: a visit is not entered.
func (d *Desk) serve(rt Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := d.begin(w, r, rt)
		defer q.end()
		if err := q.run(); err != nil {
			q.fail(err)
		}
	})
}
