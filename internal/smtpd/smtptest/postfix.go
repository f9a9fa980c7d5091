// Package smtptest starts real mail servers for tests: a private Postfix with its own configuration,
// queue and port, which relays to the program under test or keeps in a maildir what the program sends.
//
// It is imported by tests only and knows nothing of this program. Where Postfix or the rights to start it are missing a
// test is skipped with what is missing; with CI=true it fails, for then nothing would have been tried.
package smtptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Options of a Postfix.
type Options struct {
	// Domains are taken in and kept in one maildir. Everything else is relayed.
	Domains []string
	// RelayTo is host:port of where to relay to; empty refuses what is not for Domains.
	RelayTo string
	// Set are further lines of main.cf ("smtputf8_enable": "no").
	Set map[string]string
	// CertFile and KeyFile let Postfix offer STARTTLS.
	CertFile, KeyFile string
}

// Postfix is a running instance. It stops when the test ends.
type Postfix struct {
	Addr    string // 127.0.0.1:port
	bin     string
	dir     string
	maildir string
}

// Missing skips a test for lack of something, or fails it in CI.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("missing: %s", what)
	}
	t.Skipf("absent: %s", what)
}

// Tool gives the path of a program, or skips the test.
func Tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/bin/", "/usr/local/sbin/"} {
		if p, err := exec.LookPath(dir + name); err == nil {
			return p
		}
	}
	Missing(t, name)
	return ""
}

// Start starts a Postfix.
func Start(t testing.TB, o Options) *Postfix {
	t.Helper()
	bin := Tool(t, "postfix")
	if os.Getuid() != 0 {
		Missing(t, "root, which Postfix needs to start")
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		Missing(t, "the user postfix")
	}
	// Not t.TempDir: Postfix's sockets want short paths, and its user must be able to walk in.
	dir, err := os.MkdirTemp("", "pf")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755)) // #nosec G302 -- for Postfix's user
	p := &Postfix{Addr: freePort(t), bin: bin, dir: dir, maildir: filepath.Join(dir, "mail", "all")}
	p.configure(t, o, owner)
	p.run(t)
	return p
}

func (p *Postfix) configure(t testing.TB, o Options, owner *user.User) {
	t.Helper()
	uid, err := strconv.Atoi(owner.Uid)
	must(t, err)
	gid, err := strconv.Atoi(owner.Gid)
	must(t, err)
	for _, d := range []string{"etc", "queue", "data", "mail"} {
		must(t, os.Mkdir(filepath.Join(p.dir, d), 0o755)) // #nosec G301 -- Postfix runs as another user
	}
	must(t, os.Chown(filepath.Join(p.dir, "data"), uid, gid))
	must(t, os.Chown(filepath.Join(p.dir, "mail"), uid, gid))
	main := map[string]string{
		"compatibility_level": "3.6",
		"queue_directory":     p.dir + "/queue", "data_directory": p.dir + "/data",
		"maillog_file": p.dir + "/log", "maillog_file_prefixes": p.dir,
		"myhostname": "relay.example", "mydestination": "", "mynetworks": "127.0.0.0/8",
		"inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "alias_maps": "", "local_recipient_maps": "",
		"virtual_mailbox_domains": strings.Join(o.Domains, ", "), "virtual_mailbox_base": p.dir + "/mail",
		"virtual_mailbox_maps": "static:all/", "virtual_minimum_uid": "1",
		"virtual_uid_maps": "static:" + owner.Uid, "virtual_gid_maps": "static:" + owner.Gid,
		"message_size_limit": "104857600", "mailbox_size_limit": "0", "virtual_mailbox_limit": "0",
		"smtp_tls_security_level": "may", "smtp_host_lookup": "native", "smtputf8_enable": "yes",
		"minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s",
		"smtpd_client_connection_rate_limit": "0", "smtpd_relay_restrictions": "permit_mynetworks, reject",
		"smtp_connection_cache_on_demand": "yes",
	}
	if o.RelayTo != "" {
		host, port, err := net.SplitHostPort(o.RelayTo)
		must(t, err)
		main["relayhost"] = "[" + host + "]:" + port
	} else {
		main["default_transport"] = "error:no relay in this test"
	}
	if o.CertFile != "" {
		main["smtpd_tls_cert_file"], main["smtpd_tls_key_file"], main["smtpd_tls_security_level"] = o.CertFile, o.KeyFile, "may"
	}
	for k, v := range o.Set {
		main[k] = v
	}
	var lines []string
	for k, v := range main {
		lines = append(lines, k+" = "+v)
	}
	slices.Sort(lines)
	write(t, p.dir+"/etc/main.cf", strings.Join(lines, "\n")+"\n")
	write(t, p.dir+"/etc/master.cf", p.Addr+masterCF)
}

