package kit

import (
	"net/http"
	"strings"
)

// policy is the Content-Security-Policy of our own pages (ASVS 3.4.3). No inline script or style, no
// other origin. data: images are the design system's icons, which stand inside its style sheet. Frames
// are our own: the sandboxed view of a letter. HTML and scripts are made from text only through the one
// Trusted Types policy that desk.js declares.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self' data:",
	"font-src 'self'",
	"connect-src 'self'",
	"frame-src 'self'",
	"form-action 'self'",
	"frame-ancestors 'none'",
	"base-uri 'none'",
	"require-trusted-types-for 'script'",
	"trusted-types default",
}, "; ")

// permissions switches off what no page uses, should a script ever get in.
const permissions = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), " +
	"microphone=(), midi=(), payment=(), publickey-credentials-create=(self), publickey-credentials-get=(self), usb=(), serial=(), hid=()"

// Headers sets on every answer what keeps a browser strict. Answers are not to be stored anywhere
// (ASVS 14.3.2); the asset handler says otherwise for what is public. secure tells whether the browser
// reached us over HTTPS, directly or through a proxy that is trusted.
func Headers(secure func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", permissions)
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
		h.Set("Cache-Control", "no-store")
		if secure(r) {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains") // ASVS 3.4.1
		}
		next.ServeHTTP(w, r)
	})
}

// Untrusted prepares an answer whose bytes a stranger wrote: a file, a raw letter. The browser gives it
// an origin of its own, runs nothing, fetches nothing, and saves it instead of showing it (ASVS 3.2.1, 5.4.1).
// Its name is never the stranger's type: the content type says bytes only.
func Untrusted(w http.ResponseWriter, filename string) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition(filename))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// UntrustedFrame prepares an answer with a stranger's HTML, already cleaned, for the sandboxed frame in
// which a letter is shown as it came. It has an origin of its own, runs no script, sends no form and
// fetches nothing: a picture on a server elsewhere would tell when and where the letter was read. Styles
// in the text are allowed, since letters consist of them; they cannot fetch either.
func UntrustedFrame(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "+
		"sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'; base-uri 'none'; form-action 'none'")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// maxName bounds a file name in a header: most file systems take 255 bytes.
const maxName = 200

// disposition writes Content-Disposition with any name: letters beyond ASCII by RFC 8187, and an ASCII
// stand-in for what does not read that. Whatever could end the value or climb out of a folder is replaced.
func disposition(name string) string {
	var plain, ext strings.Builder
	for _, r := range name {
		switch {
		case r < 0x20 || r == 0x7f || strings.ContainsRune(`/\:*?"<>|;%`, r):
			r = '_'
		case isBidi(r):
			continue // "cod.exe" must not read as "exe.doc"
		}
		s := string(r)
		if ext.Len()+3*len(s) > 3*maxName {
			break
		}
		if r < 0x80 {
			plain.WriteRune(r)
		} else {
			plain.WriteByte('_')
		}
		for _, c := range []byte(s) {
			ext.WriteString(attrChar(c))
		}
	}
	n := strings.Trim(plain.String(), ". ")
	if n == "" {
		return "attachment"
	}
	return `attachment; filename="` + n + `"; filename*=UTF-8''` + ext.String()
}

// isBidi tells the marks that turn the direction of what follows (Unicode TR 36 2.10.2).
func isBidi(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}

// attrChar writes a byte as RFC 8187 3.2.1 wants it.
func attrChar(c byte) string {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
		return string(rune(c))
	}
	const hex = "0123456789ABCDEF"
	return string([]byte{'%', hex[c>>4], hex[c&15]})
}
