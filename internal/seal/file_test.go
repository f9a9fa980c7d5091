package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"insegel/internal/fault"
)

func fileAD() AD { return AD{"t1", "support", "file", "content", "7"} }

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func sealFile(t testing.TB, fk FileKey, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := Writer(&out, fk, fileAD())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(plain)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sizes() []int {
	return []int{0, 1, plainFirst - 1, plainFirst, plainFirst + 1, plainFirst + plainSegment,
		plainFirst + plainSegment + 1, 3*plainSegment + 77}
}

func TestFileRoundTrip(t *testing.T) {
	for _, n := range sizes() {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			fk, plain := NewFileKey(nil), pattern(n)
			sealed := sealFile(t, fk, plain)
			if int64(len(sealed)) != SealedSize(int64(n)) {
				t.Fatalf("sealed to %d bytes, said %d", len(sealed), SealedSize(int64(n)))
			}
			if size, ok := PlainSize(int64(len(sealed))); !ok || size != int64(n) {
				t.Fatalf("plain size %d %v", size, ok)
			}
			r, err := Reader(iotest.HalfReader(bytes.NewReader(sealed)), fk, fileAD())
			if err != nil {
				t.Fatal(err)
			}
			if err := iotest.TestReader(r, plain); err != nil {
				t.Fatal(err)
			}
			f, err := At(bytes.NewReader(sealed), int64(len(sealed)), fk, fileAD())
			if err != nil || f.Size() != int64(n) {
				t.Fatal(err)
			}
			if err := iotest.TestReader(io.NewSectionReader(f, 0, f.Size()), plain); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestFileFromAnyPlace(t *testing.T) {
	fk, plain := NewFileKey(nil), pattern(3*plainSegment+77)
	sealed := sealFile(t, fk, plain)
	f, err := At(bytes.NewReader(sealed), int64(len(sealed)), fk, fileAD())
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		from := random.IntN(len(plain))
		n := random.IntN(len(plain) - from + 1)
		got := make([]byte, n)
		if m, err := f.ReadAt(got, int64(from)); err != nil || m != n || !bytes.Equal(got, plain[from:from+n]) {
			t.Fatalf("%d bytes from %d: %d %v", n, from, m, err)
		}
	}
	if n, err := f.ReadAt(make([]byte, 10), f.Size()-3); n != 3 || err != io.EOF {
		t.Fatal(n, err)
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Fatal("read before the start")
	}
}

// Sizes that no sealed file has are refused, so that the size that is shown is the true one.
func TestPlainSizeIsExact(t *testing.T) {
	valid := map[int64]int64{}
	for n := range int64(2*plainSegment + 100) {
		valid[SealedSize(n)] = n
	}
	for sealed := range SealedSize(2 * plainSegment) {
		plain, ok := PlainSize(sealed)
		if want, is := valid[sealed]; ok != is || (ok && plain != want) {
			t.Fatalf("%d: %d %v, want %d %v", sealed, plain, ok, want, is)
		}
	}
}

// changed gives every way in which somebody with the disk could change a file of five segments.
func changed(sealed, other []byte) map[string][]byte {
	cut := func(n int) []byte { return bytes.Clone(sealed[:n]) }
	seg := func(i int) []byte { return sealed[i*segmentSize : min((i+1)*segmentSize, len(sealed))] }
	out := map[string][]byte{
		"empty": {}, "half a header": cut(20), "header only": cut(headerSize), "one segment": cut(segmentSize),
		"whole segments, last cut": cut(2 * segmentSize), "last byte cut": cut(len(sealed) - 1),
		"byte more":           append(cut(len(sealed)), 0),
		"segment twice":       bytes.Join([][]byte{seg(0), seg(1), seg(1), seg(2), seg(3)}, nil),
		"segments exchanged":  bytes.Join([][]byte{seg(0), seg(2), seg(1), seg(3)}, nil),
		"segment left out":    bytes.Join([][]byte{seg(0), seg(1), seg(3)}, nil),
		"other file":          other,
		"other file's middle": bytes.Join([][]byte{seg(0), other[segmentSize : 2*segmentSize], seg(2), seg(3)}, nil),
	}
	for _, i := range []int{0, 1, 33, 39, 40, segmentSize - 1, segmentSize, 2*segmentSize + 5, len(sealed) - 1} {
		bad := cut(len(sealed))
		bad[i] ^= 0x10
		out[fmt.Sprintf("byte %d", i)] = bad
	}
	return out
}

func TestChangedFileIsSeen(t *testing.T) {
	fk, plain := NewFileKey(nil), pattern(3*plainSegment+77)
	sealed := sealFile(t, fk, plain)
	other := sealFile(t, fk, plain) // even one of the same key: each has a salt of its own
	other[0], other = sealed[0], append([]byte{}, other...)
	for name, bad := range changed(sealed, sealFile(t, NewFileKey(nil), plain)) {
		t.Run(name, func(t *testing.T) { cannotRead(t, bad, fk, fileAD()) })
	}
	middle := bytes.Join([][]byte{sealed[:segmentSize], other[segmentSize : 2*segmentSize], sealed[2*segmentSize:]}, nil)
	cannotRead(t, middle, fk, fileAD())
	ad := fileAD()
	ad.Row = "8"
	cannotRead(t, sealed, fk, ad)
}

// cannotRead holds that both readers end in the fault, that it stays, and that no wrong byte came before.
func cannotRead(t *testing.T, bad []byte, fk FileKey, ad AD) {
	t.Helper()
	r, err := Reader(bytes.NewReader(bad), fk, ad)
	var got []byte
	if err == nil {
		got, err = io.ReadAll(r)
		if _, again := r.Read(make([]byte, 1)); !errors.Is(again, err) {
			t.Fatalf("after the fault came %v", again)
		}
	}
	is(t, err, fault.Internal, keyDamaged)
	if !bytes.HasPrefix(pattern(3*plainSegment+77), got) {
		t.Fatal("wrong bytes were handed out")
	}
	f, err := At(bytes.NewReader(bad), int64(len(bad)), fk, ad)
	if err == nil {
		_, err = io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	}
	is(t, err, fault.Internal, keyDamaged)
}

// A size is shown before a byte is read, so a file that was cut must not even open for random access.
func TestCutFileDoesNotOpenAtAnyPlace(t *testing.T) {
	fk := NewFileKey(nil)
	sealed := sealFile(t, fk, pattern(3*plainSegment+77))
	for _, n := range []int{segmentSize, 2 * segmentSize, 3 * segmentSize, len(sealed) - 1} {
		_, err := At(bytes.NewReader(sealed[:n]), int64(n), fk, fileAD())
		is(t, err, fault.Internal, keyDamaged)
	}
}

func TestWithoutCloseAFileIsTruncated(t *testing.T) {
	fk := NewFileKey(nil)
	var out bytes.Buffer
	w, err := Writer(&out, fk, fileAD())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pattern(2 * plainSegment)); err != nil {
		t.Fatal(err)
	}
	cannotRead(t, out.Bytes(), fk, fileAD())
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Fatal("wrote after the end")
	}
}

