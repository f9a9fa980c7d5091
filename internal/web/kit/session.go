package kit

import (
	"net/http"
	"strings"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/id"
)

// sessionCookie has the prefix that keeps a browser from taking it from anywhere but this very host over TLS, or from a
// neighbour under the same domain (RFC 6265bis 4.1.3.2, ASVS 3.3.3). Browsers take http://*.localhost for as good as TLS.
const sessionCookie = "__Host-session"

// secretLength is how long a session's secret is: 256 bits in base64url.
const secretLength = 43

// session reads the cookie: "TENANT.SECRET". The tenant is there so that a session carried to another customer's host is told
// from one that has ended: the first gets "not found" on every route, the second the page to log in.
func session(r *http.Request) (tenantID, secret string) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", ""
	}
	tenantID, secret, _ = strings.Cut(c.Value, ".")
	if !id.Valid(tenantID) || len(secret) != secretLength {
		return "", ""
	}
	return tenantID, secret
}

// Previous is the secret of the session that the browser has already, if it is of this tenant.
func (q *Request) Previous() string {
	if tenantID, secret := session(q.R); tenantID == q.Tenant.ID {
		return secret
	}
	return ""
}

// credential is what the request is worth here.
func (q *Request) credential() (access.Credential, error) {
	if q.route.Public {
		return access.Public(q.from.Address), nil
	}
	tenantID, secret := session(q.R)
	switch tenantID {
	case "":
		return access.Credential{}, fault.New(fault.Unknown, "fault.unknown")
	case q.Tenant.ID:
		return access.Session(id.TokenHash(secret), q.from.Address), nil
	}
	return access.Credential{}, fault.New(fault.NotFound, "fault.not_found")
}

// Remember hands the browser a new session. It ends with the browser, or when the server says so.
func (q *Request) Remember(secret string) {
	http.SetCookie(q.W, &http.Cookie{Name: sessionCookie, Value: q.Tenant.ID + "." + secret, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// Forget takes the session from the browser.
func (q *Request) Forget() {
	http.SetCookie(q.W, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}
