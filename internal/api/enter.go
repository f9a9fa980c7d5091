package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/idempotency"
	"insegel/internal/visit"
)

// call is one request that was let in.
type call struct {
	r   *http.Request
	w   http.ResponseWriter
	v   *visit.Visit
	key idempotency.Key
}

type callKey struct{}

// called gives the call of a context; enter put it there.
func called(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// enter lets a request in: tenant by host, actor by token, one visit for the route's action. It stands before every call.
func (s *server) enter(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	tellLanguage(w.Header(), r)
	c, leave, err := s.admit(w, r, ctx.Operation().Metadata[routeKey].(*route))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer leave()
	next(huma.WithValue(ctx, callKey{}, c))
}

// admit reads the body before it enters, so that what the actor may do is decided when all is there, and a slow sender holds
// no visit open.
func (s *server) admit(w http.ResponseWriter, r *http.Request, rt *route) (c *call, leave func(), err error) {
	customer, err := s.c.Hosts.Customer(r.Context(), r.Host)
	if err != nil {
		return nil, nil, err
	}
	from := s.c.AddressOf(r)
	token, ok := bearer(r)
	caller := ""
	if ok {
		caller = hex.EncodeToString(id.TokenHash(customer.ID + token))
	}
	known, err := s.pace(w, caller, from)
	switch {
	case err != nil:
		return nil, nil, err
	case s.c.Private != nil && !s.c.Private(r):
		return nil, nil, fault.New(fault.NotAllowed, "fault.api.plain_http") // RFC 6750 5.3
	case !ok:
		return nil, nil, fault.New(fault.Unknown, "fault.api.no_token")
	}
	body, free, err := s.body(w, r, rt, known)
	if err != nil {
		return nil, nil, err
	}
	v, err := s.c.Waist.Enter(r.Context(), customer.ID, access.Bearer(id.TokenHash(token), from), rt.action(body))
	if err != nil {
		free()
		return nil, nil, s.stranger(caller, err)
	}
	s.limit.knows("token "+caller, true)
	c = &call{r: r, w: w, v: v}
	leave = func() { v.Leave(); free() }
	if err := c.accept(rt, body); err != nil {
		leave()
		return nil, nil, err
	}
	return c, leave, nil
}

// stranger hides from whom this tenant does not know that there is anything here at all.
func (s *server) stranger(caller string, err error) error {
	switch fault.KindOf(err) {
	case fault.Unknown:
		s.limit.knows("token "+caller, false)
		return fault.New(fault.NotFound, "fault.not_found")
	case fault.NotAllowed:
		s.limit.knows("token "+caller, true)
	}
	return err
}

// maxToken bounds what is taken for a token: ours have some 50 characters.
const maxToken = 200

// bearer reads the token (RFC 6750 2.1). Two headers are none: who puts one before ours must not decide whose it is.
func bearer(r *http.Request) (token string, ok bool) {
	all := r.Header.Values("Authorization")
	if len(all) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(all[0], " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= maxToken
}

// body reads what was sent, within the limits of size, time and number.
func (s *server) body(w http.ResponseWriter, r *http.Request, rt *route, known bool) (body []byte, free func(), err error) {
	free = func() {}
	if !rt.writes() {
		r.Body = http.NoBody // RFC 9110 9.3.1: a body of GET means nothing
		return nil, free, nil
	}
	limit := s.c.Limits.Body
	if rt.files && (r.ContentLength < 0 || r.ContentLength > limit) {
		limit = s.c.Limits.Files
		if free, err = s.large.pass(known); err != nil {
			return nil, nil, err
		}
	}
	if body, err = s.read(w, r, limit); err != nil {
		free()
		return nil, nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, free, nil
}

func (s *server) read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, fault.New(fault.TooLarge, "fault.too_large", "limit", limit)
	}
	// A deadline that has passed ends a read that is under way; whose clock counts is of no matter then.
	late := time.AfterFunc(s.c.Limits.BodyTime, func() { _ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return b, nil
	}
	if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
		return nil, fault.New(fault.TooLarge, "fault.too_large", "limit", limit)
	}
	return nil, fault.Because(err, fault.Invalid, "fault.api.slow")
}

// accept checks what every write is held to before the library reads it.
func (c *call) accept(rt *route, body []byte) error {
	if !rt.writes() {
		return nil
	}
	if err := checkText(body); err != nil {
		return err
	}
	sent := c.r.Header.Values("Idempotency-Key")
	if len(sent) == 0 {
		return nil
	}
	if len(sent) > 1 || !validKey(sent[0]) {
		return fault.New(fault.Invalid, "fault.idempotency.key")
	}
	c.key = idempotency.New(c.v, rt.method+" "+rt.path, sent[0], c.digest(body))
	return nil
}

// digest is of what was asked for: the path, the version it was meant for, and the body without regard to blanks.
func (c *call) digest(body []byte) [32]byte {
	var compact bytes.Buffer
	if len(body) > 0 && json.Compact(&compact, body) != nil {
		compact.Write(body)
	}
	h := sha256.New()
	h.Write([]byte(c.r.URL.Path + "\n" + c.r.Header.Get("If-Match") + "\n"))
	h.Write(compact.Bytes())
	return [32]byte(h.Sum(nil))
}

func validKey(k string) bool {
	if k == "" || len(k) > idempotency.MaxKey {
		return false
	}
	for _, b := range []byte(k) {
		if b < '!' || b > '~' {
			return false
		}
	}
	return true
}

// checkText refuses what no database could hold as it is, rather than mend it silently: bytes that are no UTF-8, and U+0000.
func checkText(body []byte) error {
	switch {
	case len(body) == 0:
		return nil
	case !utf8.Valid(body):
		return fault.New(fault.Invalid, "fault.api.text")
	case !json.Valid(body):
		return fault.New(fault.Invalid, "fault.api.json")
	case !bytes.Contains(body, []byte(`\u0000`)):
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "fault.api.json")
		}
		if s, ok := t.(string); ok && strings.ContainsRune(s, 0) {
			return fault.New(fault.Invalid, "fault.api.text")
		}
	}
}
