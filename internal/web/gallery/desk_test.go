package gallery

import (
	"bufio"
	"encoding/json"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/store/storetest"
	"insegel/internal/web/webtest"
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
	ctx, browser, tools := workshop(t)
	s := webtest.New(t, storetest.SQLite(t))
	_, token := s.Invite(s.Customer, "Bo Lind", "bo@acme.example", access.Handler)
	u, err := url.Parse(s.Server().URL)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(root(t), "build", "desk")
	node := exec.CommandContext(ctx, "node", "desk.mjs", browser, "http://acme.localhost:"+u.Port(), token, "bo@acme.example", webtest.Password, out)
	node.Dir = tools
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var got told
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch lines.Text() {
		case "letter":
			s.Arrive("anna@example.org", "support@acme.example", aLetter)
			s.Arrive("", "support@acme.example", "From: bob@example.org\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nAway.\n")
			s.Work()
		case "send":
			s.Work()
		default:
			if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
				t.Fatalf("%v: %s", err, lines.Text())
			}
			continue
		}
		if _, err := io.WriteString(in, "done\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.Wait(); err != nil {
		t.Fatal(err)
	}
	got.check(t)
	if c := s.Read(1001); c.State != cases.Pending || len(c.Messages) != 3 || c.Messages[2].State != cases.Sent {
		t.Errorf("case: %+v", c)
	}
	if l := s.Out.Letters(); len(l) != 2 || !strings.Contains(l[1], "In-Reply-To: <one@example.org>") {
		t.Errorf("%d letters went out", len(l))
	}
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
