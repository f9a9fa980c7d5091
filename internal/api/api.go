package api

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"insegel/internal/clock"
	"insegel/internal/host"
	"insegel/internal/id"
	"insegel/internal/visit"
)

// Config is what the API is made from.
type Config struct {
	Waist     *visit.Waist
	Hosts     *host.Hosts
	Clock     clock.Clock
	IDs       *id.Source
	Logger    *slog.Logger
	AddressOf func(*http.Request) netip.Addr // where a request comes from, proxies seen through
	Private   func(*http.Request) bool       // whether it came encrypted, or from this machine; nil: always
	Limits    Limits                         // zero values take the defaults
}

// Limits bound what is asked and how often.
type Limits struct {
	Body     int64         // bytes of a request: 4 MiB
	Files    int64         // bytes of a request that carries files, in base64: 36 MiB
	Large    int           // requests above Body that are read at once: 8, half of it for callers not known yet
	BodyTime time.Duration // a body arrives within: 2 min
	SendTime time.Duration // a download is taken within: 30 min
	Rate     float64       // requests a second and token: 50
	Burst    int           // of these at once: 200
	Strange  float64       // requests a second and address, of callers not known yet: 10
	Strangle int           // of these at once: 100
	Callers  int           // tokens and addresses counted at once: 10,000
}

func (l Limits) withDefaults() Limits {
	l.Body, l.Files = or(l.Body, 4<<20), or(l.Files, 36<<20)
	l.BodyTime, l.SendTime = or(l.BodyTime, 2*time.Minute), or(l.SendTime, 30*time.Minute)
	l.Rate, l.Burst = or(l.Rate, 50), or(l.Burst, 200)
	l.Strange, l.Strangle = or(l.Strange, 10), or(l.Strangle, 100)
	l.Callers, l.Large = or(l.Callers, 10_000), or(l.Large, 8)
	return l
}

func or[T int | int64 | float64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// server is the API of one installation.
type server struct {
	c      Config
	mux    *http.ServeMux
	huma   huma.API
	routes []*route
	limit  *limiter
	large  gates
}

// New makes the handler of everything under /api.
func New(c Config) http.Handler {
	s := newServer(c)
	return http.HandlerFunc(s.serve)
}

func newServer(c Config) *server {
	c.Limits = c.Limits.withDefaults()
	s := &server{c: c, mux: http.NewServeMux(), limit: newLimiter(c.Clock, c.Limits.Callers),
		large: gates{known: make(chan struct{}, c.Limits.Large), strange: make(chan struct{}, max(1, c.Limits.Large/2))}}
	s.huma = humago.New(s.mux, s.document())
	s.huma.UseMiddleware(s.enter)
	s.mount()
	s.documents()
	s.mux.HandleFunc("/", s.nothing)
	return s
}

// serve answers one request. Nothing under /api is for browsers' scripts of other origins: there are no CORS headers at all.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w}
	a.strict()
	defer func() {
		if p := recover(); p != nil {
			s.panicked(a, r, p)
		}
	}()
	s.mux.ServeHTTP(a, r)
}

// answer is the writer of one answer. Once the other side has gone it takes what is still written and drops it.
type answer struct {
	http.ResponseWriter
	begun bool
	gone  error
}

func (a *answer) WriteHeader(status int) {
	if !a.begun {
		a.begun = true
		a.ResponseWriter.WriteHeader(status)
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.begun = true
	if a.gone == nil {
		_, a.gone = a.ResponseWriter.Write(b)
	}
	return len(b), nil
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// strict sets what every answer has: it is never cached, never sniffed, and where a browser shows it all the same it can do
// nothing (ASVS 3.2.1, 3.4.3, 3.4.4).
func (a *answer) strict() {
	h := a.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}
