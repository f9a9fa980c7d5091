package mailmsg

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type zammadExpect struct {
	From        string `json:"from"`
	FromEmail   string `json:"from_email"`
	FromName    string `json:"from_display_name"`
	To          string `json:"to"`
	Subject     string `json:"subject"`
	ContentType string `json:"content_type"`
	Attachments []struct {
		Filename    string         `json:"filename"`
		Size        int            `json:"size"`
		MD5         string         `json:"md5"`
		Preferences map[string]any `json:"preferences"`
	} `json:"attachments"`
}

func squash(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestZammadCorpus(t *testing.T) {
	dir := corpus(t, "zammad")
	files, _ := filepath.Glob(filepath.Join(dir, "*.box"))
	var subject, mail, name, att, atts, n int
	for _, f := range files {
		n++
		base := strings.TrimSuffix(filepath.Base(f), ".box")
		var want zammadExpect
		b, err := os.ReadFile(strings.TrimSuffix(f, ".box") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		m, err := Parse(readFile(t, f), Limits{})
		if err != nil {
			t.Errorf("%s: %v", base, err)
			continue
		}
		if squash(m.Subject) == squash(want.Subject) {
			subject++
		} else {
			t.Logf("%s subject %q want %q", base, m.Subject, want.Subject)
		}
		a, _ := m.Author()
		if strings.EqualFold(a.Mail, want.FromEmail) {
			mail++
		} else {
			t.Logf("%s from %q want %q", base, a.Mail, want.FromEmail)
		}
		if squash(a.Name) == squash(want.FromName) {
			name++
		} else {
			t.Logf("%s name %q want %q", base, a.Name, want.FromName)
		}
		have := map[string]bool{}
		for _, at := range m.Attachments {
			sum := md5.Sum(at.Content)
			have[hex.EncodeToString(sum[:])] = true
		}
		for _, w := range want.Attachments {
			if w.Preferences["content-alternative"] != nil {
				continue
			}
			atts++
			if have[w.MD5] {
				att++
			} else {
				t.Logf("%s no attachment %s %d %v; have %v", base, w.Filename, w.Size, w.Preferences, names(m))
			}
		}
		if strings.TrimSpace(m.Text) == "" {
			t.Logf("%s: no text; problems %v", base, m.Problems)
		}
	}
	floor(t, "zammad subjects", subject, n, 52)
	floor(t, "zammad authors", mail, n, 50)
	floor(t, "zammad names", name, n, 49)
	floor(t, "zammad attachments", att, atts, 22)
	t.Logf("zammad: of %d: subjects %d, from %d, names %d, attachments %d of %d", n, subject, mail, name, att, atts)
}

func names(m *Message) (out []string) {
	for _, a := range m.Attachments {
		out = append(out, a.Name+" "+a.Type)
	}
	return out
}
