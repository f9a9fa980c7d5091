package mailmsg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func seedMail(f *testing.F) {
	f.Add([]byte("From: =?utf-8?Q?=C3=85?= <a@example.org>\r\nSubject: =?gb2312?B?w6XDpMO2?=\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nhej\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; b@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no\r\n--b--"))
	f.Add([]byte("Subject: x\r\rbegin 644 a\r#0V%T\r`\rend"))
	f.Add([]byte("Content-Type: text/html; charset=utf-7\n\n<blockquote><a href='http://x'>+AOQ-</a>"))
	dir := corpus(f, "zammad")
	files, _ := filepath.Glob(filepath.Join(dir, "*.box"))
	for i, name := range files {
		if b, err := os.ReadFile(name); err == nil && len(b) < 20000 && i%3 == 0 {
			f.Add(b)
		}
	}
}

func FuzzParse(f *testing.F) {
	seedMail(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw, Limits{Parts: 50, Depth: 8, DecodedBytes: 8 << 20})
		if err != nil {
			if strings.Contains(err.Error(), "reader failed") {
				t.Fatal(err)
			}
			return
		}
		check(t, m)
		k := Classify(m, "a@example.org")
		for _, r := range k.Reports {
			if len([]rune(r.Diagnostic)) > maxDiagnostic {
				t.Errorf("diagnostic of %d", len(r.Diagnostic))
			}
		}
		MayAutoReply(m, "a@example.org")
		fresh, _ := SplitReply(m.Text)
		if fresh == "" && strings.TrimSpace(m.Text) != "" {
			t.Errorf("nothing new in %q", m.Text)
		}
		Digest(raw)
	})
}

// What was built is read back as it was, whatever the words in it.
func FuzzBuild(f *testing.F) {
	f.Add("Ärende [#7]", "Åsa \"x\" <y>", "a@example.org", "hej\n.\nFrom x", "räk.pdf", "id@example.org")
	f.Add("x\r\nBcc: evil@example.org", "n\nX: y", "a@example.org\r\nX: y", "", "a\r\nb", "i\r\nd")
	f.Add("=?utf-8?Q?a?=", " ", `"a b"@example.org`, "\x00", "..", "<a@b>")
	f.Add(strings.Repeat("långt ", 100), strings.Repeat("å", 200), "å@exämple.se", "=\r\n", strings.Repeat("n", 300), "x")
	f.Fuzz(func(t *testing.T, subject, name, mail, text, file, id string) {
		date := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		raw, err := Build(Outgoing{From: Address{name, mail}, To: []Address{{name, "to@example.org"}}, Subject: subject, Text: text, Date: date,
			MessageID: id, References: []string{id, "b@example.org"}, Attachments: []OutgoingFile{{Name: file, Content: strings.NewReader(text)}}})
		if err != nil {
			return
		}
		m, err := Parse(raw, Limits{})
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		check(t, m)
		for _, h := range m.Headers {
			switch h.Name {
			case "Date", "From", "To", "Subject", "Message-ID", "References", "MIME-Version", "Content-Type":
			default:
				t.Fatalf("a field was injected: %s\n%s", h.Name, raw)
			}
		}
		if len(m.To) != 1 || m.To[0].Mail != "to@example.org" || len(m.From) != 1 || len(m.Attachments) != 1 || string(m.Attachments[0].Content) != text {
			t.Fatalf("%v %v %v\n%s", m.From, m.To, names(m), raw)
		}
		if !m.Date.Equal(date) || m.MessageID != strings.Trim(id, "<> ") && squash(m.MessageID) == "" {
			t.Fatalf("%v %q\n%s", m.Date, m.MessageID, raw)
		}
		if want := clean(subject); len([]rune(want)) < maxSubject && m.Subject != want && !strings.Contains(want, "=?") {
			t.Fatalf("subject %q, want %q\n%s", m.Subject, want, raw)
		}
		if NormalizeAddress(m.From[0].Mail) != NormalizeAddress(mail) {
			t.Fatalf("from %q, want %q\n%s", m.From[0].Mail, mail, raw)
		}
		for _, line := range strings.Split(string(raw), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("line of %d: %q", len(line), line)
			}
		}
	})
}

func FuzzHTML(f *testing.F) {
	f.Add(`<p onclick=x>a<img src=http://x/y><img src="cid:a"><a href="javascript:x">b</a><form><input><style>*{}</style>`)
	f.Fuzz(func(t *testing.T, src string) {
		Text(src)
		out := strings.ToLower(Sanitize(src))
		for _, bad := range []string{"<script", "<form", "<input", "<style", "<iframe", "<object", "<link", "<meta", "<base", "<svg"} {
			if strings.Contains(out, bad) {
				t.Errorf("%s in %q", bad, out)
			}
		}
		if again := strings.ToLower(Sanitize(out)); strings.Count(again, "<img") > strings.Count(out, "<img") {
			t.Errorf("sanitising made pictures: %q", again)
		}
	})
}
