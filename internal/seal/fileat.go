package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// File reads a sealed file from any place in it, for a download that goes on where it stopped
// (RFC 9110 14). It holds one segment in memory. Its size is authentic: the last segment was opened
// before the File was handed out. Safe for use by several goroutines.
type File struct {
	from   io.ReaderAt
	size   int64 // of the plain content
	last   int64 // number of the last segment
	sealed int64
	box    box
	prefix [prefixSize]byte

	mu    sync.Mutex
	held  int64 // the segment in plain, -1 for none
	plain []byte
}

// At opens a sealed file of sealedSize bytes for random access.
func At(r io.ReaderAt, sealedSize int64, fk FileKey, ad AD) (*File, error) {
	if fk.in == nil {
		return nil, damaged(errors.New("read a file with the zero key"))
	}
	size, ok := PlainSize(sealedSize)
	if !ok {
		return nil, damaged(fmt.Errorf("no sealed file has %d bytes", sealedSize))
	}
	var head [headerSize]byte
	if err := readAt(r, head[:], 0); err != nil {
		return nil, err
	}
	if head[0] != headerSize {
		return nil, damaged(errors.New("not a sealed file"))
	}
	f := &File{from: r, size: size, sealed: sealedSize, held: -1}
	f.last = (sealedSize - 1) / segmentSize
	f.box = newBox(fk.segmentKey(head[1:1+keySize], ad.encode(nil, forFile)), nil)
	copy(f.prefix[:], head[1+keySize:])
	if err := f.hold(f.last); err != nil {
		return nil, err
	}
	return f, nil
}

// Size is the number of plain bytes.
func (f *File) Size() int64 { return f.size }

// ReadAt gives plain bytes from an offset, as io.ReaderAt says.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read a sealed file before its start")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	done := 0
	for done < len(p) {
		if off >= f.size {
			return done, io.EOF
		}
		segment, within := place(off)
		if err := f.hold(segment); err != nil {
			return done, err
		}
		n := copy(p[done:], f.plain[within:])
		done, off = done+n, off+int64(n)
	}
	return done, nil
}

// hold opens a segment unless it is the one in memory.
func (f *File) hold(segment int64) error {
	if f.held == segment {
		return nil
	}
	f.held = -1
	from, to := segment*segmentSize, min((segment+1)*segmentSize, f.sealed)
	if segment == 0 {
		from = headerSize
	}
	buf := make([]byte, to-from)
	if err := readAt(f.from, buf, from); err != nil {
		return err
	}
	var nonce [nonceSize]byte
	copy(nonce[:], f.prefix[:])
	binary.BigEndian.PutUint32(nonce[prefixSize:], uint32(segment)) // #nosec G115 -- PlainSize bounds the segments
	if segment == f.last {
		nonce[nonceSize-1] = 1
	}
	plain, err := f.box.aead.Open(buf[:0], nonce[:], buf, nil)
	if err != nil {
		return damaged(fmt.Errorf("segment %d of a sealed file: %w", segment, err))
	}
	f.plain, f.held = plain, segment
	return nil
}

const (
	plainSegment = segmentSize - tagSize
	plainFirst   = plainSegment - headerSize
	maxSegments  = 1<<32 - 1 // the counter in Tink's nonce
)

// place tells in which segment a plain offset is, and where in it. The first segment is shorter by the header.
func place(off int64) (segment, within int64) {
	off += headerSize
	segment, within = off/plainSegment, off%plainSegment
	if segment == 0 {
		within -= headerSize
	}
	return segment, within
}

// SealedSize is how long a file of plain bytes becomes.
func SealedSize(plain int64) int64 {
	if plain <= 0 {
		return headerSize + tagSize
	}
	segment, _ := place(plain - 1)
	return headerSize + plain + (segment+1)*tagSize
}

// PlainSize is the reverse; false if no sealed file can have this size.
func PlainSize(sealed int64) (int64, bool) {
	if sealed < headerSize+tagSize || sealed > maxSegments*segmentSize {
		return 0, false
	}
	segments := (sealed-1)/segmentSize + 1
	plain := sealed - headerSize - segments*tagSize
	return plain, plain >= 0 && SealedSize(plain) == sealed
}

func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return damaged(errors.New("a sealed file ends too early"))
	}
	return fmt.Errorf("read a sealed file: %w", err)
}
