package gallery

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"insegel/internal/lang"
	"insegel/internal/web/casepages"
	"insegel/internal/web/kit"
	"insegel/internal/web/kit/assets"
	"insegel/test/browser"
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

type finding struct{ Scene, Look, Rule, Detail string }

// Every page in every state: nothing for axe to say (WCAG 2.2 AA and good practice), nothing on the
// console (so no violation of the Content-Security-Policy), nothing wider than the window.
func TestGallery(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
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
	out := filepath.Join(browser.Root(t), "build", "gallery")
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	browser.Run(t, ctx, "gallery.mjs", in, srv.URL, out)
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
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	srv := serve(t, scenes())
	out := browser.Run(t, ctx, "filter.mjs", nil, srv.URL)
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
