// Package browser drives a real Chromium for tests: with playwright-core and axe-core from npm, put into build/browser once.
package browser

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Run runs one of this folder's scripts with Chromium's path as its first argument, and gives what it printed. Without the tools the
// test is skipped with what is absent.
func Run(t testing.TB, ctx context.Context, script string, stdin []byte, args ...string) []byte {
	t.Helper()
	chromium := tool(t, "chromium")
	node := tool(t, "node")
	dir := tools(t, ctx)
	c := exec.CommandContext(ctx, node, append([]string{script, chromium}, args...)...) // #nosec G204 -- our own script
	c.Dir, c.Stdin = dir, bytes.NewReader(stdin)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out, errs.String())
	}
	return out
}

func tool(t testing.TB, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("absent: %s (a browser test needs it)", name)
	}
	return p
}

// tools copies the scripts and installs what they need, once for all test processes.
func tools(t testing.TB, ctx context.Context) string {
	t.Helper()
	from := filepath.Join(Root(t), "test", "browser")
	to := filepath.Join(Root(t), "build", "browser")
	must(t, os.MkdirAll(to, 0o755)) // #nosec G301 -- no secret: scripts and packages
	lock, err := os.OpenFile(filepath.Join(to, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	defer func() { _ = lock.Close() }()
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	names, err := filepath.Glob(filepath.Join(from, "*.mjs"))
	must(t, err)
	fresh := false
	for _, path := range append(names, filepath.Join(from, "package.json"), filepath.Join(from, "package-lock.json")) {
		data, err := os.ReadFile(path) // #nosec G304 -- in the checkout
		must(t, err)
		old, _ := os.ReadFile(filepath.Join(to, filepath.Base(path)))
		fresh = fresh || filepath.Ext(path) == ".json" && !bytes.Equal(old, data)
		must(t, os.WriteFile(filepath.Join(to, filepath.Base(path)), data, 0o600))
	}
	if _, err := os.Stat(filepath.Join(to, "node_modules", "playwright-core")); err == nil && !fresh {
		return to
	}
	npm := exec.CommandContext(ctx, tool(t, "npm"), "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund") // #nosec G204 -- found on the path
	npm.Dir = to
	if out, err := npm.CombinedOutput(); err != nil {
		_ = os.Remove(filepath.Join(to, "package-lock.json")) // so that the next run tries again
		t.Fatalf("npm ci in build/browser: %v\n%s", err, out)
	}
	return to
}

// Root is the checkout.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	must(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			must(t, errors.New("no go.mod above the test"))
		}
		dir = filepath.Dir(dir)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
