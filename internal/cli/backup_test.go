package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/cases"
	"insegel/internal/config"
	"insegel/internal/intake"
	"insegel/internal/visit"
	"insegel/test/program"
)

// TestBackupWhileOthersWrite copies a running installation that four clients write to, loads the copy, and finds in it everything
// that was acknowledged before the copy was begun; all of it proves.
func TestBackupWhileOthersWrite(t *testing.T) {
	onEach(t, func(t *testing.T, p *program.Program) {
		acme(p)
		p.Start()
		w := &writers{program: p}
		w.start(t)
		w.waitFor(t, 20)
		before := w.all()
		p.Run("backup", "now")
		w.stop()
		if len(w.all()) == len(before) {
			t.Error("nobody wrote while the copy was made: the test tests nothing")
		}
		if out := p.Run("backup", "verify"); !strings.Contains(out, "is whole") {
			t.Errorf("backup verify: %q", out)
		}
		r := restored(t, p)
		out := r.restore(t, p)
		if !strings.Contains(out, "Everything proves") {
			t.Errorf("restore: %s", out)
		}
		// Held: no mail in, none out, no job, until it is told to.
		r.program.Start()
		if err := send(r.program, "too early", "x"); err == nil {
			t.Error("a held installation takes mail")
		}
		r.program.Stop()
		r.program.Run("resume")
		r.program.Start()
		letter(t, r.program, "after it was resumed")
		r.program.Stop()
		settle(t, r.program)
		there := list(t, r.program)
		for _, subject := range append(before, "after it was resumed") {
			if there[subject].Number == 0 {
				t.Errorf("%q was acknowledged before the backup and is not in it", subject)
			}
		}
		if out := r.program.Run("check", "--tenant", "acme"); !strings.Contains(out, "0 faults") {
			t.Errorf("check: %q", out)
		}
	})
}

// writers are clients that send letters as fast as they are taken.
type writers struct {
	program *program.Program
	mu      sync.Mutex
	taken   []string
	end     context.CancelFunc
	clients sync.WaitGroup
}

func (w *writers) start(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	w.end = stop
	for client := range 4 {
		w.clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				subject := fmt.Sprintf("letter %d of client %d", i, client)
				body := "short"
				if i%5 == 0 {
					body = strings.Repeat("a letter that is long enough to lie in a file of its own\r\n", 2000)
				}
				if err := send(w.program, subject, body); err == nil {
					w.mu.Lock()
					w.taken = append(w.taken, subject)
					w.mu.Unlock()
				}
			}
		})
	}
}

func (w *writers) stop() { w.end(); w.clients.Wait() }

func (w *writers) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.taken...)
}

func (w *writers) waitFor(t *testing.T, n int) {
	waitFor(t, func() bool { return len(w.all()) >= n })
}

// copyOf is a new installation that a backup is loaded into.
type copyOf struct {
	program *program.Program
	key     string
}

func restored(t *testing.T, from *program.Program) *copyOf {
	database := ""
	if from.Database != "" {
		database = postgres(t)
	}
	p := program.New(t, database)
	return &copyOf{program: p, key: p.Data + ".key"}
}

func (c *copyOf) args(more ...string) []string {
	args := append([]string{"restore", "--all", "--to", c.program.Data}, more...)
	if c.program.Database != "" {
		args = append(args, "--to-database", c.program.Database)
	}
	return args
}

func (c *copyOf) restore(t *testing.T, from *program.Program, more ...string) string {
	t.Helper()
	return from.Run(c.args(more...)...)
}

