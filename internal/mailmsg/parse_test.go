package mailmsg

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func parse(t *testing.T, raw string) *Message {
	t.Helper()
	m, err := Parse([]byte(raw), Limits{})
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return m
}

func TestSubjects(t *testing.T) {
	for _, c := range []struct{ name, header, want string }{
		{"plain", "Subject: hej", "hej"},
		{"cut within a character", "Subject: =?utf-8?B?w6XDpMM=?= =?utf-8?B?tg==?=", "åäö"},
		{"cut within, Q", "Subject: =?utf-8?Q?=C3?=\r\n =?utf-8?Q?=A5?=", "å"},
		{"cut within base64 itself", "Subject: =?utf-8?B?w6X?= =?utf-8?B?DpMO2?=", "åäö"},
		{"blanks within", "Subject: =?utf-8?Q?hej på dig?=", "hej på dig"},
		{"unencoded utf-8", "Subject: räksmörgås", "räksmörgås"},
		{"unencoded latin-1", "Subject: r\xe4ksm\xf6rg\xe5s", "räksmörgås"},
		{"unencoded, in the body's charset", "Subject: \xf0\xd2\xc9\xd7\xc5\xd4\r\nContent-Type: text/plain; charset=koi8-r", "Привет"},
		{"raw iso-2022-jp", "Subject: \x1b$B$3$s$K$A$O\x1b(B", "こんにちは"},
		{"raw shift-jis", "Subject: \x83c\x81[\x83\x8b", "ツール"},
		{"declared gb2312, is gbk", "Subject: =?GB2312?B?g8iRqsGm?=", "內應力"},
		{"utf-7", "Subject: =?utf-7?Q?R+AOQ-ksm+APY-rg+AOU-s?=", "Räksmörgås"},
		{"declared latin-1, is utf-8", "Subject: =?iso-8859-1?Q?r=C3=A4v?=", "räv"},
		{"declared utf-8, is latin-1", "Subject: =?utf-8?Q?r=E4v?=", "räv"},
		{"unknown charset", "Subject: =?x-nonsense?Q?r=C3=A4v?=", "räv"},
		{"no charset", "Subject: =??Q?r=C3=A4v?=", "räv"},
		{"windows-1252 as latin-1", "Subject: =?iso-8859-1?Q?=93hej=94?=", "“hej”"},
		{"folded within, unfolded badly", "Subject: =?utf-8?B?aGVq\r\nIHDDpQ==?=\r\nFrom: a@example.org", "hej på"},
		{"no end", "Subject: =?utf-8?B?aGVqIHDDpQ==", "hej på"},
		{"words run together", "Subject: =?utf-8?Q?a?==?utf-8?Q?b?=", "ab"},
		{"a bare question mark", "Subject: =?utf-8?Q?varf=C3=B6r?=C3=A5?=", "varför?=C3=A5"},
		{"text before", "Subject: Re: =?utf-8?Q?=C3=A5?= och mer", "Re: å och mer"},
		{"language", "Subject: =?utf-8*sv?Q?=C3=A5?=", "å"},
		{"encoded twice", "Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3F=3DC3=3DA5=3F=3D?=", "å"},
		{"nul and control", "Subject: a\x00b\x01c", "abc"},
		{"empty then given", "Subject:\r\nSubject: andra", "andra"},
		{"utf-16", "Subject: =?utf-16be?B?AOUA5AD2?=", "åäö"},
		{"not a word", "Subject: 2 =? 3 ?= 5", "2 =? 3 ?= 5"},
	} {
		m := parse(t, c.header+"\r\n\r\nbody")
		if c.name == "a bare question mark" {
			// Two readings are right; the point is that nothing is lost.
			if !strings.HasPrefix(m.Subject, "varför?") {
				t.Errorf("%s: %q", c.name, m.Subject)
			}
			continue
		}
		if m.Subject != c.want {
			t.Errorf("%s: %q, want %q (%v)", c.name, m.Subject, c.want, m.Problems)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []Address
	}{
		{`a@example.org`, []Address{{"", "a@example.org"}}},
		{`"Å, B" <a@example.org>`, []Address{{"Å, B", "a@example.org"}}},
		{`Ek, Anna <a@example.org>`, []Address{{"Ek, Anna", "a@example.org"}}},
		{`=?utf-8?q?Anna_=3Ca=40example=2Eorg=3E?=`, []Address{{"Anna", "a@example.org"}}},
		{`=?iso-8859-1?Q?B=FCrling,=20Andreas?= <a@example.org>`, []Address{{"Bürling, Andreas", "a@example.org"}}},
		{`Vänner: a@example.org, B <b@example.org>;`, []Address{{"", "a@example.org"}, {"B", "b@example.org"}}},
		{`undisclosed-recipients:;`, nil},
		{`a@example.org (Anna (Ek))`, []Address{{"Anna (Ek)", "a@example.org"}}},
		{`Anna Ek a@example.org`, []Address{{"Anna Ek", "a@example.org"}}},
		{`<a@example.org`, []Address{{"", "a@example.org"}}},
		{`Anna "the boss" Ek <a@example.org>`, []Address{{"Anna the boss Ek", "a@example.org"}}},
		{`MAILER-DAEMON`, []Address{{"", "MAILER-DAEMON"}}},
		{`<mailto:a@example.org>`, []Address{{"", "a@example.org"}}},
		{`åsa@exämple.se`, []Address{{"", "åsa@exämple.se"}}},
		{`<@relay.example:a@example.org>`, []Address{{"", "a@example.org"}}},
		{`"a b"@example.org`, []Address{{"", `"a b"@example.org`}}},
	} {
		got := ParseAddressList(c.in)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %q, want %q", c.in, got, c.want)
		}
	}
	for in, want := range map[string]string{
		" Anna@EXAMPLE.org ": "anna@example.org", "åsa@EXÄMPLE.se": "åsa@xn--exmple-cua.se", "nobody": "", "": "",
		"A <b@c.example>": "b@c.example", "a@example.org.": "a@example.org",
	} {
		if got := NormalizeAddress(in); got != want {
			t.Errorf("normalise %q: %q, want %q", in, got, want)
		}
	}
}

