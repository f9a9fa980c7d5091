package mail_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/channel/mail"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// corpus gives the folder of other projects' mail beside the checkout.
func corpus(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the package")
		}
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(dir, "..", "shared", "corpora", "mail")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("absent: ../shared/corpora/mail")
	}
	return dir
}

// hard is a message of the corpus, and the subject that another program found in it.
type hard struct {
	name, subject string
	expected      bool
	raw           []byte
}

func hardOnes(t *testing.T) (all []hard) {
	t.Helper()
	dir := corpus(t)
	err := filepath.WalkDir(dir, func(path string, f os.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, dir+string(filepath.Separator))
		ext := filepath.Ext(path)
		isMail := ext == ".box" || ext == ".eml" || strings.HasPrefix(name, "sisimai") && ext != ".json" && !strings.Contains(name, "LICENSE") ||
			strings.Contains(name, "maildir") && ext != ".json" || strings.HasPrefix(name, filepath.Join("reply-trimmer", "emails"))
		if !isMail || strings.HasSuffix(name, ".md") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		h := hard{name: name, raw: b}
		h.subject, h.expected = subjectOf(t, strings.TrimSuffix(path, ext)+".json")
		all = append(all, h)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// subjectOf reads an expectation of either kind; ok is false where there is none.
func subjectOf(t *testing.T, path string) (subject string, ok bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	var want struct {
		Subject *string `json:"subject"`
		Parts   []struct {
			Headers []struct {
				Name  any             `json:"name"`
				Value json.RawMessage `json:"value"`
			} `json:"headers"`
		} `json:"parts"`
	}
	if err := json.Unmarshal(b, &want); err != nil {
		return "", false
	}
	if want.Subject != nil {
		return *want.Subject, true
	}
	if len(want.Parts) == 0 {
		return "", false
	}
	for _, h := range want.Parts[0].Headers {
		var v struct{ Text *string }
		if h.Name == "subject" && json.Unmarshal(h.Value, &v) == nil && v.Text != nil {
			return *v.Text, true
		}
	}
	return "", false
}

func squash(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestEveryHardMessageIsKept sends every message of the corpora through the door: each becomes a case, a message of a case, or
// is held with a reason, and comes out byte for byte.
func TestEveryHardMessageIsKept(t *testing.T) {
	all := hardOnes(t)
	if len(all) < 400 {
		t.Fatalf("only %d messages found in the corpora", len(all))
	}
	each(t, func(t *testing.T, d *desk) {
		for _, h := range all {
			from := strings.Trim(firstLine(h.raw, "Return-Path:"), "<> ")
			if from == "" && firstLine(h.raw, "Return-Path:") == "" {
				from = "unknown@example.org"
			}
			err := d.Receive(t.Context(), mail.Envelope{ID: "s", RemoteIP: netip.MustParseAddr("203.0.113.5"), HELO: "mx.example", From: from,
				Recipients: []string{"support@acme.example"}}, h.raw)
			if err != nil {
				t.Errorf("%s: %v", h.name, err)
			}
		}
		d.workAll()
		found := d.places(t)
		reasons, right, wrong := map[string]int{}, 0, 0
		for _, h := range all {
			p, ok := found[mailmsg.Digest(h.raw)]
			if !ok {
				t.Errorf("%s is lost", h.name)
				continue
			}
			reasons[p.what]++
			if !h.expected || p.what != "case" {
				continue
			}
			if squash(p.subject) == squash(mailmsg.StripPrefixes(h.subject)) {
				right++
			} else if wrong++; wrong < 20 {
				t.Logf("%s: %.120q, want %.120q", h.name, p.subject, h.subject)
			}
		}
		t.Logf("%d messages: %v; subjects %d right of %d", len(all), reasons, right, right+wrong)
		if right*10 < (right+wrong)*9 || right+wrong < 100 {
			t.Errorf("subjects: %d right of %d", right, right+wrong)
		}
		if n := d.waiting(t, d.Customer); n != 0 || reasons[mail.HeldFailed] != 0 {
			t.Errorf("%d still wait, %d could not be filed", n, reasons[mail.HeldFailed])
		}
	})
}

func firstLine(raw []byte, field string) string {
	for line := range strings.Lines(string(raw[:min(len(raw), 8000)])) {
		if v, ok := strings.CutPrefix(line, field); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// place is where a letter is: what it became and, of a case, its subject.
type place struct{ what, subject string }

// places finds every letter that the desk has by the digest of its bytes.
func (d *desk) places(t *testing.T) map[[32]byte]place {
	t.Helper()
	found := map[[32]byte]place{}
	for _, c := range d.all() {
		for i, m := range d.read(c.Number).Messages {
			if m.Raw == "" {
				continue
			}
			p := place{what: string(m.Kind), subject: c.Subject}
			if i == 0 {
				p.what = "case"
			}
			found[mailmsg.Digest(d.original(t, c.Number, m.ID))] = p
		}
	}
	for page := (intake.Page{}); ; {
		held := d.heldAfter(t, page)
		for _, l := range held {
			found[mailmsg.Digest(d.heldBytes(t, l))] = place{what: l.Reason}
			page = intake.Page{Before: l.Received, ID: l.ID}
		}
		if len(held) == 0 {
			return found
		}
	}
}

func (d *desk) heldAfter(t *testing.T, p intake.Page) []intake.Letter {
	t.Helper()
	v := d.Enter(t, visittest.Console(), access.ListHeld)
	all, err := visit.View(t.Context(), v, func(r *visit.Reader) ([]intake.Letter, error) { return intake.HeldLetters(t.Context(), r, p, 100) })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (d *desk) heldBytes(t *testing.T, l intake.Letter) []byte {
	t.Helper()
	c, err := visit.View(t.Context(), d.Enter(t, visittest.Console(), access.ReadHeld), func(r *visit.Reader) (visit.Content, error) {
		_, _, c, err := l.Open(t.Context(), r)
		return c, err
	})
	return bytesOf(t, c, err)
}

func (d *desk) original(t *testing.T, number int64, message string) []byte {
	t.Helper()
	c, err := visit.View(t.Context(), d.Enter(t, visittest.Console(), access.ReadMail), func(r *visit.Reader) (visit.Content, error) {
		return cases.Original(t.Context(), r, number, message)
	})
	return bytesOf(t, c, err)
}

func bytesOf(t *testing.T, c visit.Content, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Reader()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

// workAll files until nothing is due, and takes an attempt that failed for one that failed for good.
func (d *desk) workAll() {
	d.t.Helper()
	for range 8 {
		if d.waiting(d.t, d.Customer) == 0 {
			return
		}
		d.work()
	}
	d.t.Fatal(fault.New(fault.Internal, "letters wait for ever"))
}
