// Package mainjob runs the main job through the real program: a letter comes from a real Postfix, is answered in a real
// Chromium, the answer reaches a real mailbox and is followed up; all of it survives kill -9, comes back from a backup, and its
// log verifies.
package mainjob

import (
	"context"
	"encoding/json"
	"fmt"
	"net/smtp"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"insegel/internal/mailmsg"
	"insegel/internal/smtpd/smtptest"
	"insegel/internal/store/storetest"
	"insegel/test/browser"
	"insegel/test/program"
)

func TestMainJob(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { mainJob(t, program.New(t, "")) })
	t.Run("postgres", func(t *testing.T) { mainJob(t, program.New(t, storetest.OwnCluster(t).URL("mainjob"))) })
}

const password = "en stilla sjö om hösten"

// seen is what the browser saw.
type seen struct {
	Subject, Shown, After string
	Number                int64
	Said                  []string
}

func mainJob(t *testing.T, p *program.Program) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	// The world: one Postfix keeps mail for person.example and relays the rest to the desk.
	world := smtptest.Start(t, smtptest.Options{Domains: []string{"person.example"}, RelayTo: p.SMTP})
	p.Extra = []string{"--smarthost", world.Addr, "--smarthost-tls", "opportunistic", "--hostname", "desk.example"}
	p.Start()
	link := regexp.MustCompile(`http://\S+/link/\S+`).FindString(p.Run("tenant", "create", "acme", "--name", "Acme kommun", "--admin", "astrid@acme.example", "--lang", "sv"))
	p.Run("queue", "create", "--tenant", "acme", "Kundtjänst", "--address", "kundtjanst@acme.example", "--purpose", "support", "--lang", "sv")

	write(t, world.Addr, "kundtjanst@acme.example", "Fel adress i folkbokföringen", "m1@person.example", "", "Hej, min adress är fel.")
	ack := parse(t, only(t, world.Mails(t, 1), "bekräft", "har kommit fram"))
	if ack.AutoSubmitted != "auto-replied" {
		t.Errorf("the acknowledgement is marked %q", ack.AutoSubmitted)
	}
	s := look(t, ctx, link, "Vi har rättat adressen.")
	if !strings.Contains(s.Shown, "min adress är fel") || !strings.Contains(s.After, "Skickat") || len(s.Said) > 0 {
		t.Fatalf("in the browser: %+v", s)
	}
	answer := parse(t, only(t, world.Mails(t, 2), "rättat adressen"))
	if answer.InReplyTo[0] != "m1@person.example" || len(answer.ReplyTo) != 1 {
		t.Fatalf("the answer does not thread: %+v", answer)
	}
	write(t, world.Addr, answer.ReplyTo[0].Mail, "Sv: "+answer.Subject, "m2@person.example", answer.MessageID, "Tack, nu stämmer det!")
	waitFor(t, func() bool {
		return strings.Contains(look(t, ctx, base(link), "").After, "nu stämmer det")
	})

	p.Kill()
	p.Start()
	after := look(t, ctx, base(link), "")
	for _, said := range []string{"min adress är fel", "rättat adressen", "nu stämmer det"} {
		if after.Number != s.Number || !strings.Contains(after.After, said) {
			t.Errorf("after kill -9 the case lacks %q: %s", said, after.After)
		}
	}
	p.Run("audit", "verify", "--tenant", "acme")
	backAgain(t, p, s.Number)
}

// backAgain restores a backup that was made while the program ran.
func backAgain(t *testing.T, p *program.Program, number int64) {
	backups, restored := filepath.Join(t.TempDir(), "backups"), filepath.Join(t.TempDir(), "restored")
	p.Run("backup", "now", "--to", backups)
	args := []string{"restore", "--all", "--from", backups, "--to", restored}
	if p.Database != "" {
		args = append(args, "--to-database", strings.Replace(p.Database, "/mainjob?", "/restored?", 1))
	}
	out := p.Run(args...)
	t.Log(out)
	shown := p.Run("audit", "show", "--tenant", "acme", "--case", fmt.Sprint(number))
	if !strings.Contains(shown, "case.read") || !strings.Contains(shown, "message.reply") {
		t.Errorf("the log of the case does not tell who read and answered it:\n%s", shown)
	}
}

func base(link string) string { return link[:strings.Index(link, "/link/")] }

// look goes into the desk with a browser: with a link it chooses the password first, with a text it answers the newest case.
func look(t *testing.T, ctx context.Context, link, text string) seen {
	t.Helper()
	var s seen
	out := browser.Run(t, ctx, "answer.mjs", nil, link, password, "astrid@acme.example", text)
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

// write sends a letter as somebody's mail program would.
func write(t *testing.T, server, to, subject, messageID, inReplyTo, text string) {
	t.Helper()
	out := mailmsg.Outgoing{From: mailmsg.Address{Name: "Ottilia Granström", Mail: "ottilia@person.example"}, To: []mailmsg.Address{{Mail: to}},
		Subject: subject, Text: text, MessageID: messageID, InReplyTo: inReplyTo, Date: time.Now()}
	raw, err := mailmsg.Build(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := smtp.SendMail(server, nil, "ottilia@person.example", []string{to}, raw); err != nil {
		t.Fatal(err)
	}
}

// only gives the one of some mails that has all the words.
func only(t *testing.T, mails []string, words ...string) string {
	t.Helper()
	for _, m := range mails {
		p := parse(t, m)
		for _, w := range words {
			if strings.Contains(p.Text, w) {
				return m
			}
		}
	}
	t.Fatalf("no mail has %q: %q", words, mails)
	return ""
}

func parse(t *testing.T, raw string) *mailmsg.Message {
	t.Helper()
	m, err := mailmsg.Parse([]byte(raw), mailmsg.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 30 {
		if ok() {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal("it never came to be")
}
