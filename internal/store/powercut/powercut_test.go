package powercut

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/embed" // SQLite itself
	"github.com/ncruces/go-sqlite3/vfs"

	"insegel/internal/store"
	"insegel/internal/store/sqlite"
	"insegel/internal/store/storetest"
)

func open(d *disk, name, synchronous string) (*sqlite3.Conn, error) {
	vfs.Register(name, d)
	c, err := sqlite3.OpenFlags("file:/house.db?vfs="+name, sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	pragmas := []string{"locking_mode=EXCLUSIVE", "journal_mode=WAL"}
	for _, p := range sqlite.Pragmas(64) {
		key, value, _ := strings.Cut(strings.TrimSuffix(p, ")"), "(")
		if key == "synchronous" {
			value = synchronous
		}
		pragmas = append(pragmas, key+"="+value)
	}
	for _, p := range append(pragmas, "wal_autocheckpoint=12") { // many checkpoints in a short life
		if err := c.Exec("PRAGMA " + p); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// setUp makes the database and lets it lie safely on the disk.
func setUp(d *disk, name, synchronous string) (*sqlite3.Conn, error) {
	c, err := open(d, name, synchronous)
	if err != nil {
		return nil, err
	}
	for _, s := range append(store.Statements(storetest.LedgerSchema[0].SQL), "PRAGMA wal_checkpoint(TRUNCATE)") {
		if err := c.Exec(s); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// commit is a transaction as the committer makes it, with one to three changes.
func commit(c *sqlite3.Conn, first, n int) error {
	body := strings.Repeat("x", 200+first%7*300)
	sql := []string{"BEGIN IMMEDIATE", "UPDATE head SET size = size WHERE one = 1 RETURNING size"}
	for i := first; i < first+n; i++ {
		sql = append(sql, "SAVEPOINT change",
			fmt.Sprintf("INSERT INTO fact (id, owner, n, body) VALUES ('%d', 'o', 1, x'%x')", i, body),
			fmt.Sprintf("INSERT INTO log (number, id, body) VALUES (%d, '%d', 'b')", i, i), "RELEASE change")
	}
	for _, s := range append(sql, fmt.Sprintf("UPDATE head SET size = %d WHERE one = 1", first+n-1), "COMMIT") {
		if err := c.Exec(s); err != nil {
			return err
		}
	}
	return nil
}

// life commits until the power goes and tells the last number that was acknowledged.
func life(t *testing.T, d *disk, name, synchronous string, r *rand.Rand) (acked int) {
	t.Helper()
	c, err := setUp(d, name, synchronous)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // the power is gone
	d.mu.Lock()
	d.left = 20 + r.IntN(600)
	d.mu.Unlock()
	for !d.out() {
		n := 1 + r.IntN(3)
		if err := commit(c, acked+1, n); err != nil {
			if !d.out() {
				t.Fatal("an error with the power on: ", err)
			}
			break
		}
		acked += n
	}
	return acked
}

// found opens what the cut left and tells how many are there, and what is wrong with the file.
func found(t *testing.T, d *disk, name string) (n int, wrong string) {
	t.Helper()
	c, err := open(d, name, "FULL")
	if err != nil {
		return 0, err.Error()
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	ask := func(sql string) string {
		s, _, err := c.Prepare(sql)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = s.Close() }()
		if !s.Step() {
			return fmt.Sprint("no answer: ", s.Err())
		}
		return s.ColumnText(0)
	}
	if a := ask("PRAGMA integrity_check"); a != "ok" {
		return 0, a
	}
	counts := ask("SELECT (SELECT size FROM head) || ' ' || (SELECT count(*) FROM log) || ' ' || (SELECT count(*) FROM fact)")
	var size, log, facts int
	if _, err := fmt.Sscan(counts, &size, &log, &facts); err != nil || size != log || size != facts {
		return 0, "head, log and facts do not agree: " + counts
	}
	return size, ""
}

// cuts cuts the power many times and tells in how many something acknowledged was lost.
func cuts(t *testing.T, synchronous string, lives int) (losses, acked int) {
	t.Helper()
	for i := range lives {
		r := rand.New(rand.NewPCG(uint64(i), 76))
		name := fmt.Sprintf("%s-%d", synchronous, i)
		d := newDisk(1 << 30)
		n := life(t, d, name, synchronous, r)
		acked += n
		vfs.Unregister(name)
		name += "-after"
		got, wrong := found(t, d.after(r), name)
		vfs.Unregister(name)
		if wrong != "" {
			t.Errorf("cut %d, synchronous=%s: %s", i, synchronous, wrong)
		}
		if got < n {
			losses++
		}
	}
	return losses, acked
}

func lives() int {
	if os.Getenv("INSEGEL_SOAK") == "1" {
		return 1000
	}
	return 60
}

func TestNothingAcknowledgedIsLostWithFull(t *testing.T) {
	losses, acked := cuts(t, "FULL", lives())
	if losses > 0 {
		t.Errorf("acknowledged commits were lost in %d of %d cuts", losses, lives())
	}
	t.Logf("%d cuts, %d acknowledged", lives(), acked)
}

// The disk must be able to lose something, or the test above proves nothing.
func TestTheDiskForgetsWithNormal(t *testing.T) {
	losses, acked := cuts(t, "NORMAL", lives())
	if losses == 0 {
		t.Error("NORMAL lost nothing: the simulated disk forgets too little")
	}
	t.Logf("%d of %d cuts lost something, %d acknowledged", losses, lives(), acked)
}
