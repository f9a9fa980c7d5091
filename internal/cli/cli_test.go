package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"insegel/internal/store/storetest"
	"insegel/test/program"
)

// onEach runs a test with an installation of each engine.
func onEach(t *testing.T, fn func(*testing.T, *program.Program)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, program.New(t, "")) })
	t.Run("postgres", func(t *testing.T) { fn(t, program.New(t, postgres(t))) })
}

func postgres(t *testing.T) string {
	t.Helper()
	if storetest.Postgres(t) == nil {
		t.Skip("absent: PostgreSQL's server")
	}
	url, err := storetest.PostgresURL(t)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// refused sees that a command ends with a code and one line that has these words.
func refused(t *testing.T, p *program.Program, code int, words string, args ...string) {
	t.Helper()
	out, said, got := p.Try(args...)
	if got != code || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "insegel: ") || !strings.Contains(said, words) {
		t.Errorf("insegel %s: exit %d (want %d), stderr %q (want one line with %q), stdout %q", strings.Join(args, " "), got, code, said, words, out)
	}
}

func acme(p *program.Program) {
	p.Run("tenant", "create", "acme", "--name", "Acme kommun", "--admin", "anna@acme.example", "--lang", "sv")
	p.Run("queue", "create", "--tenant", "acme", "Kundtjänst", "--address", "support@acme.example", "--purpose", "support", "--lang", "sv")
}

// TestCommands drives each command like a user, on an installation that does not run, and then, all the same, while it does.
func TestCommands(t *testing.T) {
	onEach(t, func(t *testing.T, p *program.Program) {
		refused(t, p, 1, "There is no installation in", "tenant", "list")
		if _, err := os.Stat(p.Data); !os.IsNotExist(err) {
			t.Error("a command that only asks made a folder")
		}
		acme(p)
		commands(t, p, "alone")
		p.Start()
		commands(t, p, "running")
		if !strings.Contains(p.Said(), "/link/") || !strings.Contains(p.Said(), "operator@localhost") {
			t.Errorf("the first start tells no link:\n%s", p.Said())
		}
		if strings.Contains(p.Said(), "Nobody has confirmed") {
			t.Error("it nags although somebody has confirmed")
		}
		letter(t, p, "first")
		p.Stop()
		if out, _, code := p.Try("check", "--tenant", "acme"); code != 0 {
			t.Errorf("check: exit %d\n%s", code, out)
		}
	})
}

func commands(t *testing.T, p *program.Program, who string) {
	t.Helper()
	if out := p.Run("tenant", "create", who, "--name", "Kund "+who, "--admin", "bo@b.example"); !strings.Contains(out, "/link/") {
		t.Errorf("tenant create prints no link: %q", out)
	}
	refused(t, p, 1, "already", "tenant", "create", "acme", "--name", "Another", "--admin", "x@x.example")
	refused(t, p, 1, "short name", "tenant", "create", "Åäö", "--name", "N", "--admin", "x@x.example")
	var list []map[string]string
	if err := json.Unmarshal([]byte(p.Run("tenant", "list", "--json")), &list); err != nil || len(list) < 3 || list[0]["name"] != "Acme kommun" {
		t.Errorf("tenant list: %v %v", list, err)
	}
	if out := p.Run("tenant", "list"); !strings.Contains(out, "Acme kommun") {
		t.Errorf("tenant list: %q", out)
	}
	accounts(t, p, who)
	if out := p.Run("token", "create", "--tenant", "acme", "--account", "anna@acme.example", "--scope", "case.*", "--scope", "queue.list"); !strings.HasPrefix(out, "insegel_") || strings.Count(out, "\n") != 1 {
		t.Errorf("token create prints %q", out)
	}
	refused(t, p, 1, "There is no scope", "token", "create", "--tenant", "acme", "--account", "anna@acme.example", "--scope", "case.eat")
	p.Run("queue", "create", "--tenant", "acme", "Kö "+who, "--address", who+"@acme.example", "--purpose", "security")
	refused(t, p, 1, "not in the register", "queue", "create", "--tenant", "acme", "X", "--address", "y@acme.example", "--purpose", "nothing")
	refused(t, p, 1, "Another queue", "queue", "create", "--tenant", "acme", "X", "--address", "support@acme.example", "--purpose", "support")
	if out := p.Run("queue", "list", "--tenant", "acme"); !strings.Contains(out, "Kundtjänst") || !strings.Contains(out, "Kö "+who) {
		t.Errorf("queue list: %q", out)
	}
	upkeep(t, p)
}

