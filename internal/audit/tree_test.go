package audit

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The tree is the library's own at every size from 0 to 300: root, stored hashes, and the edge that the head row holds.
func TestTheTreeIsTheLibrarys(t *testing.T) {
	var f frontier
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	for n := int64(0); n <= 300; n++ {
		want, err := tlog.TreeHash(n, read)
		if err != nil || f.root() != want || f.size != n {
			t.Fatalf("root of %d records: %v, want %v, %v", n, f.root(), want, err)
		}
		again, err := parseFrontier(n, f.bytes())
		if err != nil || again.root() != want || !bytes.Equal(again.bytes(), f.bytes()) {
			t.Fatalf("edge of %d records does not come back: %v", n, err)
		}
		leaf := fmt.Append(nil, "record ", n)
		done := f.append(leaf)
		hashes, err := tlog.StoredHashes(n, leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, h := range hashes {
			b = append(b, h[:]...)
		}
		if !bytes.Equal(done, b) {
			t.Fatalf("record %d completes other nodes than the library's", n)
		}
		stored = append(stored, hashes...)
	}
}

func TestAnEdgeThatDoesNotFitIsRefused(t *testing.T) {
	for _, c := range []struct {
		size int64
		n    int
	}{{-1, 0}, {-1, 32}, {0, 32}, {1, 0}, {1, 31}, {1, 64}, {3, 32}, {4, 64}, {1 << 62, 0}} {
		if _, err := parseFrontier(c.size, make([]byte, c.n)); err == nil {
			t.Errorf("size %d with %d bytes is taken", c.size, c.n)
		}
	}
}

// A copy does not change with what it was copied from: Undo depends on it.
func TestAnEdgeIsCopied(t *testing.T) {
	var f frontier
	for i := range 7 {
		f.append([]byte{byte(i)})
	}
	c, root := f.clone(), f.root()
	for i := range 9 {
		f.append([]byte{byte(i)})
	}
	if c.root() != root || c.size != 7 {
		t.Error("the copy changed")
	}
}