// failing takes so many bytes and then fails, as a full disk does.
type failing struct{ left int }

var errFull = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	if f.left < len(p) {
		return 0, errFull
	}
	f.left -= len(p)
	return len(p), nil
}

func TestDiskErrorsAreNotDamage(t *testing.T) {
	w, err := Writer(&failing{left: segmentSize}, NewFileKey(nil), fileAD())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(pattern(4 * plainSegment))
	if _, again := w.Write([]byte("x")); !errors.Is(err, errFull) || !errors.Is(again, errFull) || !errors.Is(w.Close(), errFull) {
		t.Fatal("the error did not last:", err)
	}
	if _, err := Writer(&failing{}, NewFileKey(nil), fileAD()); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	fk := NewFileKey(nil)
	sealed := sealFile(t, fk, pattern(3*plainSegment))
	for _, cause := range []error{errFull, io.ErrUnexpectedEOF} {
		for _, n := range []int{0, 10, segmentSize + 10} {
			r, err := Reader(io.MultiReader(bytes.NewReader(sealed[:n]), iotest.ErrReader(cause)), fk, fileAD())
			if err == nil {
				_, err = io.ReadAll(r)
			}
			if !errors.Is(err, cause) || errors.Is(err, fault.New(fault.Internal, keyDamaged)) {
				t.Fatalf("%v after %d bytes became %v", cause, n, err)
			}
		}
	}
}

func TestFileKeyOpensOnlyInItsPlace(t *testing.T) {
	k, fk := NewKey(nil), NewFileKey(nil)
	sealed := sealFile(t, fk, []byte("innehåll"))
	wrapped := k.WrapFile(fileAD(), fk)
	got, err := k.UnwrapFile(fileAD(), wrapped)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Reader(bytes.NewReader(sealed), got, fileAD())
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(r); err != nil || string(plain) != "innehåll" {
		t.Fatal(err)
	}
	ad := fileAD()
	ad.Row = "8"
	_, err = k.UnwrapFile(ad, wrapped)
	is(t, err, fault.Internal, keyDamaged)
	_, err = k.UnwrapFile(fileAD(), wrapped[:20])
	is(t, err, fault.Internal, keyDamaged)
}
