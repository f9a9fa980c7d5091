package seal

import (
	"bytes"
	"io"
	"testing"

	"insegel/internal/fault"
)

// What is on the disk may have been written by anybody. Nothing may crash, and nothing may open that
// this key did not seal for this place.

func FuzzOpen(f *testing.F) {
	k := keyOf([keySize]byte{1}, &counter{})
	good := k.Seal(nil, here(), []byte("hemligt"))
	f.Add(good)
	f.Add([]byte{})
	f.Add(good[:Overhead])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := k.Open(here(), sealed)
		switch {
		case bytes.Equal(sealed, good):
			if err != nil || string(plain) != "hemligt" {
				t.Fatal(err)
			}
		case err == nil:
			t.Fatalf("opened %x", sealed)
		default:
			is(t, err, fault.Internal, keyDamaged)
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	ring := first(&counter{}).ring("t1", &counter{})
	k := keyOf([keySize]byte{1}, &counter{})
	_, good := ring.Wrap(k, caseKey())
	f.Add(uint64(1), good)
	f.Add(uint64(0), good)
	f.Add(uint64(2), []byte{version})
	f.Fuzz(func(t *testing.T, epoch uint64, wrapped []byte) {
		got, err := ring.Unwrap(epoch, caseKey(), wrapped)
		if right := epoch == 1 && bytes.Equal(wrapped, good); (err == nil) != right || (right && !got.Equal(k)) {
			t.Fatalf("%d %x: %v", epoch, wrapped, err)
		}
	})
}

func FuzzEpochFile(f *testing.F) {
	root := rootOf([keySize]byte{1}, &counter{})
	good := sealEpochs(root, "t1", first(&counter{}))
	f.Add(good)
	f.Add([]byte(epochMagic))
	f.Add(sealEpochs(rootOf([keySize]byte{2}, &counter{}), "t1", first(&counter{})))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := openEpochs(root, "t1", file); (err == nil) != bytes.Equal(file, good) {
			t.Fatalf("%x: %v", file, err)
		}
	})
}

func FuzzKeyring(f *testing.F) {
	one := first(&counter{})
	f.Add(one.encode())
	f.Add(one.begun(&counter{}).encode())
	f.Add((&epochs{generation: removedGeneration}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEpochs(b)
		if err != nil {
			return
		}
		if again, err := decodeEpochs(e.encode()); err != nil || !same(e, again) {
			t.Fatalf("%x does not come back: %v", b, err)
		}
		if !e.removed() && (e.current == 0 || e.next == e.current) {
			t.Fatalf("%+v", e)
		}
	})
}

func FuzzRootFile(f *testing.F) {
	f.Add(formatRoot([keySize]byte{1}))
	f.Add([]byte(rootMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		raw, err := parseRoot(text)
		if err == nil && !bytes.EqualFold(bytes.TrimRight(text, "\r\n"), bytes.TrimSpace(formatRoot(raw))) {
			t.Fatalf("%q passes for a root key", text)
		}
	})
}

func FuzzFile(f *testing.F) {
	fk := FileKey{&fileInner{hold([keySize]byte{1})}}
	good := byHand(fk, fileAD(), []byte("innehåll"))
	f.Add(good)
	f.Add(good[:headerSize])
	f.Add([]byte{headerSize})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		right := bytes.Equal(sealed, good)
		r, err := Reader(bytes.NewReader(sealed), fk, fileAD())
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if (err == nil) != right {
			t.Fatalf("in order: %x: %v", sealed, err)
		}
		if _, err := At(bytes.NewReader(sealed), int64(len(sealed)), fk, fileAD()); (err == nil) != right {
			t.Fatalf("from any place: %x: %v", sealed, err)
		}
	})
}
