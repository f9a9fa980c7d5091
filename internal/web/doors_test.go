package web_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/web/webtest"
)

func credentials(password string) url.Values {
	return url.Values{"email": {"bo@acme.example"}, "password": {password}}
}

func TestFromLinkToLogout(t *testing.T) {
	webtest.Each(t, func(t *testing.T, s *webtest.Site) {
		_, token := s.Invite(s.Customer, "Bo Lind", "bo@acme.example", access.Handler)
		b := s.Browser("acme")
		page := b.Get("/link/"+token, 200)
		says(t, page, "Choose a password", "bo@acme.example", "Acme kommun")
		if h := page.Header(); h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("the link may leak: %v", h)
		}
		choose := func(first, second string, status int) webtest.Answer {
			t.Helper()
			return b.Post("/link/"+token, url.Values{"password": {first}, "repeat": {second}}, status)
		}
		says(t, choose("kort", "kort", 422), "at least 15 characters")
		says(t, choose(webtest.Password, "annat", 422), "The two passwords differ")
		says(t, choose("acme kommun acme kommun", "acme kommun acme kommun", 422), "easy to guess")
		choose(webtest.Password, webtest.Password, 303)
		says(t, b.Get("/login", 200), "The password is saved")
		says(t, choose(webtest.Password, webtest.Password, 410), "already been used")
		b.Get("/cases", 303)
		a := b.Post("/login", with(credentials(webtest.Password), "next", "/cases/new"), 303)
		if a.Header().Get("Location") != "/cases/new" {
			t.Errorf("sent to %q", a.Header().Get("Location"))
		}
		c := a.Result().Cookies()[0]
		if c.Name != "__Host-session" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite == 0 {
			t.Errorf("cookie %v", c)
		}
		says(t, b.Get("/cases", 200), "Bo Lind", "Log out")
		b.Post("/logout", nil, 303)
		says(t, b.Get("/login?out=1", 200), "You are logged out")
		old := s.Browser("acme")
		old.Cookies["__Host-session"] = c.Value
		old.Get("/cases", 303)
	})
}

func TestLoginTellsNothing(t *testing.T) {
	s := webtest.New(t, engine(t))
	s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	wrong := s.Browser("acme").Post("/login", url.Values{"email": {"bo@acme.example"}, "password": {"x"}}, 401)
	nobody := s.Browser("acme").Post("/login", url.Values{"email": {"xx@acme.example"}, "password": {"x"}}, 401)
	if strings.ReplaceAll(wrong.Text, "bo@acme", "xx@acme") != nobody.Text {
		t.Error("an address that has an account is told from one that has none")
	}
	b := s.Browser("acme")
	for range 40 {
		if r := b.Do(httptest.NewRequest("POST", "/login", nil)); r.Code != 422 {
			t.Fatalf("an empty form: %d", r.Code)
		}
	}
	throttled := false
	for range 25 {
		r := httptest.NewRequest("POST", "/login", strings.NewReader(url.Values{"email": {"no@acme.example"}, "password": {"x"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := b.Do(r); a.Code == 429 {
			throttled = true
			says(t, a, "Too many attempts from here")
			if a.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	if !throttled {
		t.Error("guessing has no end")
	}
}

func TestLoginStaysHere(t *testing.T) {
	s := webtest.New(t, engine(t))
	_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	before := b.Cookies["__Host-session"]
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/\t/evil.example", "cases", "http:evil"} {
		if a := b.Post("/login", with(credentials(webtest.Password), "next", next), 303); a.Header().Get("Location") != "/cases" {
			t.Errorf("%q leads to %q", next, a.Header().Get("Location"))
		}
	}
	if b.Cookies["__Host-session"] == before {
		t.Error("the session's secret is the same after logging in again")
	}
	old := s.Browser("acme")
	old.Cookies["__Host-session"] = before
	old.Get("/cases", 303)
}

func TestLinksThatAreGone(t *testing.T) {
	s := webtest.New(t, engine(t))
	_, token := s.Invite(s.Customer, "Bo Lind", "bo@acme.example", access.Handler)
	b := s.Browser("acme")
	says(t, b.Get("/link/"+strings.Repeat("A", 43), 404), "not complete")
	s.Browser("other").Get("/link/"+token, 404)
	s.Clock.Add(25 * time.Hour)
	says(t, b.Get("/link/"+token, 410), "too old", "/link/"+token+"/new")
	says(t, b.Post("/link/"+token+"/new", nil, 200), "A new link is on its way")
	s.Work()
	out := s.Out.Letters()
	if len(out) != 1 {
		t.Fatalf("%d letters", len(out))
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(out[0], "=\r\n", ""), "http://acme.localhost/link/")
	b.Get("/link/"+rest[:43], 200)
	b.Post("/link/"+strings.Repeat("A", 43)+"/new", nil, 404)
}

func TestForgotten(t *testing.T) {
	s := webtest.New(t, engine(t))
	s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	b := s.Browser("acme")
	known := b.Post("/forgotten", url.Values{"email": {"bo@acme.example"}}, 200)
	unknown := b.Post("/forgotten", url.Values{"email": {"no@acme.example"}}, 200)
	if known.Text != unknown.Text {
		t.Error("the answer tells who has an account")
	}
	b.Post("/forgotten", url.Values{"email": {"nonsense"}}, 422)
	s.Work()
	if out := s.Out.Letters(); len(out) != 1 {
		t.Errorf("%d letters", len(out))
	}
}

func TestLanguageIsChosen(t *testing.T) {
	s := webtest.New(t, engine(t))
	_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	delete(b.Cookies, "insegel-lang")
	if a := b.Get("/cases", 200); !strings.Contains(a.Text, `lang="sv"`) { // the account's own
		t.Error("the account's language is not spoken")
	}
	says(t, b.Send("/cases", url.Values{}, 422), "Skriv en e-postadress") // nor forgotten by a form
	says(t, b.Get("/cases?lang=da", 200), `lang="da"`)
	says(t, b.Get("/cases", 200), `lang="da"`)
}
