package web_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/intake"
	"insegel/internal/purpose"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
	"insegel/internal/web/kit"
	"insegel/internal/web/webtest"
)

const letter = `From: Anna Lind <anna@example.org>
To: support@acme.example
Subject: Fel adress i registret
Message-ID: <one@example.org>
Date: Mon, 23 Nov 2026 09:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Hej, min <b>adress</b> är fel.</p><script>alert(1)</script><img src="https://spy.example/x.png"><img src="cid:pic@x">
--b
Content-Type: image/png
Content-ID: <pic@x>
Content-Disposition: inline; filename="bild.png"
Content-Transfer-Encoding: base64

iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
--b
Content-Type: text/html
Content-Disposition: attachment; filename="räkning.html"

<script>alert(document.cookie)</script>
--b--
`

const automatic = "From: bob@example.org\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nI am away.\n"

// The whole of what a stranger's browser may ask for. Whoever adds to it changes this list.
func TestPublicRoutes(t *testing.T) {
	s := webtest.New(t, engine(t))
	var public []string
	for _, r := range s.Desk.Table() {
		if r.Action.Name() == "" {
			t.Errorf("%s %s has no action", r.Method, r.Path)
		}
		if r.Public {
			public = append(public, r.Method+" "+r.Path)
		}
	}
	want := "GET /login, POST /login, GET /link/{token}, POST /link/{token}, POST /link/{token}/new, GET /forgotten, POST /forgotten"
	if got := strings.Join(public, ", "); got != want {
		t.Errorf("public routes:\n%s\nwant\n%s", got, want)
	}
	if n := len(s.Desk.Table()); n < 20 {
		t.Errorf("only %d routes", n)
	}
}

// things are a case of a purpose that handlers do not read, with a message and a file, and a held letter of it.
type things struct{ number, message, file, letter string }

func (th things) path(pattern string) string {
	return strings.NewReplacer("{number}", th.number, "{message}", th.message, "{file}", th.file, "{letter}", th.letter, "{$}", "", "{token}", strings.Repeat("A", 43)).Replace(pattern)
}

