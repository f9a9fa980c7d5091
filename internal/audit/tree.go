package audit

import (
	"bytes"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the tree's right edge: the roots of the full subtrees that its size is made of, largest first.
// With it a leaf is appended without reading anything else.
type frontier struct {
	size   int64
	hashes []tlog.Hash
}

// parseFrontier reads what the head row holds, and refuses one that does not fit the size.
func parseFrontier(size int64, b []byte) (frontier, error) {
	if size < 0 || len(b) != bits.OnesCount64(uint64(size))*tlog.HashSize {
		return frontier{}, fmt.Errorf("tree head of size %d has a frontier of %d bytes", size, len(b))
	}
	f := frontier{size: size, hashes: make([]tlog.Hash, 0, len(b)/tlog.HashSize+1)}
	for ; len(b) > 0; b = b[tlog.HashSize:] {
		f.hashes = append(f.hashes, tlog.Hash(b[:tlog.HashSize]))
	}
	return f, nil
}

func (f frontier) bytes() []byte {
	var b bytes.Buffer
	for _, h := range f.hashes {
		b.Write(h[:])
	}
	return b.Bytes()
}

func (f frontier) clone() frontier {
	return frontier{size: f.size, hashes: append([]tlog.Hash(nil), f.hashes...)}
}

// append adds a leaf and returns the hashes of all nodes that it completes, the leaf first: exactly the hashes
// that tlog.StoredHashes gives for the record.
func (f *frontier) append(leaf []byte) []byte {
	h := tlog.RecordHash(leaf)
	done := append([]byte(nil), h[:]...)
	for n := f.size; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(f.hashes[len(f.hashes)-1], h)
		f.hashes = f.hashes[:len(f.hashes)-1]
		done = append(done, h[:]...)
	}
	f.hashes = append(f.hashes, h)
	f.size++
	return done
}

// root is the hash of the whole tree (RFC 6962 2.1).
func (f frontier) root() tlog.Hash {
	if len(f.hashes) == 0 {
		h, _ := tlog.TreeHash(0, nil) // SHA-256 of nothing; reads nothing, cannot fail
		return h
	}
	h := f.hashes[len(f.hashes)-1]
	for i := len(f.hashes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.hashes[i], h)
	}
	return h
}