func accounts(t *testing.T, p *program.Program, who string) {
	t.Helper()
	mail := who + "@acme.example"
	if out := p.Run("account", "invite", "--tenant", "acme", mail, "--name", "Omar "+who, "--role", "handler"); !strings.Contains(out, "/link/") || strings.Count(out, "\n") != 1 {
		t.Errorf("account invite prints %q", out)
	}
	refused(t, p, 1, "", "account", "invite", "--tenant", "acme", mail)
	refused(t, p, 1, "no such customer", "account", "invite", "--tenant", "nobody", mail)
	if out := p.Run("account", "reset", "--tenant", "acme", "--account", mail); !strings.Contains(out, "/link/") {
		t.Errorf("account reset prints %q", out)
	}
	refused(t, p, 1, "", "account", "reset", "--tenant", "acme", "nobody@acme.example")
	p.Run("account", "unlock", "--tenant", "acme", mail)
	if out := p.Run("account", "list", "--tenant", "acme"); !strings.Contains(out, "Omar "+who) || !strings.Contains(out, "invited") {
		t.Errorf("account list: %q", out)
	}
}

func upkeep(t *testing.T, p *program.Program) {
	t.Helper()
	out := p.Run("audit", "verify", "--tenant", "acme")
	_, signed, _ := strings.Cut(out, "\n\n")
	checkpoint := filepath.Join(t.TempDir(), "acme.checkpoint")
	if err := os.WriteFile(checkpoint, []byte(signed), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Run("audit", "verify", "--tenant", "acme", "--checkpoint", checkpoint)
	refused(t, p, 1, "no checkpoint", "audit", "verify", "--tenant", "operator", "--checkpoint", checkpoint)
	refused(t, p, 1, "cannot be read", "audit", "verify", "--tenant", "acme", "--checkpoint", checkpoint+".not")
	refused(t, p, 1, "no such case", "audit", "show", "--tenant", "acme", "--case", "4711")
	before := epoch(t, p)
	p.Run("keys", "rotate", "--tenant", "acme")
	if after := epoch(t, p); after != before+1 {
		t.Errorf("epoch %v after rotation, %v before", after, before)
	}
	p.Run("keys", "copied")
	if out := p.Run("keys", "status"); !strings.Contains(out, "were confirmed") {
		t.Errorf("keys status: %q", out)
	}
	if out := p.Run("check"); strings.Contains(out, "fault:") {
		t.Errorf("check: %q", out)
	}
	if out := p.Run("check", "--tenant", "acme"); !strings.Contains(out, "0 faults") {
		t.Errorf("check: %q", out)
	}
	p.Run("check", "--tenant", "acme", "--accept")
	refused(t, p, 1, "--tenant", "check", "--accept")
	refused(t, p, 1, "not held", "resume")
	p.Run("version", "--json")
}

func epoch(t *testing.T, p *program.Program) float64 {
	t.Helper()
	var status struct {
		Tenants []struct {
			Tenant string  `json:"tenant"`
			Epoch  float64 `json:"epoch"`
		} `json:"tenants"`
	}
	if err := json.Unmarshal([]byte(p.Run("keys", "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	for _, l := range status.Tenants {
		if l.Tenant == "acme" {
			return l.Epoch
		}
	}
	t.Fatal("keys status does not tell of acme")
	return 0
}

// letter sends a letter to the running program; it is taken when this returns.
func letter(t testing.TB, p *program.Program, subject string) {
	t.Helper()
	if err := send(p, subject, "Hej!"); err != nil {
		t.Fatal(err)
	}
}

func send(p *program.Program, subject, body string) error {
	msg := fmt.Sprintf("From: Ida <ida@example.org>\r\nTo: support@acme.example\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n%s\r\n",
		subject, strings.ReplaceAll(subject, " ", "."), body)
	c, err := smtp.Dial(p.SMTP)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Mail("ida@example.org"); err != nil {
		return err
	}
	if err := c.Rcpt("support@acme.example"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(msg)); err != nil {
		return err
	}
	return w.Close()
}

// TestWrongUsage ends with 2 and one line that says where help is.
func TestWrongUsage(t *testing.T) {
	p := program.New(t, "")
	for _, args := range [][]string{
		{}, {"fly"}, {"tenant"}, {"tenant", "create"}, {"tenant", "create", "acme"}, {"tenant", "create", "acme", "--name", "A", "--admin", "a@a.example", "extra"},
		{"queue", "create", "--tenant", "acme"}, {"token", "create", "--tenant", "acme"}, {"audit", "show", "--case", "seventeen", "--tenant", "acme"},
		{"account", "invite", "--tenant", "acme", "a@a.example", "--role", "king"}, {"restore", "--to", "x"}, {"serve", "--no-such-flag"}, {"check", "--tenant"},
	} {
		refused(t, p, 2, "--help", args...)
	}
}

// TestSettings: the file says what the command line and the environment do not, and a misspelt name is refused.
func TestSettings(t *testing.T) {
	p := program.New(t, "")
	acme(p)
	file := filepath.Join(t.TempDir(), "insegel.toml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("base-domain = \"desk.example.org\"\npublic = \"https://{slug}.desk.example.org\"\nrotate = \"24h\"\nmax-open = 7\nproxy = [\"10.0.0.5/32\"]\n")
	if out := p.Run("account", "reset", "--tenant", "acme", "anna@acme.example", "--config", file); !strings.HasPrefix(out, "https://acme.desk.example.org/link/") {
		t.Errorf("the link is %q", out)
	}
	p.Env = []string{"INSEGEL_CONFIG=" + file, "INSEGEL_PUBLIC=https://x.example/{slug}"}
	if out := p.Run("account", "reset", "--tenant", "acme", "anna@acme.example"); !strings.HasPrefix(out, "https://x.example/acme/link/") {
		t.Errorf("the environment does not go before the file: %q", out)
	}
	p.Env = nil
	write("base_domian = \"x\"\n")
	refused(t, p, 1, "base_domian", "tenant", "list", "--config", file)
	write("public = [\n")
	refused(t, p, 1, "no TOML", "tenant", "list", "--config", file)
	refused(t, p, 1, "cannot be read", "tenant", "list", "--config", file+".not")
	write("proxy = [\"everybody\"]\nrotate = \"1m\"\n")
	refused(t, p, 1, "--rotate", "tenant", "list", "--config", file)
}

// TestFirstStart prints the link until somebody has used it, and nags about the keys until somebody has copied them.
func TestFirstStart(t *testing.T) {
	p := program.New(t, "")
	for _, start := range []string{"first", "second"} {
		before := len(p.Said())
		p.Start()
		waitFor(t, func() bool { return strings.Contains(p.Said()[before:], "Nobody has confirmed") })
		if said := p.Said()[before:]; !strings.Contains(said, "/link/") || !strings.Contains(said, "operator@localhost") {
			t.Errorf("the %s start tells no link:\n%s", start, said)
		}
		p.Stop()
	}
}

// TestKilled: what a killed server leaves (its socket, its lock) is in nobody's way.
func TestKilled(t *testing.T) {
	p := program.New(t, "")
	acme(p)
	p.Start()
	letter(t, p, "before the kill")
	p.Kill()
	if _, err := os.Lstat(filepath.Join(p.Data, "insegel.sock")); err != nil {
		t.Fatal("the killed server left no socket: the test tests nothing")
	}
	p.Run("tenant", "list")
	p.Start()
	p.Run("account", "list", "--tenant", "acme")
	info, err := os.Stat(filepath.Join(p.Data, "insegel.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v", info, err)
	}
	p.Stop()
	if _, err := os.Lstat(filepath.Join(p.Data, "insegel.sock")); !os.IsNotExist(err) {
		t.Error("a server that was stopped leaves its socket")
	}
	p.Start()
	other := filepath.Join(t.TempDir(), "no")
	if _, said, code := p.Try("serve", "--listen", "127.0.0.1:0", "--smtp", ""); code != 1 || !strings.Contains(said, "Another insegel uses the data folder") {
		t.Errorf("a second server: exit %d, %q (%s)", code, said, other)
	}
	// Files of the data folder are nobody else's.
	if err := filepath.Walk(p.Data, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	waitFor(t, func() bool {
		out, _, _ := p.Try("audit", "show", "--tenant", "acme", "--case", "1001")
		return strings.Contains(out, "mail.file")
	})
}

// waitFor waits until something is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for range 600 {
		if so() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it never came to be")
}

// TestManyAtOnce: commands without a server wait for each other, and with one they work side by side.
func TestManyAtOnce(t *testing.T) {
	p := program.New(t, "")
	acme(p)
	all := func() {
		t.Helper()
		ends := make(chan string, 6)
		for range cap(ends) {
			go func() {
				out, said, code := p.Try("queue", "list", "--tenant", "acme")
				ends <- fmt.Sprint(code, said, strings.Contains(out, "Kundtjänst"))
			}()
		}
		for range cap(ends) {
			if end := <-ends; end != "0true" {
				t.Error(end)
			}
		}
	}
	all()
	p.Start()
	all()
}

// TestSocketTakesNoNonsense: whatever comes to the socket, the server goes on.
func TestSocketTakesNoNonsense(t *testing.T) {
	p := program.New(t, "")
	acme(p)
	p.Start()
	for _, nonsense := range []string{"", "x", "\xff\xff\xff\xff", "\x00\x00\x00\x02{}", "\x00\x00\x00\x05hello", "\x00\x00\x00\x00",
		"\x00\x00\x00\x16" + `{"args":["--version"]}`, "\x00\x00\x00\x12" + `{"args":["serve"]}`, "\x00\x00\x00\x18" + `{"args":["tenant","-h"]}`} {
		c, err := net.Dial("unix", filepath.Join(p.Data, "insegel.sock"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(nonsense)); err != nil {
			t.Error(err)
		}
		if err := c.(*net.UnixConn).CloseWrite(); err != nil {
			t.Error(err)
		}
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadAll(io.LimitReader(c, 1<<20)); err != nil {
			t.Errorf("%q: %v", nonsense, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	p.Run("tenant", "list")
	if !strings.Contains(p.Said(), `msg=command what="tenant list"`) {
		t.Errorf("the server does not answer any more:\n%s", p.Said())
	}
}
