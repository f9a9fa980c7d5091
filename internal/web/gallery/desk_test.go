package gallery

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/store/storetest"
	"insegel/internal/web/webtest"
	"insegel/test/browser"
)

const aLetter = "From: Anna Lind <anna@example.org>\nSubject: Fel adress\nMessage-ID: <one@example.org>\nMIME-Version: 1.0\n" +
	"Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n\n" +
	"<p>Hej, min <b>adress</b> är fel.</p><script>document.body.innerHTML='gone'</script><img alt=karta src=\"cid:pic@x\">\n" +
	"--b\nContent-Type: image/png\nContent-ID: <pic@x>\nContent-Disposition: inline; filename=karta.png\nContent-Transfer-Encoding: base64\n\n" +
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\n--b--\n"

// told is what the browser found.
type told struct {
	Problems []struct{ Page, Rule, Detail string }
	Seen     []string
	Cookies  []string
	Letter   struct {
		Text     string
		Scripts  int
		Pictures []int
	}
	After, Sent, Downloaded, End string
}

// The main job, over a real house, in a real browser: link, password, log-in, a letter that came by mail, an answer that goes
// out, log-out. axe looks at each page in two languages. The browser takes http://acme.localhost for as safe as TLS, so that the
// session's cookie works on a machine of one's own.
func TestMainJobInBrowser(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	s := webtest.New(t, storetest.SQLite(t))
	_, token := s.Invite(s.Customer, "Bo Lind", "bo@acme.example", access.Handler)
	u, err := url.Parse(s.Server().URL)
	if err != nil {
		t.Fatal(err)
	}
	world := outside(t, s)
	out := browser.Run(t, ctx, "desk.mjs", nil, "http://acme.localhost:"+u.Port(), world.URL, token, "bo@acme.example", webtest.Password, filepath.Join(browser.Root(t), "build", "desk"))
	var got told
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got.check(t)
	if c := s.Read(1001); c.State != cases.Pending || len(c.Messages) != 3 || c.Messages[2].State != cases.Sent {
		t.Errorf("case: %+v", c)
	}
	if l := s.Out.Letters(); len(l) != 2 || !strings.Contains(l[1], "In-Reply-To: <one@example.org>") {
		t.Errorf("%d letters went out", len(l))
	}
}

// outside is the rest of the world, which the script asks for what happens next: letters arrive, letters go out.
func outside(t *testing.T, s *webtest.Site) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /letter", func(http.ResponseWriter, *http.Request) {
		s.Arrive("anna@example.org", "support@acme.example", aLetter)
		s.Arrive("", "support@acme.example", "From: bob@example.org\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nAway.\n")
		s.Work()
	})
	mux.HandleFunc("POST /send", func(http.ResponseWriter, *http.Request) { s.Work() })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func (got told) check(t *testing.T) {
	for _, p := range got.Problems {
		t.Errorf("%s: %s: %s", p.Page, p.Rule, p.Detail)
	}
	want := []string{"choose", "login", "link-used", "forgotten", "first-run", "list", "case", "answered", "log", "new", "quarantine", "held", "not-found", "logged-out"}
	if !slices.Equal(got.Seen, want) {
		t.Errorf("saw %v, want %v", got.Seen, want)
	}
	if !slices.Contains(got.Cookies, "__Host-session secure=true httpOnly=true sameSite=Lax") {
		t.Errorf("cookies %v", got.Cookies)
	}
	if got.Letter.Text != "Hej, min adress är fel." || got.Letter.Scripts != 0 || !slices.Equal(got.Letter.Pictures, []int{1}) {
		t.Errorf("the letter as it came: %+v", got.Letter)
	}
	if !strings.Contains(got.After, "Waiting to be sent") || !strings.Contains(got.Sent, "Sent") || got.Downloaded != "beslut.txt" || got.End != "/login" {
		t.Errorf("%q, %q, %q, %q", got.After, got.Sent, got.Downloaded, got.End)
	}
}
