package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"insegel/internal/fault"
)

func openMark(t *testing.T, dir string) (*Mark, Checkpoint) {
	t.Helper()
	m, c, err := OpenMark(dir, "t1", testSigner(t, "t1", 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, c
}

func set(t *testing.T, m *Mark, sizes ...int64) {
	t.Helper()
	for _, n := range sizes {
		if err := m.Set(n, [32]byte{byte(n)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAMarkComesBack(t *testing.T) {
	dir := t.TempDir()
	m, c := openMark(t, dir)
	if c.Size != -1 {
		t.Errorf("a new mark is at %d", c.Size)
	}
	for i, n := range []int64{1, 2, 5, 40} {
		set(t, m, n)
		m2, c := openMark(t, dir)
		if c.Size != n || c.Root != [32]byte{byte(n)} {
			t.Errorf("mark %d comes back as %+v", n, c)
		}
		if i == 2 {
			m = m2 // who opens it later writes on in the right slot
		}
	}
	set(t, m, 39, 40, 3)
	if _, c := openMark(t, dir); c.Size != 40 {
		t.Errorf("the mark went back to %d", c.Size)
	}
	info, err := os.Stat(filepath.Join(dir, "t1.mark"))
	if err != nil || info.Size() != 2*slotSize || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// A write that a power cut tears leaves the slot before it.
func TestATornSlotLeavesTheOther(t *testing.T) {
	for last := int64(2); last <= 5; last++ {
		for _, cut := range []int{0, 1, 20, 100, 200} {
			dir := t.TempDir()
			m, _ := openMark(t, dir)
			for n := int64(1); n <= last; n++ {
				set(t, m, n)
			}
			path := filepath.Join(dir, "t1.mark")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			newest := int((last - 1) % 2 * slotSize)
			copy(b[newest+cut:newest+slotSize], bytes.Repeat([]byte{0xff}, slotSize))
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			m2, c := openMark(t, dir)
			if c.Size != last-1 {
				t.Errorf("torn at %d of mark %d: found %d", cut, last, c.Size)
			}
			set(t, m2, last) // and the torn one is written over
			if _, c := openMark(t, dir); c.Size != last {
				t.Errorf("after mending: %d", c.Size)
			}
		}
	}
}

func TestADamagedMarkStops(t *testing.T) {
	for name, b := range map[string][]byte{"nothing": {}, "zeros": make([]byte, 2*slotSize), "words": bytes.Repeat([]byte("x"), 2*slotSize), "short": []byte("insegel/t1\n")} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "t1.mark"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := OpenMark(dir, "t1", testSigner(t, "t1", 0))
		if err == nil || fault.Of(err).Key != "fault.log.mark_damaged" {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	m, _ := openMark(t, dir)
	set(t, m, 1, 2)
	if _, _, err := OpenMark(dir, "t1", testSigner(t, "t1", 5)); err == nil {
		t.Error("a mark that another key signed is taken")
	}
	if err := os.Remove(filepath.Join(dir, "t1.mark")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "t1.mark"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenMark(dir, "t1", testSigner(t, "t1", 0)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a mark that cannot be read: %v", err)
	}
}

func TestMarksOfCommitsThatComeOutOfOrder(t *testing.T) {
	dir := t.TempDir()
	m, _ := openMark(t, dir)
	var wg sync.WaitGroup
	for n := int64(1); n <= 100; n++ {
		wg.Go(func() {
			if err := m.Set(n, [32]byte{byte(n)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, c := openMark(t, dir); c.Size != 100 {
		t.Errorf("mark at %d", c.Size)
	}
}

func TestACheckpointFitsItsSlot(t *testing.T) {
	s := testSigner(t, "01a207a2-3280-7001-9dfe-c5fd09ac52a8", 0)
	signed, err := s.sign(1<<62, [32]byte{})
	if err != nil || len(signed) > slotSize {
		t.Errorf("%d bytes, %v", len(signed), err)
	}
}
