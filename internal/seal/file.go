package seal

import (
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// The streaming AEAD is Tink's AES256_GCM_HKDF with segments of 64 KiB: the piece that a reader holds
// in memory. The version byte of the wrapped file key says the format of the file.
const (
	segmentSize = 64 << 10
	fileHash    = "SHA256"
	prefixSize  = 7
	headerSize  = 1 + keySize + prefixSize
)

// FileKey is the key of one file's content, made fresh for each file and never used for a second one.
// It shows its bytes to nobody. The zero FileKey opens nothing, and writing with it panics.
type FileKey struct{ in *fileInner }

type fileInner struct{ raw secret }

// NewFileKey makes a random key for one file. A nil reader means crypto/rand.
func NewFileKey(random io.Reader) FileKey {
	var raw [keySize]byte
	mustRead(orSystem(random), raw[:])
	return FileKey{&fileInner{hold(raw)}}
}

// WrapFile seals a file's key under the key of what the file belongs to; the result is stored in the
// file's row, and ad is that place.
func (k Key) WrapFile(ad AD, fk FileKey) []byte {
	var buf [adBuf]byte
	return k.must().seal(nil, ad.encode(buf[:0], forFileKey), fk.must().raw()[:])
}

// UnwrapFile gives the key that WrapFile sealed for the same place.
func (k Key) UnwrapFile(ad AD, wrapped []byte) (FileKey, error) {
	if k.in == nil {
		return FileKey{}, damaged(errors.New("unwrap a file's key with the zero key"))
	}
	var buf [adBuf]byte
	plain, err := k.in.open(ad.encode(buf[:0], forFileKey), wrapped)
	if err == nil && len(plain) != keySize {
		err = errors.New("wrong length")
	}
	if err != nil {
		return FileKey{}, damaged(fmt.Errorf("unwrap the file key of row %s: %w", ad.Row, err))
	}
	return FileKey{&fileInner{hold([keySize]byte(plain))}}, nil
}

// Writer seals what is written to it into w, a segment at a time. Close writes the last segment and
// does not close w; without it the file reads as truncated. After an error nothing more is written.
func Writer(w io.Writer, fk FileKey, ad AD) (io.WriteCloser, error) {
	in, err := fk.stream().NewEncryptingWriter(w, ad.encode(nil, forFile))
	if err != nil {
		return nil, fmt.Errorf("begin a sealed file: %w", err)
	}
	return &fileWriter{to: in}, nil
}

// fileWriter makes an error last: Tink's writer would go on after one and close a file with a hole.
type fileWriter struct {
	to     io.WriteCloser
	err    error
	closed bool
}

func (w *fileWriter) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errors.New("write to a sealed file that was closed")
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.to.Write(p)
	if err != nil {
		w.err = fmt.Errorf("write a sealed file: %w", err)
	}
	return n, w.err
}

func (w *fileWriter) Close() error {
	if w.closed || w.err != nil {
		return w.err
	}
	w.closed = true
	if err := w.to.Close(); err != nil {
		w.err = fmt.Errorf("end a sealed file: %w", err)
	}
	return w.err
}

// Reader opens what Writer sealed with the same key and place. Every byte it gives is authentic, but
// only io.EOF says that the file was whole: act on nothing before it. A file that was cut, reordered,
// swapped or changed ends in fault.seal.damaged; an error of r itself comes back as such.
func Reader(r io.Reader, fk FileKey, ad AD) (io.Reader, error) {
	if fk.in == nil {
		return nil, damaged(errors.New("read a file with the zero key"))
	}
	src := &source{from: r}
	in, err := fk.stream().NewDecryptingReader(src, ad.encode(nil, forFile))
	if err != nil {
		return nil, src.explain(err)
	}
	return &fileReader{from: in, src: src}, nil
}

// fileReader makes an error last: after a bad last segment Tink's reader would answer io.EOF.
type fileReader struct {
	from io.Reader
	src  *source
	err  error
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.from.Read(p)
	if err != nil && err != io.EOF {
		err = r.src.explain(err)
	}
	r.err = err
	return n, err
}

// source remembers an error of the underlying reader, so that a disk that cannot be read is not taken
// for a file that was changed.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && err != io.EOF {
		// Tink would take ErrUnexpectedEOF for the end of the file.
		s.err = fmt.Errorf("read a sealed file: %w", err)
		return n, s.err
	}
	return n, err
}

func (s *source) explain(err error) error {
	if s.err != nil {
		return s.err
	}
	return damaged(fmt.Errorf("sealed file: %w", err))
}

func (fk FileKey) must() *fileInner {
	if fk.in == nil {
		panic("seal: use of the zero file key")
	}
	return fk.in
}

func (fk FileKey) stream() *subtle.AESGCMHKDF {
	s, err := subtle.NewAESGCMHKDF(fk.must().raw()[:], fileHash, keySize, segmentSize, 0)
	if err != nil {
		panic("seal: streaming aead: " + err.Error()) // the parameters are constants
	}
	return s
}

// segmentKey is Tink's key of one file's segments: HKDF over the salt in its header and its place.
func (fk FileKey) segmentKey(salt, ad []byte) []byte {
	return derive32(fk.must().raw()[:], salt, string(ad))
}
