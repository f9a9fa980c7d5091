package kit

import (
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serveWith(secure bool, h http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	Headers(func(*http.Request) bool { return secure }, h).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w
}

func TestHeaders(t *testing.T) {
	h := serveWith(false, func(http.ResponseWriter, *http.Request) {}).Header()
	csp := h.Get("Content-Security-Policy")
	for _, bad := range []string{"unsafe-", "http:", "https:", "*", "blob:", "nonce-"} {
		if strings.Contains(csp, bad) {
			t.Errorf("the policy lets %s in: %s", bad, csp)
		}
	}
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Strict-Transport-Security": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if h := serveWith(true, func(http.ResponseWriter, *http.Request) {}).Header(); !strings.Contains(h.Get("Strict-Transport-Security"), "max-age=63072000") {
		t.Error("no HSTS over HTTPS")
	}
}

// A stranger's bytes override the page's policy with a stricter one, wherever Headers stands.
func TestUntrusted(t *testing.T) {
	h := serveWith(false, func(w http.ResponseWriter, _ *http.Request) { Untrusted(w, "räkning.html") }).Header()
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox;") || strings.Contains(csp, "allow-") {
		t.Errorf("policy %q", csp)
	}
	if h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
		t.Errorf("type %q, disposition %q", h.Get("Content-Type"), h.Get("Content-Disposition"))
	}
	h = serveWith(false, func(w http.ResponseWriter, _ *http.Request) { UntrustedFrame(w) }).Header()
	csp := h.Get("Content-Security-Policy")
	for _, bad := range []string{"allow-scripts", "allow-same-origin", "allow-forms", "script-src", "connect-src", "http"} {
		if strings.Contains(csp, bad) {
			t.Errorf("the frame's policy has %s: %s", bad, csp)
		}
	}
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'self'") {
		t.Errorf("policy %q", csp)
	}
}

func FuzzDisposition(f *testing.F) {
	for _, s := range []string{"", "..", "a\r\nSet-Cookie: x=1", `x"; filename="y.exe`, "räkning 2026.pdf", "doc\u202excod.exe", "../../etc/passwd", "\xff\xfe", strings.Repeat("å", 500)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		d := disposition(name)
		kind, params, err := mime.ParseMediaType(d)
		if err != nil || kind != "attachment" {
			t.Fatalf("%q: %v", d, err)
		}
		if len(d) > 4000 || strings.ContainsAny(d, "\r\n\x00") {
			t.Errorf("%q: too long, or breaks the line", d)
		}
		if got := params["filename"]; strings.ContainsAny(got, `/\:"`) || strings.ContainsFunc(got, isBidi) || got == ".." {
			t.Errorf("%q gives the name %q", name, got)
		}
	})
}
