package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"insegel/internal/app"
	"insegel/internal/store/sqlite"
	"insegel/test/program"
)

// killedInstallation is one with letters in it whose server was killed: its write-ahead logs are full.
func killedInstallation(t *testing.T) *program.Program {
	t.Helper()
	p := program.New(t, "")
	acme(p)
	p.Start()
	for _, s := range []string{"one", "two", "three"} {
		letter(t, p, s)
	}
	waitFor(t, func() bool { return strings.Count(p.Said(), "letter filed") == 3 })
	p.Kill()
	must(t, os.Remove(filepath.Join(p.Data, "insegel.sock"))) // which no copy can have
	return p
}

// twin is a copy of an installation, to be broken.
func twin(t *testing.T, p *program.Program) *program.Program {
	t.Helper()
	c := program.New(t, "")
	for _, suffix := range []string{"", ".key.epochs"} {
		if err := os.CopyFS(c.Data+suffix, os.DirFS(p.Data+suffix)); err != nil {
			t.Fatal(err)
		}
		must(t, filepath.WalkDir(c.Data+suffix, func(path string, d fs.DirEntry, err error) error {
			if err == nil {
				err = os.Chmod(path, map[bool]os.FileMode{true: 0o700, false: 0o600}[d.IsDir()])
			}
			return err
		}))
	}
	b, err := os.ReadFile(p.Data + ".key")
	must(t, err)
	must(t, os.WriteFile(c.Data+".key", b, 0o600))
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// digests are those of all files of an installation but the ones that say nothing: locks, SQLite's shared memory, the log of
// commands.
func digests(t *testing.T, p *program.Program) map[string]string {
	t.Helper()
	all := map[string]string{}
	root := filepath.Dir(p.Data)
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" || d.Name() == "commands.log" || strings.HasSuffix(path, "-shm") || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		h := sha256.Sum256(b)
		all[strings.TrimPrefix(path, root)] = hex.EncodeToString(h[:8])
		return err
	}))
	return all
}

func differ(before, after map[string]string) (out []string) {
	for name := range maps.Keys(before) {
		if after[name] != before[name] {
			out = append(out, name+" was "+before[name]+", is "+after[name])
		}
	}
	for name := range maps.Keys(after) {
		if _, there := before[name]; !there {
			out = append(out, name+" is new")
		}
	}
	return out
}

// databaseOf finds the database of the customer.
func databaseOf(t *testing.T, p *program.Program) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(p.Data, "tenants", "*.db"))
	must(t, err)
	for _, f := range all {
		if !strings.Contains(f, app.Operator) {
			return f
		}
	}
	t.Fatal("no database")
	return ""
}

