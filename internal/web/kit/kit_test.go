package kit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"insegel/internal/fault"
	"insegel/internal/lang"
)

func FuzzSpans(f *testing.F) {
	for _, s := range []string{"", "see https://a.example/x, (http://b.example/(y)) and javascript:alert(1)", "https://user:pw@a.example", "http://", "xhttps://a.example", "https://a.example\u202e/moc", "http://[::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var joined strings.Builder
		for _, s := range spans(text) {
			joined.WriteString(s.text)
			if s.href == "" {
				continue
			}
			if u, err := url.Parse(s.href); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || s.href != s.text {
				t.Errorf("%q became a link", s.href)
			}
		}
		if joined.String() != text {
			t.Errorf("%q became %q", text, joined.String())
		}
	})
}

// What a letter says is on the page to the last blank, and nothing of it is markup.
func TestProseKeepsTheText(t *testing.T) {
	const text = "Hej <b>du</b> & \"alla\",\n\n  se https://a.example/?q=1&r=2 (eller http://b.example).\n<script>alert(1)</script>\n"
	var b bytes.Buffer
	if err := Prose(text).Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	links := 0
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.TextNode:
			got.WriteString(n.Data)
		case n.Data == "script" || n.Data == "b":
			t.Errorf("the letter made a <%s>", n.Data)
		case n.Data == "a":
			links++
		}
	}
	if got.String() != text || links != 2 {
		t.Errorf("got %d links and %q", links, got.String())
	}
}

func page() Page {
	return Page{Lang: lang.Sv, Now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Title: "Ärenden", Path: "/cases"}
}

// Whatever an internal error says, a stranger's browser reads only the reference (ASVS 16.5.1).
func TestProblemHidesTheCause(t *testing.T) {
	w := httptest.NewRecorder()
	RenderProblem(w, httptest.NewRequest("GET", "/", nil), page(), errors.New("pq: secret table /var/lib"), "ref-17")
	body := w.Body.String()
	if w.Code != 500 || strings.Contains(body, "secret") || strings.Contains(body, "pq:") || !strings.Contains(body, "ref-17") {
		t.Errorf("%d %s", w.Code, body)
	}
}

func TestProblemStatuses(t *testing.T) {
	for kind, want := range map[fault.Kind]int{
		fault.NotFound: 404, fault.NotAllowed: 403, fault.TooMany: 429, fault.Unavailable: 503, fault.Conflict: 409, fault.Invalid: 422, fault.TooLarge: 413, fault.Unknown: 401,
	} {
		w := httptest.NewRecorder()
		err := fault.New(kind, fault.Of(fault.New(kind, "fault.not_found")).Key)
		RenderProblem(w, httptest.NewRequest("GET", "/", nil), page(), err, "ref-17")
		if w.Code != want || strings.Contains(w.Body.String(), "ref-17") || strings.Contains(w.Body.String(), "common.problem") {
			t.Errorf("kind %d: status %d, want %d, without a reference and with words", kind, w.Code, want)
		}
		if retry := w.Header().Get("Retry-After") != ""; retry != (kind == fault.TooMany || kind == fault.Unavailable) {
			t.Errorf("kind %d: Retry-After %q", kind, w.Header().Get("Retry-After"))
		}
	}
}

// A page that fails in the middle is an error, not half a page.
func TestRenderSendsAllOrNothing(t *testing.T) {
	half := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "<p>half")
		return errors.New("no more")
	})
	w := httptest.NewRecorder()
	Render(w, httptest.NewRequest("GET", "/", nil), 200, half)
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "half") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestFlashSaysOnlyOurOwnSentences(t *testing.T) {
	set := httptest.NewRecorder()
	SetFlash(set, true, Success, "case.flash.noted")
	c := set.Result().Cookies()[0]
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %v", c)
	}
	for value, want := range map[string]int{
		c.Value: 1, "success:<b>hi</b>": 0, "success:fault.internal": 0, "success:a.flash.b": 0, "evil:case.flash.noted": 0, "": 0, "success": 0,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(&http.Cookie{Name: flashCookie, Value: value})
		w := httptest.NewRecorder()
		if got := TakeFlash(w, r, true, lang.Sv); len(got) != want {
			t.Errorf("%q says %v", value, got)
		}
		if cs := w.Result().Cookies(); len(cs) != 1 || cs[0].MaxAge >= 0 {
			t.Errorf("%q: the cookie stays: %v", value, cs)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		target, cookie, account, accept string
		want                            lang.Lang
		remembered                      bool
	}{
		{"/", "", "", "da", lang.Da, false},
		{"/?lang=nb", "sv", "da", "en", lang.Nb, true},
		{"/?lang=xx", "sv", "da", "en", lang.Sv, false},
		{"/", "", "da", "en", lang.Da, false},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: c.cookie})
		}
		w := httptest.NewRecorder()
		if got := Language(w, r, false, c.account); got != c.want || (len(w.Result().Cookies()) == 1) != c.remembered {
			t.Errorf("%+v: %s, cookies %v", c, got, w.Result().Cookies())
		}
	}
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{"Anna Lind": "AL", "": "?", "åke": "Å", "Anna Maria von Lind": "AL", "  ": "?"} {
		if got := Initials(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
