package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/cases"
	"insegel/internal/config"
	"insegel/internal/intake"
	"insegel/internal/store/storetest"
	"insegel/internal/visit"
)

// settings are an installation in a temporary folder, listening where the system likes.
func settings(t *testing.T, database string) config.Config {
	dir := t.TempDir()
	return config.Config{
		Store: config.Store{Data: filepath.Join(dir, "data"), Key: filepath.Join(dir, "keys", "root.key"), Database: database},
		Serve: config.Serve{Listen: "127.0.0.1:0", SMTP: "127.0.0.1:0", BaseDomain: "localhost", Hostname: "desk.example", MaxMessage: 1 << 20,
			MaxOpen: 20, Idle: time.Minute, Workers: 4, Connections: 20, Rotate: 168 * time.Hour, ResetLife: time.Hour},
	}
}

// onEach runs a test with both engines.
func onEach(t *testing.T, fn func(*testing.T, config.Config)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, settings(t, "")) })
	t.Run("postgres", func(t *testing.T) {
		e := storetest.Postgres(t)
		if e == nil {
			t.Skip("absent: initdb (PostgreSQL's server)")
		}
		url, err := storetest.PostgresURL(t)
		if err != nil {
			t.Fatal(err)
		}
		fn(t, settings(t, url))
	})
}

// TestDemoFromDoorToCase runs the program with its demo: letters come in through its own SMTP door and become cases, one is
// held, and a second run on the same folder finds all of it again.
func TestDemoFromDoorToCase(t *testing.T) {
	onEach(t, func(t *testing.T, c config.Config) {
		for range 2 {
			var logs bytes.Buffer
			a, err := app.Build(t.Context(), c, app.Outside{Logger: slog.New(slog.NewTextHandler(&logs, nil))})
			if err != nil {
				t.Fatal(err)
			}
			demo(t, a)
			if err := a.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if s := logs.String(); strings.Contains(s, "folkbok") || strings.Contains(s, "example.org") || strings.Contains(s, "astrid") {
				t.Fatalf("the log tells content: %s", s)
			}
		}
	})
}

func demo(t *testing.T, a *app.App) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ready := make(chan app.Ready, 1)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, func(r app.Ready) { ready <- r }) }()
	var at app.Ready
	select {
	case at = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := a.Demo(ctx, at, &out, nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "astrid@acme.example") {
		t.Fatalf("who can log in is not told: %s", out.String())
	}
	if res, err := http.Get("http://" + at.HTTP + "/readyz"); err != nil || res.StatusCode != 200 {
		t.Fatalf("not ready: %v", err)
	} else {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	waitFor(t, func() bool { n, held := count(t, a, "acme"); return n == 12 && held == 1 })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, a *app.App, slug string) (n, held int) {
	t.Helper()
	c, err := a.Lookup.BySlug(t.Context(), slug)
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Waist.Enter(t.Context(), c.ID, access.Console("test"), access.ListCases)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Leave()
	page, err := visit.View(t.Context(), v, func(r *visit.Reader) ([]cases.Case, error) {
		page, _, err := cases.List(t.Context(), r, cases.Filter{}, "", 500)
		if err != nil {
			return nil, err
		}
		letters, err := intake.HeldLetters(t.Context(), r, intake.Page{}, 100)
		held = len(letters)
		return page, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(page), held
}

// waitFor waits until something is so, for as long as a loaded machine may need.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it never came to be")
}
