// Package web puts the pages together: one desk, the areas mounted on it, the main navigation. It owns the list of areas and
// nothing else: what a page shows is its area's, how a request is answered is the kit's.
package web

import (
	"log/slog"
	"net/http"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/clock"
	"insegel/internal/id"
	"insegel/internal/lang"
	"insegel/internal/visit"
	"insegel/internal/web/accountpages"
	"insegel/internal/web/casepages"
	"insegel/internal/web/kit"
)

// Config is what the pages are made from.
type Config struct {
	Waist   *visit.Waist
	Hosts   kit.Hosts
	Door    *account.Door
	IDs     *id.Source
	Clock   clock.Clock
	Logger  *slog.Logger
	Zone    *time.Location // in which times are shown
	Proxies kit.Proxies
	BaseURL func(slug string) string // how a tenant is reached from outside
}

// New makes the pages.
func New(c Config) http.Handler { return Desk(c).Handler() }

// Desk is the pages with their table of routes, for who lists it.
func Desk(c Config) *kit.Desk {
	d := kit.NewDesk(kit.Config{Waist: c.Waist, Hosts: c.Hosts, IDs: c.IDs, Clock: c.Clock, Logger: c.Logger, Zone: c.Zone, Proxies: c.Proxies,
		BaseURL: c.BaseURL, People: accountpages.People{}, Doors: accountpages.Doors{}, Nav: navigation})
	accountpages.New(c.Door).Mount(d.Routes())
	casepages.Pages{}.Mount(d.Routes())
	return d
}

// navigation is what a role may enter.
func navigation(l lang.Lang, role access.Role) (nav []kit.Link) {
	if role.May(access.ListCases) {
		nav = append(nav, kit.Link{Href: "/cases", Label: l.T("case.list.title")})
	}
	if role.May(access.ListHeld) {
		nav = append(nav, kit.Link{Href: "/quarantine", Label: l.T("case.held.title")})
	}
	return nav
}
