package mailmsg

import (
	"strings"
	"testing"
	"time"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name, raw, from string
		want            KindName
		auto            bool
	}{
		{"a letter", "From: Anna <anna@example.org>\nSubject: Hjälp\n\nhej", "anna@example.org", Ordinary, true},
		{"about a bounce", "From: Anna <anna@example.org>\nSubject: Undelivered mail?\n\nVad betyder det: user unknown, could not be delivered\n", "anna@example.org", Ordinary, true},
		{"answers about a bounce", "From: Anna <anna@example.org>\nSubject: Re: Undelivered mail\nIn-Reply-To: <x@example.org>\n\nIt could not be delivered, why?", "anna@example.org", Ordinary, true},
		{"vacation", "From: a@example.org\nSubject: Autosvar: semester\n\nhej", "a@example.org", AutoReply, false},
		{"vacation, da", "From: a@example.org\nSubject: Automatisk svar: ferie\n\nhej", "a@example.org", AutoReply, false},
		{"vacation, fi", "From: a@example.org\nSubject: Automaattinen vastaus: loma\n\nhej", "a@example.org", AutoReply, false},
		{"auto-submitted", "From: a@example.org\nSubject: x\nAuto-Submitted: auto-generated (cron)\n\nhej", "a@example.org", AutoReply, false},
		{"auto-submitted: no", "From: a@example.org\nSubject: x\nAuto-Submitted: no\n\nhej", "a@example.org", Ordinary, true},
		{"list", "From: a@example.org\nSubject: x\nList-Id: <l.example.org>\n\nhej", "l-bounces@example.org", ListMail, false},
		{"precedence", "From: a@example.org\nSubject: x\nPrecedence: bulk\n\nhej", "a@example.org", ListMail, false},
		{"suppressed", "From: a@example.org\nSubject: x\nX-Auto-Response-Suppress: OOF, AutoReply\n\nhej", "a@example.org", Ordinary, false},
		{"our own", "From: a@example.org\nSubject: x\nX-Insegel-Loop: desk\n\nhej", "a@example.org", Loop, false},
		{"many hops", "From: a@example.org\n" + strings.Repeat("Received: by x\n", 101) + "\nhej", "a@example.org", Loop, false},
		{"null sender", "From: a@example.org\nSubject: x\n\nhej", "<>", Ordinary, false},
		{"noreply", "From: no-reply@example.org\nSubject: x\n\nhej", "no-reply@example.org", Ordinary, false},
		{"noreply, sv", "From: Svara inte <svara-inte@example.org>\nSubject: x\n\nhej", "svara-inte@example.org", Ordinary, false},
		{"list owner", "From: a@example.org\nSubject: x\n\nhej", "owner-list@example.org", Ordinary, false},
		{"nobody", "Subject: x\n\nhej", "", Ordinary, false},
		{"verp is somebody", "From: a@example.org\nSubject: x\n\nhej", "prvs=1234=a@example.org", Ordinary, true},
		{"postfix", "From: MAILER-DAEMON@mx.example (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender\n\n<b@example.org>: host mx[1.2.3.4] said: 550 5.1.1 <b@example.org>: Recipient address rejected: User unknown\n", "<>", Bounce, false},
	} {
		m := parse(t, c.raw)
		if k := Classify(m, c.from); k.Name != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, k.Name, k.Why, c.want)
		}
		if ok, why := MayAutoReply(m, c.from); ok != c.auto {
			t.Errorf("%s: answer %v (%s)", c.name, ok, why)
		}
	}
}

func TestStatusReport(t *testing.T) {
	m := parse(t, `From: Mail Delivery System <MAILER-DAEMON@mx.example>
Subject: Undelivered Mail
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Original-Recipient: rfc822; Anna@example.org
Final-Recipient: rfc822; anna@inner.example.org
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 550 5.2.2 <anna@inner.example.org> over quota

Final-Recipient: rfc822; bo@example.org
Action: delayed
Status: 4.4.1
--b
Content-Type: text/rfc822-headers

Message-ID: <ours@desk.example>
Subject: =?utf-8?Q?[#7]_=C3=85?=
--b--
`)
	k := Classify(m, "")
	if k.Name != Bounce || k.OriginalMessageID != "ours@desk.example" || len(k.Reports) != 2 {
		t.Fatalf("%+v", k)
	}
	if n, ok := CaseMark(k.OriginalSubject); !ok || n != 7 {
		t.Errorf("subject %q", k.OriginalSubject)
	}
	a, b := k.Reports[0], k.Reports[1]
	if a.OriginalRecipient != "Anna@example.org" || a.FinalRecipient != "anna@inner.example.org" || a.Status != "5.2.2" || a.Reply != "550" || a.Reason != ReasonMailboxFull || !a.Permanent() {
		t.Errorf("%+v", a)
	}
	if b.Action != "delayed" || b.Permanent() {
		t.Errorf("%+v", b)
	}
}

