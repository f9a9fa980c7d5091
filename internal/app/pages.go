package app

import (
	"net/http"
	"net/netip"
	"time"

	"insegel/internal/host"
	"insegel/internal/web"
	"insegel/internal/web/kit"
)

// pages are what people see in a browser.
func (a *App) pages() http.Handler {
	return web.New(web.Config{Waist: a.Waist, Hosts: host.New(a.Lookup, a.Config.BaseDomain, a.Clock), Door: a.Door, IDs: a.IDs, Clock: a.Clock,
		Logger: a.Logger, Zone: zone(), Proxies: a.proxies(), BaseURL: a.Config.BaseURL})
}

// proxies are the networks whose word on where a request comes from is believed. The configuration was checked.
func (a *App) proxies() (all kit.Proxies) {
	for _, s := range a.Config.Proxy {
		if p, err := netip.ParsePrefix(s); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// zone is the one in which pages tell times: Sweden, Denmark and Norway have the same. The zone database is part of the program.
func zone() *time.Location {
	z, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return time.UTC
	}
	return z
}
