package app

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"insegel/internal/api"
	"insegel/internal/host"
)

// handler is everything that answers over HTTP. Health is told on any host; the rest belongs to a tenant.
func (a *App) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("/api/", a.calls())
	mux.Handle("/", a.pages())
	return mux
}

// calls are what programs ask for.
func (a *App) calls() http.Handler {
	from := a.proxies().From
	return api.New(api.Config{Waist: a.Waist, Hosts: host.New(a.Lookup, a.Config.BaseDomain, a.Clock), Clock: a.Clock, IDs: a.IDs, Logger: a.Logger,
		AddressOf: func(r *http.Request) netip.Addr { return from(r).Address },
		Private:   func(r *http.Request) bool { return from(r).Private() }})
}

// readyz tells whether the program can serve: the directory answers.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if _, err := a.Lookup.ByID(ctx, Operator); err != nil {
		plain(w, http.StatusServiceUnavailable, "not ready: the database does not answer\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