// TestBroken breaks an installation in one way at a time: each is stopped with one line that says what to do, and nothing is
// written over.
func TestBroken(t *testing.T) {
	whole := killedInstallation(t)
	other := program.New(t, "")
	acme(other)
	operator := func(p *program.Program, suffix string) string {
		return filepath.Join(p.Data, "tenants", app.Operator+suffix)
	}
	truncate := func(t *testing.T, path string, keep float64) {
		info, err := os.Stat(path)
		must(t, err)
		if info.Size() == 0 {
			t.Fatalf("%s is empty: the test tests nothing", path)
		}
		must(t, os.Truncate(path, int64(float64(info.Size())*keep)))
	}
	for _, c := range []struct {
		name, words string
		breakIt     func(*testing.T, *program.Program)
		args        []string
	}{
		{"the key is missing", "put it back from your copy, or give its place with --key", func(t *testing.T, p *program.Program) {
			must(t, os.Remove(p.Data+".key"))
		}, nil},
		{"the key is another", "give the right file with --key", func(t *testing.T, p *program.Program) {
			b, err := os.ReadFile(other.Data + ".key")
			must(t, err)
			must(t, os.WriteFile(p.Data+".key", b, 0o600))
		}, nil},
		{"the key is open to others", "chmod 600", func(t *testing.T, p *program.Program) { must(t, os.Chmod(p.Data+".key", 0o644)) }, nil},
		{"the key is cut", "is damaged: put it back", func(t *testing.T, p *program.Program) { truncate(t, p.Data+".key", 0.5) }, nil},
		{"no folder of epoch keys has them", "in none of the folders", func(t *testing.T, p *program.Program) {
			for _, dir := range []string{p.Data + ".key.epochs", filepath.Join(p.Data, "epochs")} {
				found, err := filepath.Glob(filepath.Join(dir, "*.epoch"))
				must(t, err)
				for _, f := range found {
					must(t, os.Remove(f))
				}
			}
		}, nil},
		{"the note is missing", "nothing was touched", func(t *testing.T, p *program.Program) { must(t, os.Remove(filepath.Join(p.Data, "installation.json"))) }, nil},
		{"the note is damaged", "nothing was touched", func(t *testing.T, p *program.Program) { truncate(t, filepath.Join(p.Data, "installation.json"), 0.5) }, nil},
		{"another engine is asked for", "--database", func(*testing.T, *program.Program) {}, []string{"tenant", "list", "--database", "postgres://nobody@127.0.0.1:1/x"}},
		{"the operator's write-ahead log is cut", "the end of its database is lost", func(t *testing.T, p *program.Program) { truncate(t, operator(p, ".db-wal"), 0.5) }, nil},
		{"the operator's write-ahead log is missing", "", func(t *testing.T, p *program.Program) { must(t, os.Remove(operator(p, ".db-wal"))) }, nil},
		{"the customer's write-ahead log is cut", "the end of its database is lost", func(t *testing.T, p *program.Program) { truncate(t, databaseOf(t, p)+"-wal", 0.7) },
			[]string{"account", "list", "--tenant", "acme"}},
		{"the customer's write-ahead log is empty", "", func(t *testing.T, p *program.Program) { truncate(t, databaseOf(t, p)+"-wal", 0) },
			[]string{"account", "list", "--tenant", "acme"}},
		{"the customer's database is empty", "restore it from a backup", func(t *testing.T, p *program.Program) { truncate(t, databaseOf(t, p), 0) },
			[]string{"account", "list", "--tenant", "acme"}},
		{"the customer's database is missing", "restore it from a backup", func(t *testing.T, p *program.Program) { must(t, os.Remove(databaseOf(t, p))) },
			[]string{"account", "list", "--tenant", "acme"}},
		{"the mark is missing", "--accept", func(t *testing.T, p *program.Program) {
			must(t, os.Remove(markOf(t, p)))
		}, []string{"account", "list", "--tenant", "acme"}},
		{"the mark is damaged", "--accept", func(t *testing.T, p *program.Program) {
			must(t, os.WriteFile(markOf(t, p), make([]byte, 1024), 0o600))
		}, []string{"account", "list", "--tenant", "acme"}},
		{"the schema is newer", "upgrade the program", func(t *testing.T, p *program.Program) { newerSchema(t, databaseOf(t, p)) }, []string{"account", "list", "--tenant", "acme"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := twin(t, whole)
			c.breakIt(t, p)
			before := digests(t, p)
			args := c.args
			if args == nil {
				args = []string{"tenant", "list"}
				refused(t, p, 1, c.words, "serve", "--listen", "127.0.0.1:0", "--smtp", "", "--log-level", "error")
			}
			refused(t, p, 1, c.words, args...)
			if !strings.Contains(strings.Join(args, " "), "--database") {
				refused(t, p, 1, c.words, "check", "--tenant", "acme")
				refused(t, p, 1, "The lines above", "check")
				if out, _, _ := p.Try("check"); !strings.Contains(out, c.words) {
					t.Errorf("check tells %q, want %q", out, c.words)
				}
			}
			for _, d := range differ(before, digests(t, p)) {
				// The operator's database is sound where the customer's is broken: it is opened, and takes in its write-ahead log.
				if c.args == nil || !strings.HasPrefix(d, "/data/tenants/"+app.Operator) {
					t.Error("changed: " + d)
				}
			}
		})
	}
}

func markOf(t *testing.T, p *program.Program) string {
	t.Helper()
	return filepath.Join(p.Data, "marks", strings.TrimSuffix(filepath.Base(databaseOf(t, p)), ".db")+".mark")
}

func newerSchema(t *testing.T, database string) {
	t.Helper()
	ctx := context.Background()
	e, err := sqlite.New(filepath.Dir(database), sqlite.Options{})
	must(t, err)
	db, err := e.Open(ctx, strings.TrimSuffix(filepath.Base(database), ".db"))
	must(t, err)
	tx, err := db.Begin(ctx)
	must(t, err)
	_, err = tx.Exec(ctx, `INSERT INTO schema_version (number, name) VALUES ($1, 'of tomorrow')`, 4711)
	must(t, err)
	must(t, tx.Commit(ctx))
	must(t, db.Close())
}

