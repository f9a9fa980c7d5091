// Package storetest holds both engines to one contract and lends them to the tests of other rooms.
//
// It owns the conformance suite (Run), the engines for tests (Engines, Each), and comparisons of schemas
// and statements between them. It is imported by tests only.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"insegel/internal/store"
	"insegel/internal/store/postgres"
	"insegel/internal/store/sqlite"
)

// Engines gives both engines for one test: SQLite in a folder of the test's own, and PostgreSQL on the cluster that
// INSEGEL_TEST_POSTGRES names (an address of a server where databases may be made) or else on one that
// the tests start and share. What the test made is dropped at its end. Without PostgreSQL's programs only SQLite is
// given, which the test's log says; in CI (CI=true) that is a failure.
func Engines(t testing.TB) []store.Engine {
	t.Helper()
	out := []store.Engine{SQLite(t)}
	if pg := Postgres(t); pg != nil {
		out = append(out, pg)
	}
	return out
}

// Each runs a test once with each engine.
func Each(t *testing.T, fn func(*testing.T, store.Engine)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		e := Postgres(t)
		if e == nil {
			t.Skip("absent: initdb (PostgreSQL's server)")
		}
		fn(t, e)
	})
}

// SQLite gives the embedded engine in a folder of the test's own.
func SQLite(t testing.TB) store.Engine {
	t.Helper()
	e, err := sqlite.New(t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Postgres gives the grown engine with a name prefix of the test's own, or nil if there is no server to be had.
func Postgres(t testing.TB) store.Engine {
	t.Helper()
	u, err := PostgresURL(t)
	if err != nil {
		missing(t, err)
		return nil
	}
	e, err := postgres.New(t.Context(), u, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		names, err := e.List(ctx)
		if err != nil {
			t.Error(err)
		}
		for _, n := range names {
			if err := e.Drop(ctx, n); err != nil {
				t.Error(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("PostgreSQL must be tested in CI: ", err)
	}
	t.Log("without PostgreSQL: ", err)
}

// PostgresURL gives an address with a database name (and so a prefix) that nobody else has.
func PostgresURL(t testing.TB) (string, error) {
	t.Helper()
	base := "t" + random()
	if at := os.Getenv("INSEGEL_TEST_POSTGRES"); at != "" {
		return withDatabase(at, base)
	}
	c, err := shared()
	if err != nil {
		return "", err
	}
	return c.URL(base), nil
}

func random() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// shared starts the cluster that all test processes of this user share, once a process, or finds it running.
var shared = sync.OnceValues(startShared)

// startShared holds a shared lock on the cluster's folder for the life of this process. A watcher stops the server and
// removes the folder when nobody holds it any more.
func startShared() (*Cluster, error) {
	base := "/dev/shm" // in memory CREATE DATABASE is five times as fast; nothing here need survive
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		base = "/tmp"
	}
	dir := filepath.Join(base, "insegel-test-postgres-"+strconv.Itoa(os.Getuid()))
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	c, err := newCluster(dir)
	if err == nil && c.Pid() == 0 {
		err = c.fresh()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	c.lock = lock // kept open, and the lock held, until this process ends
	return c, syscall.Flock(int(lock.Fd()), syscall.LOCK_SH)
}

func (c *Cluster) fresh() error {
	if err := os.RemoveAll(c.Dir); err != nil {
		return err
	}
	again, err := newCluster(c.Dir)
	if err != nil {
		return err
	}
	if err := again.Init(false); err != nil {
		return err
	}
	if err := again.Start(); err != nil {
		return err
	}
	return again.watch()
}

// watch starts the process that ends the server some 20 s after the last test.
func (c *Cluster) watch() error {
	const script = `while sleep 20; do
  [ -f "$1/data/postmaster.pid" ] || exit 0
  flock -n -x "$1.lock" sh -c 'kill -QUIT $(head -n 1 "$1/data/postmaster.pid"); sleep 1; rm -rf "$1"' sh "$1" && exit 0
done`
	cmd := exec.Command("sh", "-c", script, "sh", c.Dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
