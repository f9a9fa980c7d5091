package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"insegel/internal/store"
	"insegel/internal/store/postgres"
	"insegel/internal/store/sqlite"
	"insegel/internal/store/storetest"
)

const childEnv = "INSEGEL_STORE_CHILD"

// TestMain makes the test binary its own victim: with childEnv it commits and prints what was acknowledged until it
// is killed.
func TestMain(m *testing.M) {
	if where := os.Getenv(childEnv); where != "" {
		if err := child(where, os.Getenv(childEnv+"_RUN")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func openEngine(ctx context.Context, where string) (store.Engine, error) {
	if strings.HasPrefix(where, "postgres:") {
		return postgres.New(ctx, where, postgres.Options{})
	}
	return sqlite.New(where, sqlite.Options{})
}

func child(where, run string) error {
	ctx := context.Background()
	e, err := openEngine(ctx, where)
	if err != nil {
		return err
	}
	db, err := e.Open(ctx, "house")
	if err != nil {
		return err
	}
	c := store.NewCommitter(db, &storetest.Ledger{}, store.Options{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", run, g, i)
				if err := c.Do(ctx, storetest.Fact(id, "o", 1, make([]byte, 300))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				mu.Lock()
				fmt.Println(id) // acknowledged
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

func soak(short, long int) int {
	if os.Getenv("INSEGEL_SOAK") == "1" {
		return long
	}
	return short
}

// runChild lets a child commit, kills it with -9 at a random moment, and gives what it had acknowledged.
func runChild(t *testing.T, where, run string, kill func(*os.Process)) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+where, childEnv+"_RUN="+run)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked []string
	killed := false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acked = append(acked, lines.Text())
		if !killed && len(acked) >= 20 { // it works; the blow falls some moment later
			killed = true
			time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { kill(cmd.Process) })
		}
	}
	err = cmd.Wait()
	if !killed {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return acked
}

func killHard(p *os.Process) { _ = p.Signal(syscall.SIGKILL) }

func houseAt(t *testing.T, where string) {
	t.Helper()
	ctx := context.Background()
	e, err := openEngine(ctx, where)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Create(ctx, "house"); err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, "house")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = store.Migrate(ctx, e.Dialect(), db, storetest.LedgerSchema)
	if err := errors.Join(err, db.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
}

// survivors opens the database anew and holds it against what was acknowledged.
func survivors(t *testing.T, where string, acked []string) {
	t.Helper()
	ctx := context.Background()
	e, err := openEngine(ctx, where)
	if err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, "house")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(db.Close(), e.Close()); err != nil {
			t.Error(err)
		}
	}()
	facts, err := storetest.Facts(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, id := range acked {
		if !facts[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged are lost", lost, len(acked))
	}
	if err := storetest.CheckLedger(ctx, db); err != nil {
		t.Error(err)
	}
	if found, err := db.Check(ctx); err != nil || len(found) > 0 {
		t.Error(found, err)
	}
}

func TestKilledProcess(t *testing.T) {
	places := map[string]string{"sqlite": t.TempDir()}
	if u, err := storetest.PostgresURL(t); err == nil && storetest.Postgres(t) != nil {
		places["postgres"] = u
	}
	for name, where := range places {
		t.Run(name, func(t *testing.T) {
			houseAt(t, where)
			if name == "postgres" {
				t.Cleanup(func() { dropHouse(t, where) })
			}
			var acked []string
			for i := range soak(6, 60) {
				acked = append(acked, runChild(t, where, fmt.Sprint(i), killHard)...)
				survivors(t, where, acked)
			}
			t.Logf("%d acknowledged", len(acked))
		})
	}
}

func dropHouse(t *testing.T, where string) {
	e, err := openEngine(context.Background(), where)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Drop(context.Background(), "house"), e.Close()); err != nil {
		t.Error(err)
	}
}

// The server itself dies by kill -9 and comes back, with fsync on, while clients commit: they are answered
// truthfully and go on by themselves.
func TestKilledServer(t *testing.T) {
	c := storetest.OwnCluster(t)
	where := c.URL("killed")
	houseAt(t, where)
	ctx := context.Background()
	e, err := openEngine(ctx, where)
	if err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, "house")
	if err != nil {
		t.Fatal(err)
	}
	com := store.NewCommitter(db, &storetest.Ledger{}, store.Options{Attempts: 14})
	var mu sync.Mutex
	var acked []string
	failed := make(map[string]int)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", g, i)
				err := com.Do(ctx, storetest.Fact(id, "o", 1, make([]byte, 300)))
				mu.Lock()
				if err == nil {
					acked = append(acked, id)
				} else {
					failed[err.Error()]++
				}
				mu.Unlock()
			}
		})
	}
	for range soak(1, 20) {
		time.Sleep(300 * time.Millisecond)
		c.KillHard(t)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	close(stop)
	wg.Wait()
	if err := com.Do(ctx, storetest.Fact("after", "o", 1, []byte{})); err != nil {
		t.Error("no recovery: ", err)
	}
	if err := errors.Join(com.Close(), db.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	t.Logf("%d acknowledged, not: %v", len(acked), failed)
	survivors(t, where, append(acked, "after"))
}

// Backends are terminated at any moment: in a change, at COMMIT, idle. Nobody gets an error, nothing is lost or twice.
func TestKilledBackends(t *testing.T) {
	where, err := storetest.PostgresURL(t)
	if err != nil || storetest.Postgres(t) == nil {
		t.Skip("absent: initdb (PostgreSQL's server)")
	}
	houseAt(t, where)
	t.Cleanup(func() { dropHouse(t, where) })
	ctx := context.Background()
	e, err := openEngine(ctx, where)
	if err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, "house")
	if err != nil {
		t.Fatal(err)
	}
	com := store.NewCommitter(db, &storetest.Ledger{}, store.Options{Attempts: 30, Backoff: time.Millisecond})
	stop, killer := make(chan struct{}), make(chan int)
	go func() { killer <- terminate(t, where, stop) }()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var acked []string
	for g := range 8 {
		wg.Go(func() {
			for i := range soak(40, 2000) {
				id := fmt.Sprintf("%d-%d", g, i)
				if err := com.Do(ctx, storetest.Fact(id, "o", 1, make([]byte, 100))); err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				acked = append(acked, id)
				mu.Unlock()
				if err := db.View(ctx, func(r store.Reader) error {
					return r.QueryRow(ctx, `SELECT count(*) FROM fact`, nil, new(int64))
				}); err != nil && !errors.Is(err, store.ErrLost) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	t.Logf("%d acknowledged while %d backends were terminated", len(acked), <-killer)
	if err := errors.Join(com.Close(), db.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	survivors(t, where, acked)
}

func terminate(t *testing.T, where string, stop chan struct{}) (n int) {
	conf, err := pgx.ParseConfig(where)
	if err != nil {
		t.Error(err)
		return 0
	}
	house := conf.Database + "_house"
	conf.Database = "postgres"
	c, err := pgx.ConnectConfig(context.Background(), conf)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = c.Close(context.Background()) }()
	for {
		select {
		case <-stop:
			return n
		case <-time.After(time.Duration(5+rand.IntN(25)) * time.Millisecond):
		}
		var k int
		err := c.QueryRow(context.Background(),
			`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1`, house).Scan(&k)
		if err != nil {
			t.Error(err)
			return n
		}
		n += k
	}
}
