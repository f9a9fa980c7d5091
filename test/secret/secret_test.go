// Package secret searches everything that the real program leaves on disk for words that people wrote or are called.
package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"insegel/internal/mailmsg"
	"insegel/internal/store/storetest"
	"insegel/test/program"
)

// words are what must not be found: each said in another place.
func words() map[string]string {
	return map[string]string{
		"subject": "Folkbokföringskvist", "body": "sjukhusvistelsen", "sender": "Ottilia Granström", "sender's address": "ottilia.granstrom", "file name": "läkarintyget",
		"file content": "blindtarmsinflammation", "large file": "journalanteckningarna", "customer": "Exempelköpings", "queue": "Socialtjänstkön", "queue's address": "sockon",
		"administrator": "administrerande.agda", "colleague": "handlaggare.hilding", "HELO": "avslojande-dator",
	}
}

func TestNothingIsReadableOnDisk(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { search(t, program.New(t, ""), "") })
	t.Run("postgres", func(t *testing.T) {
		c := storetest.OwnCluster(t)
		search(t, program.New(t, c.URL("secret")), c.Dir)
	})
}

func search(t *testing.T, p *program.Program, cluster string) {
	w := words()
	p.Start()
	p.Run("tenant", "create", "acme", "--name", w["customer"]+" kommun", "--admin", w["administrator"]+"@acme.example")
	p.Run("queue", "create", "--tenant", "acme", w["queue"], "--address", w["queue's address"]+"@acme.example", "--purpose", "support")
	p.Run("account", "invite", "--tenant", "acme", w["colleague"]+"@acme.example", "--name", "Hilding", "--role", "handler")
	for i := range 3 {
		send(t, p, w, i)
	}
	time.Sleep(3 * time.Second) // filed, acknowledged, tried to send
	backups := filepath.Join(t.TempDir(), "backups")
	p.Run("backup", "now", "--to", backups)
	look(t, w, "running", filepath.Dir(p.Data), cluster, backups)
	p.Stop()
	look(t, w, "stopped", filepath.Dir(p.Data), cluster)
	for what, word := range w {
		if at := find([]byte(p.Said()), word); at != "" {
			t.Errorf("the program's log tells the %s (as %s)", what, at)
		}
	}
}

// send writes a letter with a small and a large file, from a sender whose server tells its name.
func send(t *testing.T, p *program.Program, w map[string]string, i int) {
	t.Helper()
	large := strings.Repeat("I "+w["large file"]+" står det mesta. ", 8000)
	raw, err := mailmsg.Build(mailmsg.Outgoing{From: mailmsg.Address{Name: w["sender"], Mail: w["sender's address"] + "@example.org"},
		To: []mailmsg.Address{{Mail: w["queue's address"] + "@acme.example"}}, Subject: "Om min " + w["subject"], Text: "Efter " + w["body"] + " mår jag bättre.",
		MessageID: fmt.Sprintf("m%d@example.org", i), Date: time.Now(),
		Attachments: []mailmsg.OutgoingFile{{Name: w["file name"] + ".txt", Type: "text/plain", Content: strings.NewReader("Det var " + w["file content"] + ".")},
			{Name: "stor.txt", Type: "text/plain", Content: strings.NewReader(large)}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.Dial(p.SMTP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	steps := []func() error{func() error { return c.Hello(w["HELO"] + ".example.org") }, func() error { return c.Mail(w["sender's address"] + "@example.org") },
		func() error { return c.Rcpt(w["queue's address"] + "@acme.example") }}
	for _, s := range steps {
		if err := s(); err != nil {
			t.Fatal(err)
		}
	}
	d, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// look reads every file below the folders.
func look(t *testing.T, w map[string]string, when string, dirs ...string) {
	t.Helper()
	files := 0
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // gone meanwhile, or a socket
			}
			b, err := os.ReadFile(path) // #nosec G304 -- below the test's own folders
			if err != nil {
				return nil
			}
			files++
			for what, word := range w {
				if at := find(b, word); at != "" {
					t.Errorf("%s: %s has the %s (as %s)", when, path, what, at)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 5 {
		t.Fatalf("only %d files were read: the search does not work", files)
	}
}

// find looks for a word as it is written in the usual ways, and says in which it was found.
func find(b []byte, word string) string {
	latin := make([]byte, 0, len(word))
	for _, r := range word {
		latin = append(latin, byte(r)) // #nosec G115 -- the words are Latin-1
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(word)) {
		wide = append(wide, byte(u), byte(u>>8)) // #nosec G115 -- one byte at a time is meant
	}
	forms := map[string][]byte{"UTF-8": []byte(word), "Latin-1": latin, "UTF-16": wide, "hex": []byte(hex.EncodeToString([]byte(word))), "lower case": []byte(strings.ToLower(word))}
	for shift := range 3 { // base64 at each alignment, without the characters that depend on the neighbours
		e := base64.StdEncoding.EncodeToString(append(make([]byte, shift), word...))
		forms[fmt.Sprintf("base64+%d", shift)] = []byte(e[4*min(shift, 1) : len(e)-4])
	}
	for name, f := range forms {
		if bytes.Contains(b, f) {
			return name
		}
	}
	return ""
}

// TestTheSearchFinds shows that the search is not blind.
func TestTheSearchFinds(t *testing.T) {
	for what, word := range words() {
		for _, text := range []string{"x" + word + "x", base64.StdEncoding.EncodeToString([]byte("ab" + word + "cd")), base64.StdEncoding.EncodeToString([]byte("abc" + word + "d"))} {
			if find([]byte(text), word) == "" {
				t.Errorf("the %s is not found in %q", what, text)
			}
		}
		if find([]byte("nothing here"), word) != "" {
			t.Errorf("the %s is found where it is not", what)
		}
	}
}