func TestStructure(t *testing.T) {
	m := parse(t, "From: a@example.org\nSubject: x\nContent-Type: multipart/mixed; boundary=declared\n\n--real\nContent-Type: text/plain\n\nhej\n--real\nContent-Type: text/calendar; name=mote.ics\nContent-Transfer-Encoding: base64\n\nQkVHSU4=\n--real--\n")
	if squash(m.Text) != "hej" || len(m.Attachments) != 1 || string(m.Attachments[0].Content) != "BEGIN" || m.Attachments[0].Name != "mote.ics" {
		t.Errorf("wrong boundary: %q %+v", m.Text, m.Attachments)
	}
	m = parse(t, "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\nbara text\n")
	if squash(m.Text) != "bara text" {
		t.Errorf("no parts: %q", m.Text)
	}
	m = parse(t, "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhej\n--b\nContent-Type: message/rfc822\n\nSubject: inre\nFrom: b@example.org\n\ninuti\n--b\nContent-Type: application/ms-tnef; name=\"winmail.dat\"\nContent-Transfer-Encoding: base64\n\neJ8+Ig==\n")
	if squash(m.Text) != "hej" || len(m.Attachments) != 2 || m.Attachments[0].Name != "inre.eml" || m.Attachments[1].Name != "winmail.dat" {
		t.Errorf("nested: %q %v", m.Text, names(m))
	}
	m = parse(t, "Subject: x\n\nfore\nbegin 644 a.txt\n#0V%T\n`\nend\nefter\n")
	if len(m.Attachments) != 1 || string(m.Attachments[0].Content) != "Cat" || squash(m.Text) != "fore efter" {
		t.Errorf("uuencoded: %q %+v", m.Text, m.Attachments)
	}
	m = parse(t, "Subject: x\rFrom: a@example.org\r\rhej\rdu\r")
	if m.Subject != "x" || squash(m.Text) != "hej du" {
		t.Errorf("bare CR: %+v", m)
	}
	m = parse(t, "Subject: x\rFrom: evil@example.org\r\nTo: b@example.org\r\n\r\nhej")
	if len(m.From) != 0 {
		t.Errorf("a bare CR smuggled a field in: %v", m.From)
	}
	m = parse(t, "Subject: x\nContent-Type: text/html\n\n<p>Hej <b>du</b></p><script>x()</script><a href=\"https://example.org/a\">här</a>")
	if squash(m.Text) != "Hej du här <https://example.org/a>" || !m.TextFromHTML {
		t.Errorf("html: %q", m.Text)
	}
	m = parse(t, "Subject: x\nContent-Disposition: attachment; filename=\"../../etc/\xe2\x80\xaefdp.exe\"\nContent-Type: application/pdf\n\nx")
	if len(m.Attachments) != 1 || m.Attachments[0].Name != "fdp.exe" {
		t.Errorf("file name: %v", names(m))
	}
	m = parse(t, "Content-Type: application/pdf;\n name*0*=utf-8''r%C3%A4k;\n name*1=sm.pdf\n\nx")
	if len(m.Attachments) != 1 || m.Attachments[0].Name != "räksm.pdf" {
		t.Errorf("RFC 2231: %v", names(m))
	}
}