func TestMarks(t *testing.T) {
	for in, want := range map[string]int64{
		"[#42] hej": 42, "Re: Sv: SV: VS: Aw: Fwd: [#42] hej": 42, "hej [ # 4 2 ]": 42, "［＃４２］ hej": 42, "[x] [#42]": 42, "RE[2]: [#42]hej": 42,
		"[#2026-00042]": 0, "[#-1]": 0, "[#]": 0, "#42": 0, "[#99999999999999999999]": 0, "[#0]": 0, "[Ticket#42]": 0,
	} {
		if n, ok := CaseMark(in); n != want || ok != (want > 0) {
			t.Errorf("%q: %d %v", in, n, ok)
		}
	}
	for in, want := range map[string]string{
		"Re: Sv: SV: VS: Aw: Fwd: hej": "hej", "hej: du": "hej: du", "RE[2]: x": "x", "Re:": "", "VB: Re: x": "x", "回复：x": "x", "Ref: 12": "Ref: 12",
	} {
		if got := StripPrefixes(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"hej": "[#7] hej", "Sv: hej": "Sv: [#7] hej", "Re: [#7] hej": "Re: [#7] hej", "": "[#7]", "a\r\nBcc: x": "[#7] a  Bcc: x"} {
		if got := WithMark(in, 7); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"<a@b>": "a@b", " <a@b> (x)": "a@b", "a@b": "a@b", "< a @ b >": "a@b", "": "", "<>": ""} {
		if got := NormalizeMessageID(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestDigest(t *testing.T) {
	a := Digest([]byte("Return-Path: <x>\r\nReceived: from a\r\n\tby b\r\nARC-Seal: x\r\nSubject: hej\r\nReceived: old\r\n\r\ntext\r\n"))
	if a != Digest([]byte("Received: from c\nDelivered-To: y\nSubject: hej\nReceived: old\n\ntext\n")) {
		t.Error("two deliveries of one letter differ")
	}
	for _, other := range []string{
		"Subject: hej\nReceived: older\n\ntext\n", "Subject: hej\nReceived: old\n\nText\n", "Subject: hej\nReceived: old\n\ntext\n\n", "DKIM-Signature: x\nSubject: hej\nReceived: old\n\ntext\n",
	} {
		if a == Digest([]byte(other)) {
			t.Errorf("another letter has the same digest: %q", other)
		}
	}
}

func TestSplitReply(t *testing.T) {
	for _, c := range []struct{ in, fresh string }{
		{"Tack!\n\nDen tis 3 mars 2026 kl 10:12 skrev Anna Ek <anna@example.org>:\n\n> Hej\n> du\n", "Tack!"},
		{"Tack!\n\nDen 3 mars 2026 kl. 10:12 skrev Anna Ek <\nanna@example.org>:\n> Hej\n", "Tack!"},
		{"Tak\n\nDen tirs. 3. mar. 2026 kl. 10.12 skrev Anna <a@example.org>:\n> Hej\n", "Tak"},
		{"Takk\n\ntir. 3. mars 2026 kl. 10:12 skrev Anna <a@example.org>:\n> Hei\n", "Takk"},
		{"Kiitos\n\nti 3. maalisk. 2026 klo 10.12 Anna (a@example.org) kirjoitti:\n> Hei\n", "Kiitos"},
		{"Thanks\n\nOn Tue, Mar 3, 2026 at 10:12 AM Anna <a@example.org> wrote:\n> Hi\n", "Thanks"},
		{"Danke\n\nAm 03.03.2026 um 10:12 schrieb Anna:\n> Hallo\n", "Danke"},
		{"Tack\n\n-----Ursprungligt meddelande-----\nFrån: x\nHej\n", "Tack"},
		{"Tack\n\n________________________________\nFrån: Anna <a@example.org>\nSkickat: den 3 mars 2026 10:12\nTill: Bo\nÄmne: Hej\n\nHej\n", "Tack"},
		{"Tak\n\nFra: Anna\nSendt: 3. marts 2026\nTil: Bo\nEmne: Hej\n\nHej", "Tak"},
		{"Kiitos\n\nLähettäjä: Anna\nLähetetty: 3. maaliskuuta\nVastaanottaja: Bo\nAihe: Hei\n\nHei", "Kiitos"},
		{"> Kan du komma?\n\nJa.\n\n> Och Bo?\n\nNej.", "> Kan du komma?\n\nJa.\n\n> Och Bo?\n\nNej."},
		{"Bara text.\nFrån: vänster till höger.\n", "Bara text.\nFrån: vänster till höger."},
		{"Han skrev: kom hem.\n\nVad betyder det?", "Han skrev: kom hem.\n\nVad betyder det?"},
		{"Hej\n\nOn Monday Anna wrote to me at a@example.org and said 5 things:\n- one\n- two", "Hej\n\nOn Monday Anna wrote to me at a@example.org and said 5 things:\n- one\n- two"},
	} {
		if fresh, _ := SplitReply(c.in); fresh != c.fresh {
			t.Errorf("%q: %q", c.in, fresh)
		}
	}
}

func TestSanitize(t *testing.T) {
	out := Sanitize(`<p style="background:url(http://x/t.gif)" onclick="x()">a<img src="http://x/t.gif"><img src="cid:p1" alt="bild"><a href="https://example.org/">l</a><a href="javascript:x">m</a></p><form action="/x"><input name=q></form><style>*{}</style><base href=http://x>`)
	for _, bad := range []string{"style", "onclick", "t.gif", "javascript", "<form", "<input", "<base", "url("} {
		if strings.Contains(out, bad) {
			t.Errorf("%s in %s", bad, out)
		}
	}
	for _, good := range []string{`src="cid:p1"`, `target="_blank"`, "noopener", "noreferrer", "https://example.org/"} {
		if !strings.Contains(out, good) {
			t.Errorf("no %s in %s", good, out)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	good := func() Outgoing {
		return Outgoing{From: Address{"Å", "desk@example.org"}, To: []Address{{"", "a@example.org"}}, Subject: "x", MessageID: "<i@example.org>", Date: time.Unix(1e9, 0).UTC()}
	}
	o := good()
	o.Automatic, o.InReplyTo = "auto-replied", "<b@example.org>"
	raw, err := Build(o)
	if err != nil {
		t.Fatal(err)
	}
	m := parse(t, string(raw))
	if m.AutoSubmitted != "auto-replied" || m.Header("X-Auto-Response-Suppress") != "All" || m.InReplyTo[0] != "b@example.org" || m.From[0].Name != "Å" {
		t.Errorf("%+v", m)
	}
	for name, spoil := range map[string]func(*Outgoing){
		"from":      func(o *Outgoing) { o.From.Mail = "a@example.org\r\nBcc: x@example.org" },
		"to":        func(o *Outgoing) { o.To[0].Mail = "a@example.org>, <b@example.org" },
		"nobody":    func(o *Outgoing) { o.To = nil },
		"id":        func(o *Outgoing) { o.MessageID = "a@b>\r\nX: y" },
		"no id":     func(o *Outgoing) { o.MessageID = "" },
		"in reply":  func(o *Outgoing) { o.InReplyTo = "a b" },
		"automatic": func(o *Outgoing) { o.Automatic = "no\r\nX: y" },
		"loop":      func(o *Outgoing) { o.Loop = "a\nb" },
		"date":      func(o *Outgoing) { o.Date = time.Time{} },
	} {
		o := good()
		spoil(&o)
		if raw, err := Build(o); err == nil {
			t.Errorf("%s: built %s", name, raw)
		}
	}
	o = good()
	o.Subject = "x\r\nBcc: evil@example.org"
	if raw, _ = Build(o); parse(t, string(raw)).Header("Bcc") != "" {
		t.Error("a subject became a field")
	}
	for range 50 {
		o.References = append(o.References, "r"+strings.Repeat("x", len(o.References))+"@example.org")
	}
	raw, _ = Build(o)
	if refs := parse(t, string(raw)).References; len(refs) != 20 || refs[0] != "r@example.org" {
		t.Errorf("references: %d", len(refs))
	}
}