// inside looks into an installation that does not run.
func inside(t *testing.T, p *program.Program, fn func(ctx context.Context, a *app.App, tenantID string)) {
	t.Helper()
	ctx := t.Context()
	c := config.Config{Store: config.Store{Data: p.Data, Database: p.Database},
		Serve: config.Serve{Listen: "127.0.0.1:0", BaseDomain: "localhost", MaxMessage: 1 << 20, MaxOpen: 10, Idle: time.Minute, Workers: 2, Connections: 10, Rotate: 168 * time.Hour}}
	a, err := app.Build(ctx, c, app.Outside{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	customer, err := a.Lookup.BySlug(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	fn(ctx, a, customer.ID)
}

// list gives all cases by subject; of an erased one only its number is left.
func list(t *testing.T, p *program.Program) map[string]cases.Case {
	t.Helper()
	all := map[string]cases.Case{}
	inside(t, p, func(ctx context.Context, a *app.App, tenantID string) {
		v, err := a.Waist.Enter(ctx, tenantID, access.Console("test"), access.ListCases)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Leave()
		for cursor := ""; ; {
			next, err := visit.View(ctx, v, func(r *visit.Reader) (string, error) {
				page, next, err := cases.List(ctx, r, cases.Filter{}, cursor, 200)
				for _, c := range page {
					name := c.Subject
					if c.Erased {
						name = fmt.Sprint(c.Number)
					}
					all[name] = c
				}
				return next, err
			})
			if err != nil {
				t.Fatal(err)
			}
			if cursor = next; cursor == "" {
				return
			}
		}
	})
	return all
}

// settle runs an installation until every letter is a case.
func settle(t *testing.T, p *program.Program) {
	t.Helper()
	for range 20 {
		var waiting int64
		inside(t, p, func(ctx context.Context, a *app.App, tenantID string) {
			v, err := a.Waist.Enter(ctx, tenantID, access.Console("test"), access.ListCases)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Leave()
			if waiting, err = visit.View(ctx, v, func(r *visit.Reader) (int64, error) { n, _, err := intake.Backlog(ctx, r); return n, err }); err != nil {
				t.Fatal(err)
			}
		})
		if waiting == 0 {
			return
		}
		p.Start()
		time.Sleep(3 * time.Second)
		p.Stop()
	}
	t.Fatal("letters wait that nobody files")
}

func erase(t *testing.T, p *program.Program, number int64) {
	t.Helper()
	inside(t, p, func(ctx context.Context, a *app.App, tenantID string) {
		v, err := a.Waist.Enter(ctx, tenantID, access.Console("test"), access.EraseCase)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Leave()
		_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) { return struct{}{}, cases.Erase(ctx, w, number) })
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestErasedStaysErased: a case whose key was destroyed is not brought back by restoring a copy from before, whichever way the
// newest keys are found; and losing the whole installation just after its keys were changed loses no backup.
func TestErasedStaysErased(t *testing.T) {
	onEach(t, func(t *testing.T, p *program.Program) {
		acme(p)
		p.Start()
		letter(t, p, "kept")
		letter(t, p, "to be erased")
		p.Stop()
		settle(t, p)
		p.Run("backup", "now")
		p.Run("keys", "rotate")
		number := list(t, p)["to be erased"].Number
		erase(t, p, number)
		// The key of the letter that became the case went with it.
		dir := t.TempDir()
		p.Run("backup", "copy-keys", "--to", dir)
		if b, err := os.ReadFile(keysOfAcme(t, dir)); err != nil || strings.Count(string(b), `"kind":"letter"`) != 1 {
			t.Errorf("keys after erasing one of two cases: %v\n%s", err, b)
		}

		look := func(name string, more ...string) {
			t.Run(name, func(t *testing.T) {
				r := restored(t, p)
				r.restore(t, p, more...)
				there := list(t, r.program)
				if there["kept"].Number == 0 || !there[fmt.Sprint(number)].Erased || there["to be erased"].Number != 0 {
					t.Errorf("restored: %v", there)
				}
			})
		}
		p.Start()
		look("from the running installation")
		p.Stop()
		if p.Database == "" {
			look("from its folder")
		} else {
			look("from its databases", "--keys-from-database", p.Database)
		}
		p.Run("keys", "rotate")
		p.Run("keys", "rotate", "--tenant", "acme")
		look("from beside the backups, the installation being lost", "--keys-from", "none")

		// What takes its place changes keys too, and keeps the backups readable that it came from.
		successor := restored(t, p)
		successor.restore(t, p, "--keys-from", "none")
		successor.program.Env = []string{"INSEGEL_BACKUPS=" + p.Data + ".backups"}
		successor.program.Run("resume")
		successor.program.Run("keys", "rotate")
		again := restored(t, p)
		successor.program.Run(again.args("--keys-from", "none")...)
		if there := list(t, again.program); there["kept"].Number == 0 {
			t.Errorf("restored once more: %v", there)
		}

		// Without the keys beside the backups nothing of an old backup opens any more, and that is said.
		keys := p.Data + ".backups/keys"
		if err := os.Rename(keys, keys+".away"); err != nil {
			t.Fatal(err)
		}
		r := restored(t, p)
		refused(t, p, 1, "which was destroyed", r.args("--keys-from", "none")...)
		if _, err := os.Stat(r.program.Data); !os.IsNotExist(err) {
			t.Error("a restore that failed left a folder")
		}
		if left, err := filepath.Glob(filepath.Dir(r.program.Data) + "/*"); err != nil || len(left) > 0 {
			t.Errorf("a restore that failed left %v", left)
		}
	})
}

// TestAt takes the newest backup begun at a time or before.
func TestAt(t *testing.T) {
	p := program.New(t, "")
	acme(p)
	p.Run("backup", "now")
	time.Sleep(5 * time.Millisecond)
	between := time.Now().UTC().Format(time.RFC3339Nano)
	p.Run("queue", "create", "--tenant", "acme", "Later", "--address", "later@acme.example", "--purpose", "support")
	p.Run("backup", "now")
	r := restored(t, p)
	r.restore(t, p, "--at", between)
	if out := r.program.Run("queue", "list", "--tenant", "acme"); strings.Contains(out, "Later") || !strings.Contains(out, "Kundtjänst") {
		t.Errorf("as of %s: %q", between, out)
	}
	refused(t, p, 1, "There is no such backup", restored(t, p).args("--at", "2020-01-01")...)
	refused(t, p, 1, "is no time", restored(t, p).args("--at", "noon")...)
	refused(t, p, 1, "is not empty", r.args()...)
	refused(t, p, 1, "with --to-key", append(restored(t, p).args(), "--to-key", r.key)...)
	if out := p.Run("backup", "status"); strings.Count(out, "\n") != 3 {
		t.Errorf("backup status: %q", out)
	}
}

// keysOfAcme finds the file of wrapped keys of the customer among those of a folder.
func keysOfAcme(t *testing.T, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.keys"))
	if err != nil || len(all) != 2 {
		t.Fatalf("files of keys: %v %v", all, err)
	}
	if strings.Contains(all[0], app.Operator) {
		return all[1]
	}
	return all[0]
}