// What master runs; the first line begins with the address to listen on. No chroot: libraries and
// certificates would have to be copied in.
const masterCF = ` inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
showq unix n - n - - showq
`

func (p *Postfix) run(t testing.TB) {
	t.Helper()
	if out, err := p.postfix("start"); err != nil {
		t.Fatalf("postfix start: %v: %s\n%s", err, out, p.Log())
	}
	t.Cleanup(func() {
		if out, err := p.postfix("stop"); err != nil {
			t.Errorf("postfix stop: %v: %s", err, out)
		}
		if t.Failed() {
			t.Logf("postfix log:\n%s", p.Log())
		}
	})
	p.wait(t, "greeting", func() bool {
		c, err := net.DialTimeout("tcp", p.Addr, time.Second)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		b := make([]byte, 4)
		_, err = io.ReadFull(c, b)
		return err == nil && string(b) == "220 "
	})
}

func (p *Postfix) postfix(what string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.bin, "-c", p.dir+"/etc", what) // #nosec G204 -- a test's own
	// A file, not a pipe: the daemons inherit it, and a pipe would keep Wait waiting for them.
	out, err := os.Create(p.dir + "/out." + what)
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	text, _ := os.ReadFile(out.Name())
	return string(text), err
}

// Log is what Postfix wrote so far.
func (p *Postfix) Log() string {
	b, err := os.ReadFile(p.dir + "/log")
	if err != nil {
		return "no log: " + err.Error()
	}
	return string(b)
}

// Mails waits until n messages are in the maildir and gives them, in no particular order.
func (p *Postfix) Mails(t testing.TB, n int) []string {
	t.Helper()
	var mails []string
	p.wait(t, fmt.Sprintf("%d messages in the maildir", n), func() bool {
		files, _ := filepath.Glob(p.maildir + "/new/*")
		mails = mails[:0]
		for _, f := range files {
			b, err := os.ReadFile(f) // #nosec G304 -- below our own folder
			if err != nil {
				return false
			}
			mails = append(mails, string(b))
		}
		return len(mails) >= n
	})
	return mails
}

// WaitEmpty waits until Postfix has delivered or returned all it has taken.
func (p *Postfix) WaitEmpty(t testing.TB) {
	t.Helper()
	lately := time.Now()
	p.wait(t, "an empty queue", func() bool {
		// A scan of the queue that meets a message just being put back leaves it lying ("skipped, still
		// being delivered") until somebody asks again.
		if time.Since(lately) > 3*time.Second {
			lately = time.Now()
			if out, err := p.postfix("flush"); err != nil {
				t.Logf("postfix flush: %v: %s", err, out)
			}
		}
		return p.Queued() == 0
	})
}

// Queued is the number of messages that Postfix still holds.
func (p *Postfix) Queued() int {
	n := 0
	for _, q := range []string{"maildrop", "incoming", "active", "deferred", "hold"} {
		_ = filepath.WalkDir(p.dir+"/queue/"+q, func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				n++
			}
			return nil
		})
	}
	return n
}

// wait polls, for Postfix tells nobody when it is done; the bound only ends a hopeless test.
func (p *Postfix) wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited a minute for %s\n%s", what, p.Log())
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func write(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.WriteFile(name, []byte(text), 0o644)) // #nosec G306 -- for Postfix's user
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
}
