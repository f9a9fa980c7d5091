package gallery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"insegel/internal/lang"
	"insegel/internal/web/casepages"
	"insegel/internal/web/kit"
	"insegel/internal/web/kit/assets"
)

// serve answers each scene under its name, with the headers of the program.
func serve(t *testing.T, all []scene) *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle(assets.Prefix, assets.Handler())
	mux.HandleFunc("GET /original", func(w http.ResponseWriter, _ *http.Request) {
		kit.UntrustedFrame(w)
		_, _ = w.Write([]byte(`<!doctype html><html lang="da"><title>x</title><body style="font-family:serif"><p style="color:#245">Hej,<p>jeg flyttede til <b>Västervik</b> i august …</body></html>`))
	})
	mux.HandleFunc("GET /cases", func(w http.ResponseWriter, r *http.Request) {
		none := list(lang.Sv, nil)
		none.Filter = casepages.Filter{State: r.URL.Query().Get("state")}
		kit.Render(w, r, http.StatusOK, casepages.Cases(none))
	})
	for _, s := range all {
		mux.HandleFunc("GET "+s.Path, func(w http.ResponseWriter, r *http.Request) { kit.Render(w, r, http.StatusOK, s.page) })
	}
	srv := httptest.NewServer(kit.Headers(func(*http.Request) bool { return false }, mux))
	t.Cleanup(srv.Close)
	return srv
}

// missing ends a test that lacks a tool: a failure where CI promises it, else a skip that says what to do.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// browserTools puts the scripts of test/browser and what they need into build/browser, and gives that folder.
func browserTools(t *testing.T, ctx context.Context) string {
	t.Helper()
	from, to := filepath.Join(root(t), "test", "browser"), filepath.Join(root(t), "build", "browser")
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh := false
	for _, name := range []string{"package.json", "package-lock.json", "gallery.mjs", "filter.mjs", "desk.mjs"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		old, _ := os.ReadFile(filepath.Join(to, name))
		fresh = fresh || (strings.HasSuffix(name, ".json") && !bytes.Equal(old, data))
		if err := os.WriteFile(filepath.Join(to, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(to, "node_modules", "playwright-core")); err == nil && !fresh {
		return to
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = to
	if out, err := npm.CombinedOutput(); err != nil {
		_ = os.Remove(filepath.Join(to, "package-lock.json")) // so that the next run tries again
		missing(t, fmt.Sprintf("npm ci in build/browser failed (%v): %s", err, out))
	}
	return to
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("INSEGEL_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); name != "" && err == nil {
			return p
		}
	}
	missing(t, "no Chromium: install the Debian package chromium, or set INSEGEL_CHROMIUM")
	return ""
}

type finding struct{ Scene, Look, Rule, Detail string }

// workshop gives what the tests in a browser need, or skips.
func workshop(t *testing.T) (ctx context.Context, browser, tools string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a browser takes minutes")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "no node: install the Debian package nodejs to look at the pages")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	t.Cleanup(cancel)
	return ctx, chromium(t), browserTools(t, ctx)
}

// Every page in every state: nothing for axe to say (WCAG 2.2 AA and good practice), nothing on the
// console (so no violation of the Content-Security-Policy), nothing wider than the window.
func TestGallery(t *testing.T) {
	ctx, browser, tools := workshop(t)
	all := scenes()
	if only := os.Getenv("INSEGEL_SCENES"); only != "" {
		var some []scene
		for _, s := range all {
			if ok, _ := filepath.Match(only, s.Name); ok {
				some = append(some, s)
			}
		}
		all = some
	}
	srv := serve(t, all)
	out := filepath.Join(root(t), "build", "gallery")
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(ctx, "node", "gallery.mjs", browser, srv.URL, out)
	node.Dir, node.Stdin = tools, bytes.NewReader(in)
	if msg, err := node.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	report(t, filepath.Join(out, "findings.json"))
}

func report(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var found []finding
	if err := json.Unmarshal(data, &found); err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s (%s): %s: %s", f.Scene, f.Look, f.Rule, f.Detail)
	}
}

// The enhancements work under the strict policy: filtering exchanges the list without loading the page
// again, and text that would run is refused even where a script tried to insert it.
func TestScriptsUnderThePolicy(t *testing.T) {
	ctx, browser, tools := workshop(t)
	srv := serve(t, scenes())
	node := exec.CommandContext(ctx, "node", "filter.mjs", browser, srv.URL)
	node.Dir = tools
	out, err := node.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		Before   int
		Reloaded bool
		Refused  int
		Said     []string
		Shown    string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Before != 50 || got.Reloaded || got.Refused != 3 || len(got.Said) > 0 || got.Shown != "text" {
		t.Errorf("%+v", got)
	}
}