// TestMended: what the lines say to do works.
func TestMended(t *testing.T) {
	whole := killedInstallation(t)
	t.Run("one folder of epoch keys is lost", func(t *testing.T) {
		p := twin(t, whole)
		must(t, os.RemoveAll(p.Data+".key.epochs"))
		p.Run("account", "list", "--tenant", "acme")
		if out := p.Run("keys", "status"); strings.Contains(out, "missing") {
			t.Errorf("the copy did not come back: %s", out)
		}
	})
	t.Run("the mark is accepted anew", func(t *testing.T) {
		p := twin(t, whole)
		must(t, os.Remove(markOf(t, p)))
		p.Run("check", "--tenant", "acme", "--accept")
		p.Run("account", "list", "--tenant", "acme")
	})
	t.Run("a log that does not prove is not accepted", func(t *testing.T) {
		p := twin(t, whole)
		p.Run("account", "list", "--tenant", "acme") // the write-ahead log becomes part of the file
		must(t, os.Remove(markOf(t, p)))
		flip(t, databaseOf(t, p), []byte("mail.file"))
		if _, said, code := p.Try("check", "--tenant", "acme", "--accept"); code != 1 || strings.Count(said, "\n") != 1 {
			t.Errorf("accepted: exit %d, %q", code, said)
		}
		if _, err := os.Stat(markOf(t, p)); !os.IsNotExist(err) {
			t.Error("a mark was made of a log that does not prove")
		}
	})
	t.Run("a flipped byte in a page is found", func(t *testing.T) {
		for _, what := range []string{"mail.file", "tenant.found", `"made":{`} {
			p := twin(t, whole)
			p.Run("account", "list", "--tenant", "acme")
			flip(t, databaseOf(t, p), []byte(what))
			refused(t, p, 1, "", "check", "--tenant", "acme")
			refused(t, p, 1, "", "audit", "verify", "--tenant", "acme")
		}
	})
}

// flip changes one bit after the last place where some bytes are found.
func flip(t *testing.T, path string, near []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	at := bytes.LastIndex(b, near)
	if at < 0 {
		t.Fatalf("%s holds no %q", path, near)
	}
	b[at+len(near)-1] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
}

// TestBrokenBackup flips a bit in each part of a backup: it is not loaded, the line names the file, and nothing is left of the
// attempt.
func TestBrokenBackup(t *testing.T) {
	p := killedInstallation(t)
	p.Start()
	must(t, send(p, "long", strings.Repeat("a letter that is long enough to lie in a file of its own\r\n", 3000)))
	waitFor(t, func() bool {
		return strings.Contains(p.Run("audit", "show", "--tenant", "acme", "--case", "1004"), "mail.file")
	})
	p.Stop()
	p.Run("backup", "now")
	all, err := filepath.Glob(p.Data + ".backups/2*Z")
	must(t, err)
	parts := map[string]string{"database": "databases/*.copy", "keys": "keys/*.keys", "list": "lists/*.sha256", "file": "files/*/*/*", "manifest": "manifest.json", "signature": "manifest.sig"}
	for name, pattern := range parts {
		t.Run(name, func(t *testing.T) {
			found, err := filepath.Glob(filepath.Join(all[0], pattern))
			must(t, err)
			part := ""
			for _, f := range found {
				if info, err := os.Stat(f); err == nil && info.Size() > 0 {
					part = f
				}
			}
			sound, err := os.ReadFile(part)
			must(t, err)
			// The sealed file is linked with the living one: the backup gets bytes of its own first.
			must(t, os.Remove(part))
			broken := bytes.Clone(sound)
			broken[len(broken)/2] ^= 1
			must(t, os.WriteFile(part, broken, 0o600))
			if name != "signature" && name != "manifest" { // those need a key: restoring looks at them
				refused(t, p, 1, "is damaged or missing", "backup", "verify")
			}
			r := restored(t, p)
			refused(t, p, 1, "", r.args()...)
			if left, err := filepath.Glob(filepath.Dir(r.program.Data) + "/*"); err != nil || len(left) > 0 {
				t.Errorf("left: %v %v", left, err)
			}
			must(t, os.WriteFile(part, sound, 0o600))
		})
	}
	restored(t, p).restore(t, p)
}

// TestFullDisk: a backup that does not fit says so, and nothing of it is left to be taken for whole.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("absent: the right to mount a small file system: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := program.New(t, "")
	acme(p)
	before := digests(t, p)
	refused(t, p, 1, "The disk is full", "backup", "now", "--to", dir)
	if left, err := filepath.Glob(filepath.Join(dir, "2*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	after := digests(t, p)
	delete(after, "/data/backups.json")
	for _, d := range differ(before, after) {
		if !strings.Contains(d, "/tenants/") && !strings.Contains(d, "/marks/") {
			t.Error("changed: " + d)
		}
	}
	p.Run("backup", "now")
	refused(t, p, 1, "There is no such backup", "backup", "status", "--to", dir)
}
