package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

// A full disk: a clear answer, reading goes on, and after space is freed everything does.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("absent: CAP_SYS_ADMIN (to mount a small file system): ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ctx := context.Background()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 400_000), 0o600); err != nil {
		t.Fatal(err)
	}
	houseAt(t, dir)
	e, err := openEngine(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, "house")
	if err != nil {
		t.Fatal(err)
	}
	com := store.NewCommitter(db, &storetest.Ledger{}, store.Options{Backoff: time.Millisecond})
	var acked []string
	full := 0
	for i := 0; full < 20; i++ {
		id := fmt.Sprint("f", i)
		switch err := com.Do(ctx, storetest.Fact(id, "o", 1, make([]byte, 20_000))); {
		case err == nil:
			acked = append(acked, id)
		default:
			wantFault(t, err, "fault.store.full")
			full++
		}
		if i > 5000 {
			t.Fatal("the disk does not get full")
		}
	}
	if err := e.Create(ctx, "another"); err == nil {
		t.Log("an empty database still found room")
	}
	if facts, err := storetest.Facts(ctx, db); err != nil || len(facts) != len(acked) {
		t.Errorf("reading on a full disk: %d of %d, %v", len(facts), len(acked), err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		id := fmt.Sprint("g", i)
		if err := com.Do(ctx, storetest.Fact(id, "o", 1, make([]byte, 20_000))); err != nil {
			t.Fatal("no recovery: ", err)
		}
		acked = append(acked, id)
	}
	if err := errors.Join(com.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	survivors(t, dir, acked)
	t.Logf("%d acknowledged, %d refused", len(acked), full)
}