func secret(t *testing.T, s *webtest.Site) things {
	v := s.Enter(t, visittest.Console(), access.CreatePurpose)
	_, err := visit.Update(t.Context(), v, func(w *visit.Writer) (struct{}, error) {
		return struct{}{}, purpose.Register(w, purpose.Purpose{ID: "secret", Basis: "task", Class: purpose.InternalData, Readers: []access.Role{access.Administrator}, TakesMail: true}, v.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	s.NewQueue("Secret", "secret@acme.example", "secret")
	s.Arrive("anna@example.org", "secret@acme.example", strings.Replace(letter, "<one@", "<secret@", 1))
	s.Arrive("", "secret@acme.example", automatic)
	s.Work()
	return firstThings(t, s)
}

func firstThings(t *testing.T, s *webtest.Site) (th things) {
	c := s.Read(1001)
	th = things{number: "1001", message: c.Messages[0].ID, file: c.Messages[0].Files[0].ID}
	held, err := visit.View(t.Context(), s.Enter(t, visittest.Console(), access.ListHeld), func(r *visit.Reader) ([]intake.Letter, error) {
		return intake.HeldLetters(t.Context(), r, intake.Page{}, 1)
	})
	if err != nil || len(held) != 1 {
		t.Fatalf("held %d, %v", len(held), err)
	}
	th.letter = held[0].ID
	return th
}

// try sends what a route takes.
func try(t *testing.T, b *webtest.Browser, r kit.Route, path string) webtest.Answer {
	t.Helper()
	req := httptest.NewRequest(r.Method, path, nil)
	if r.Method == http.MethodPost {
		body := url.Values{"kind": {"reply"}, "body": {"hej"}, "why": {"spam"}, "state": {"closed"}, "version": {"1"}, "queue": {"x"}, "subject": {"s"}, "email": {"a@b.example"}}
		req = httptest.NewRequest(r.Method, path, strings.NewReader(body.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.Do(req)
}

// Every route, as somebody of another tenant, as somebody outside the purpose, and as nobody.
func TestEveryRouteIsClosed(t *testing.T) {
	webtest.Each(t, func(t *testing.T, s *webtest.Site) {
		th := secret(t, s)
		_, stranger := s.Member(s.Other, "other", "Olof Berg", "olof@other.example", access.Administrator)
		_, handler := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
		_, admin := s.Member(s.Customer, "acme", "Astrid Ek", "astrid@acme.example", access.Administrator)
		carried := s.Browser("acme")
		carried.Cookies = maps.Clone(stranger.Cookies)
		for _, r := range s.Desk.Table() {
			if r.Public {
				continue
			}
			name, path := r.Method+" "+r.Path, th.path(r.Path)
			if a := try(t, s.Browser("acme"), r, path); !turnedAway(r, a) {
				t.Errorf("%s as nobody: %d to %q", name, a.Code, a.Header().Get("Location"))
			}
			if a := try(t, carried, r, path); a.Code != http.StatusNotFound {
				t.Errorf("%s with a session of another tenant: %d", name, a.Code)
			}
			if r.Path == "/logout" { // one's own session at one's own tenant may always end: not now
				continue
			}
			if a := try(t, stranger, r, path); strings.Contains(r.Path, "{") && r.Path != "/{$}" && a.Code != http.StatusNotFound {
				t.Errorf("%s in another tenant: %d", name, a.Code)
			}
			if strings.Contains(r.Path, "{") && r.Path != "/{$}" {
				if a := try(t, handler, r, path); a.Code != http.StatusNotFound {
					t.Errorf("%s outside the purpose: %d", name, a.Code)
				}
			}
			if a := try(t, s.Browser("nobody"), r, path); a.Code != http.StatusNotFound {
				t.Errorf("%s at an unknown host: %d", name, a.Code)
			}
		}
		if a := handler.Get("/cases", 200); strings.Contains(a.Text, "Fel adress") {
			t.Error("the list shows a case outside the purpose")
		}
		if a := handler.Get("/quarantine", 200); strings.Contains(a.Text, "Out of office") {
			t.Error("the quarantine shows a letter outside the purpose")
		}
		if c := s.Read(1001); len(c.Messages) != 2 || c.State != cases.New {
			t.Errorf("somebody got in: %+v", c)
		}
		for _, r := range s.Desk.Table() { // and who may is let in, so that the above tells something
			if r.Path == "/logout" || r.Public {
				continue
			}
			if a := try(t, admin, r, th.path(r.Path)); !r.Public && r.Method == http.MethodGet && a.Code != 200 && r.Path != "/{$}" {
				t.Errorf("%s as who may: %d", r.Path, a.Code)
			}
		}
	})
}

// turnedAway tells whether nobody was shown the door, or carries what was typed to it.
func turnedAway(r kit.Route, a webtest.Answer) bool {
	if a.Code == http.StatusSeeOther {
		return strings.HasPrefix(a.Header().Get("Location"), "/login")
	}
	return r.Method == http.MethodPost && a.Code == http.StatusUnauthorized && strings.Contains(a.Text, `action="/login"`)
}

// An unknown host looks like a page that is not there.
func TestUnknownHost(t *testing.T) {
	s := webtest.New(t, engine(t))
	a, b := s.Browser("nobody").Get("/cases", 404), s.Browser("nobody").Get("/nothing", 404)
	if a.Text == "" || strings.ReplaceAll(a.Text, "/cases", "/nothing") != b.Text {
		t.Error("the two differ")
	}
	if c := s.Browser("acme").Get("/nothing", 404); !strings.Contains(c.Text, "There is no such page") {
		t.Errorf("%.500s", c.Text)
	}
}

func TestForgedFormIsRefused(t *testing.T) {
	s := webtest.New(t, engine(t))
	_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		r := httptest.NewRequest("POST", "/logout", nil)
		r.Header.Set(header[0], header[1])
		if a := b.Do(r); a.Code != http.StatusForbidden || !strings.Contains(a.Text, "Insegel") {
			t.Errorf("%v: %d", header, a.Code)
		}
	}
	b.Get("/cases", 200)
}

func TestPlainHTTPIsRefused(t *testing.T) {
	s := webtest.New(t, engine(t))
	_, inside := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	for _, c := range []struct {
		peer, forwardedFor, proto string
		want                      int
	}{
		{"127.0.0.1:1", "", "", 200},
		{"[::1]:1", "", "", 200},
		{"192.0.2.7:1", "", "", 403},
		{"192.0.2.7:1", "127.0.0.1", "https", 403}, // nobody whom we trust says so
		{"127.0.0.1:1", "192.0.2.7", "http", 403},  // a proxy that nobody told us of
		{"10.0.0.5:1", "192.0.2.7", "http", 403},
		{"10.0.0.5:1", "192.0.2.7", "https", 200},
		{"10.0.0.5:1", "127.0.0.1", "http", 403},
		{"not an address", "", "", 403},
	} {
		for _, path := range []string{"/login", "/link/" + strings.Repeat("A", 43), "/cases"} {
			r := httptest.NewRequest("GET", path, nil)
			r.RemoteAddr = c.peer
			if c.forwardedFor != "" {
				r.Header.Set("X-Forwarded-For", c.forwardedFor)
				r.Header.Set("X-Forwarded-Proto", c.proto)
			}
			want := c.want
			if want == 200 && strings.HasPrefix(path, "/link") {
				want = 404
			}
			a := inside.Do(r)
			if a.Code != want {
				t.Errorf("%+v %s: %d, want %d", c, path, a.Code, want)
			}
			if want == 403 && (!strings.Contains(a.Text, "ssh -L") || !strings.Contains(a.Text, "https://acme.desk.example/login")) {
				t.Errorf("%+v: the fix is not named: %.600s", c, a.Text)
			}
		}
	}
	r := httptest.NewRequest("POST", "/login", strings.NewReader(url.Values{"email": {"bo@acme.example"}, "password": {webtest.Password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "192.0.2.7:1"
	if a := s.Browser("acme").Do(r); a.Code != 403 || len(a.Result().Cookies()) > 0 {
		t.Errorf("logged in over an open line: %d", a.Code)
	}
}

// What ends a session ends it on the next request; one in use lives on.
func TestSessionEnds(t *testing.T) {
	s := webtest.New(t, engine(t))
	_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	for range 3 {
		s.Clock.Add(7 * time.Hour)
		b.Get("/cases", 200)
	}
	s.Clock.Add(9 * time.Hour)
	if a := b.Get("/cases?view=mine&queue=x", 303); a.Header().Get("Location") != "/login?next="+url.QueryEscape("/cases?view=mine&queue=x") {
		t.Errorf("sent to %q", a.Header().Get("Location"))
	}
}

// The program's log tells who did what by ids only.
func TestLogSaysNoContent(t *testing.T) {
	s := webtest.New(t, engine(t))
	_, token := s.Invite(s.Customer, "Bo Lind", "bo@acme.example", access.Handler)
	b := s.Browser("acme")
	b.Get("/link/"+token, 200)
	b.Post("/link/"+token, url.Values{"password": {webtest.Password}, "repeat": {webtest.Password}}, 303)
	b.Post("/login", url.Values{"email": {"bo@acme.example"}, "password": {"wrong password entirely"}}, 401)
	b.Post("/login", url.Values{"email": {"bo@acme.example"}, "password": {webtest.Password}}, 303)
	s.Arrive("anna@example.org", "support@acme.example", letter)
	s.Work()
	b.Get("/cases/1001", 200)
	b.Send("/cases/1001/reply", url.Values{"kind": {"note"}, "body": {"hemligt besked"}}, 303, webtest.File{Name: "kvitto.txt", Body: []byte("privat")})
	log := s.Log.String()
	for _, word := range []string{token, "bo@acme", "Bo Lind", "anna@", "Fel adress", "hemligt", "kvitto", "privat", webtest.Password, "wrong password", b.Cookies["__Host-session"][37:]} {
		if strings.Contains(log, word) {
			t.Errorf("the log has %q", word)
		}
	}
	for _, want := range []string{`route="GET /link/{token}"`, `route="GET /cases/{number}"`, "address=127.0.0.1", "action=case.read"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

// A defect is told to the log, with its cause; the browser reads the reference only.
func TestDefectsAreHidden(t *testing.T) {
	s := webtest.New(t, engine(t))
	s.Desk.Routes().Get("/boom", access.ListCases, func(*kit.Request) error { panic("at the disco") })
	s.Desk.Routes().Get("/broken", access.ListCases, func(*kit.Request) error { return errors.New("pq: /var/lib/secret") })
	s.Desk.Routes().Get("/other", access.ListCases, func(q *kit.Request) error { return q.As(access.EraseCase) })
	_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	for path, cause := range map[string]string{"/boom": "at the disco", "/broken": "pq: /var/lib/secret", "/other": "fault.internal"} {
		a := b.Get(path, 500)
		_, rest, _ := strings.Cut(s.Log.String(), `route="GET `+path+`"`)
		if strings.Contains(a.Text, cause) || !strings.Contains(rest, cause) {
			t.Errorf("%s: the cause is told to the browser, or not to the log", path)
		}
		if _, ref, ok := strings.Cut(s.Log.String(), `msg="request failed" reference=`); !ok || !strings.Contains(s.Log.String(), "id="+ref[:36]) {
			t.Errorf("%s: the reference is not the request's id", path)
		}
	}
	b.Get("/cases", 200)
}

// A piece of a page that is asked for without a session sends the whole window to the door.
func TestFragmentWithoutSession(t *testing.T) {
	s := webtest.New(t, engine(t))
	r := httptest.NewRequest("GET", "/cases?state=new", nil)
	r.Header.Set("HX-Request", "true")
	if a := s.Browser("acme").Do(r); a.Header().Get("HX-Redirect") != "/login" || a.Text != "" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
}