func TestLimits(t *testing.T) {
	deep, inner := "", "Content-Type: text/plain\n\nx"
	for i := range 60 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	for _, c := range []struct{ limit, raw string }{
		{"parts", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 10000)},
		{"depth", deep + inner},
		{"header_bytes", "Subject: " + strings.Repeat("a", 2<<20) + "\n\nx"},
		{"header_bytes", "Subject: x\n" + strings.Repeat(" folded and folded again\n", 100000) + "\nx"},
		{"header_fields", strings.Repeat("X-A: b\n", 5000) + "\nx"},
	} {
		_, err := Parse([]byte(c.raw), Limits{})
		var le *LimitError
		if !errors.As(err, &le) || le.Limit != c.limit {
			t.Errorf("%s: %v", c.limit, err)
		}
	}
	_, err := Parse([]byte("Subject: x\n\n"+strings.Repeat("a", 1000)), Limits{DecodedBytes: 500})
	var le *LimitError
	if !errors.As(err, &le) || le.Limit != "decoded_bytes" {
		t.Errorf("decoded_bytes: %v", err)
	}
	for _, raw := range []string{"", "\r\n\r\n", "  \n\t\n"} {
		if _, err := Parse([]byte(raw), Limits{}); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	var refs strings.Builder
	for i := range 500 {
		fmt.Fprintf(&refs, " <%d@example.org>\n", i)
	}
	m := parse(t, "References:"+refs.String()+"\nx")
	if len(m.References) != 100 || m.References[0] != "0@example.org" || m.References[99] != "499@example.org" {
		t.Errorf("references: %d", len(m.References))
	}
}

// Every single byte of a letter is spoilt in turn: it must still be read, whole and as valid text.
func TestSpoiltBytes(t *testing.T) {
	raw := []byte("From: =?utf-8?Q?=C3=85?= <a@example.org>\r\nSubject: =?utf-8?B?w6XDpMO2?=\r\nContent-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhej =C3=A5\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hej</p>\r\n--b--\r\n")
	for i := range raw {
		for _, c := range []byte{0, '\n', '\r', ' ', '"', '<', '=', 0xff} {
			b := bytes.Clone(raw)
			b[i] = c
			m, err := Parse(b, Limits{})
			if err != nil {
				t.Fatalf("byte %d as %q: %v", i, c, err)
			}
			check(t, m)
		}
	}
}

func check(t *testing.T, m *Message) {
	t.Helper()
	all := []string{m.Subject, m.Text, m.HTML, m.MessageID, m.AutoSubmitted}
	all = append(append(append(all, m.References...), m.InReplyTo...), m.Problems...)
	for _, list := range [][]Address{m.From, m.To, m.Cc, m.ReplyTo, m.Sender} {
		for _, a := range list {
			all = append(all, a.Name, a.Mail)
			if a.Usable() && strings.ContainsAny(a.Mail, "\r\n\x00<>") {
				t.Errorf("usable address %q", a.Mail)
			}
		}
	}
	for _, h := range m.Headers {
		all = append(all, h.Name, h.Value)
	}
	for _, a := range m.Attachments {
		all = append(all, a.Name, a.Type, a.ContentID)
		if a.Name == "" || strings.ContainsAny(a.Name, "/\\\r\n") {
			t.Errorf("file name %q", a.Name)
		}
	}
	for _, s := range all {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			t.Errorf("not clean text: %q", s)
		}
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		t.Errorf("subject of several lines: %q", m.Subject)
	}
}

// Fields made to cost the square of their length must be read like any other. A test that hung would be
// ended by the test runner; no time is measured here.
func TestHostileFields(t *testing.T) {
	for _, unit := range []string{"(", "<", ":", "\"", "=?", "=?a?q?", "=?utf-8?B?", "\\", ",", "a@b,", "\xe5", "(\")", "[#"} {
		long := strings.Repeat(unit, 900_000/len(unit))
		for _, name := range []string{"From", "Subject", "References", "Content-Type", "Content-Disposition", "Date"} {
			m, err := Parse([]byte(name+": "+long+"\r\n\r\nx"), Limits{})
			if err != nil {
				t.Errorf("%s of %q: %v", name, unit, err)
				continue
			}
			Classify(m, "")
			CaseMark(m.Subject)
		}
	}
	m := parse(t, "From: MAILER-DAEMON@x.example\nSubject: Undelivered Mail\n\n"+strings.Repeat("<a@b.example> 550 no\n", 200_000))
	if k := Classify(m, ""); k.Name != Bounce {
		t.Errorf("%+v", k.Name)
	}
	SplitReply(strings.Repeat("--\n> a\nFrom: x\n", 6000))
}
