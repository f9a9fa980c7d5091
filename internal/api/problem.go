package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/lang"
)

// Problem is what goes wrong, as RFC 9457 writes it. Code is stable and for programs, title and detail are for people and in
// their language.
type Problem struct {
	Type      string  `json:"type" example:"about:blank"`
	Title     string  `json:"title"`
	Status    int     `json:"status" example:"404"`
	Detail    string  `json:"detail"`
	Code      string  `json:"code" doc:"What went wrong, for programs" example:"fault.not_found"`
	Reference string  `json:"reference,omitempty" doc:"Stands in the log of the program too; name it when you ask for help"`
	Errors    []Wrong `json:"errors,omitempty" doc:"What is wrong with the request, and where"`

	headers http.Header
}

// Wrong is one thing that is wrong with a request.
type Wrong struct {
	Location string `json:"location" example:"body.subject"`
	Message  string `json:"message" doc:"In English, for who writes the program"`
}

// Error, GetStatus, GetHeaders and ContentType are how the library writes it.
func (p *Problem) Error() string { return p.Code }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are sent along.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType is RFC 9457's.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// statuses are faults of this room whose status is not their kind's (RFC 9110 15.5).
var statuses = map[string]int{
	"fault.api.json":        http.StatusBadRequest,
	"fault.api.text":        http.StatusBadRequest,
	"fault.api.match":       http.StatusBadRequest,
	"fault.idempotency.key": http.StatusBadRequest,
	"fault.api.method":      http.StatusMethodNotAllowed,
	"fault.api.slow":        http.StatusRequestTimeout,
	"fault.api.changed":     http.StatusPreconditionFailed,
	"fault.api.media":       http.StatusUnsupportedMediaType,
}

// titles say in a word or two what a status means.
var titles = map[int]string{
	http.StatusBadRequest:            "api.title.bad_request",
	http.StatusUnauthorized:          "api.title.unauthorized",
	http.StatusForbidden:             "api.title.forbidden",
	http.StatusNotFound:              "api.title.not_found",
	http.StatusMethodNotAllowed:      "api.title.method",
	http.StatusRequestTimeout:        "api.title.timeout",
	http.StatusConflict:              "api.title.conflict",
	http.StatusPreconditionFailed:    "api.title.precondition",
	http.StatusRequestEntityTooLarge: "api.title.too_large",
	http.StatusUnsupportedMediaType:  "api.title.media",
	http.StatusUnprocessableEntity:   "api.title.unprocessable",
	http.StatusTooManyRequests:       "api.title.too_many",
	http.StatusInternalServerError:   "api.title.internal",
	http.StatusServiceUnavailable:    "api.title.unavailable",
}

// problem makes the document of an error. What is ours to mend is logged, once, with the reference that the caller gets; the
// error's own text never leaves the house. c is nil before somebody has entered.
func (s *server) problem(c *call, r *http.Request, err error) *Problem {
	f := fault.Of(err)
	status := f.Kind.HTTP()
	if st, ok := statuses[f.Key]; ok {
		status = st
	}
	if f.Kind == fault.NotFound && f.Key != "fault.queue.not_found" {
		// One answer for what is not there and for what is not theirs to see (B2).
		f = fault.New(fault.NotFound, "fault.not_found")
	}
	p := &Problem{Type: "about:blank", Status: status, Code: f.Key, headers: http.Header{}}
	l := language(r)
	p.Title, p.Detail = l.T(titles[status]), say(l, f)
	switch status {
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		s.log(c, r, p, err)
	case http.StatusUnauthorized:
		p.headers.Set("WWW-Authenticate", `Bearer realm="insegel"`) // RFC 6750 3
	}
	if status == http.StatusServiceUnavailable {
		p.headers.Set("Retry-After", "2")
	}
	if after := account.RetryAfter(err); after > 0 {
		p.headers.Set("Retry-After", strconv.Itoa(int(after.Seconds())+1))
	}
	return p
}

// log notes what is ours to mend. A caller who went away is nobody's fault.
func (s *server) log(c *call, r *http.Request, p *Problem, err error) {
	if r.Context().Err() != nil {
		return
	}
	p.Reference = s.c.IDs.New()
	tenantID := ""
	if c != nil && c.v != nil {
		tenantID = c.v.Tenant()
	}
	s.c.Logger.Error("call failed", "reference", p.Reference, "tenant", tenantID, "method", r.Method, "route", r.Pattern, "fault", p.Code, "err", err)
}

// say writes a fault in a language; a key that no catalogue has is said as its kind is.
func say(l lang.Lang, f *fault.Error) string {
	key := f.Key
	if !lang.Has(key) {
		key = f.Kind.Key()
	}
	var args []any
	for k, v := range f.Args {
		args = append(args, k, v)
	}
	return l.T(key, args...)
}

// language is the caller's, as Accept-Language has it.
func language(r *http.Request) lang.Lang { return lang.Match(r.Header.Get("Accept-Language")) }

// refuse writes a problem before the library was reached.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	write(w, r, s.problem(nil, r, err))
}

func write(w http.ResponseWriter, r *http.Request, p *Problem) {
	h := w.Header()
	for k, v := range p.headers {
		h[k] = v
	}
	h.Set("Content-Type", problemType)
	tellLanguage(h, r)
	w.WriteHeader(p.Status)
	b, err := json.Marshal(p)
	if err == nil && r.Method != http.MethodHead {
		_, _ = w.Write(append(b, '\n'))
	}
}

func tellLanguage(h http.Header, r *http.Request) {
	h.Set("Content-Language", string(language(r)))
	h.Set("Vary", "Accept-Language")
}

// rephrase makes a problem of what the library found wrong with a request. The library's words stay, as help for who writes the
// program; what was sent is not sent back.
func (s *server) rephrase(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	key := "fault.api.form"
	switch m.Status {
	case http.StatusBadRequest:
		key = "fault.api.json"
	case http.StatusUnsupportedMediaType:
		key = "fault.api.media"
	}
	l := lang.Match(ctx.Header("Accept-Language"))
	p := &Problem{Type: "about:blank", Title: l.T(titles[m.Status]), Status: m.Status, Detail: l.T(key), Code: key}
	for i, e := range m.Errors {
		if i == maxWrong {
			break
		}
		if e != nil && key == "fault.api.form" {
			p.Errors = append(p.Errors, Wrong{Location: short(e.Location), Message: short(e.Message)})
		}
	}
	return p, nil
}

// maxWrong is how many faults of a request are told, and maxTold how long the text of each is: both hold the caller's words.
const (
	maxWrong = 20
	maxTold  = 200
)

func short(s string) string {
	if len(s) > maxTold {
		return strings.ToValidUTF8(s[:maxTold], "") + "…"
	}
	return s
}

// panicked answers for a defect of ours. http.ErrAbortHandler ends the connection, as it asks.
func (s *server) panicked(a *answer, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	problem := s.problem(nil, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	if !a.begun {
		write(a, r, problem)
	}
}
