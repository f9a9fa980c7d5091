package seal

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

func BenchmarkUnwrap(b *testing.B) {
	ring := first(orSystem(nil)).ring("t1", orSystem(nil))
	epoch, wrapped := ring.Wrap(NewKey(nil), caseKey())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Unwrap(epoch, caseKey(), wrapped); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrap(b *testing.B) {
	ring, k := first(orSystem(nil)).ring("t1", orSystem(nil)), NewKey(nil)
	b.ReportAllocs()
	for b.Loop() {
		ring.Wrap(k, caseKey())
	}
}

func BenchmarkValue(b *testing.B) {
	k := NewKey(nil)
	for _, n := range []int{100, 10_000} {
		plain := pattern(n)
		sealed := k.Seal(nil, here(), plain)
		b.Run(fmt.Sprintf("seal/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				k.Seal(nil, here(), plain)
			}
		})
		b.Run(fmt.Sprintf("open/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Open(here(), sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	k := NewKey(nil)
	b.ReportAllocs()
	for b.Loop() {
		k.Lookup("mail", "anna@example.org")
	}
}

func BenchmarkLoad(b *testing.B) {
	h := newHouse(b)
	p := h.open(b)
	must[*Ring](b)(p.Create("t1"))
	b.ReportAllocs()
	for b.Loop() {
		must[*Ring](b)(p.Load("t1"))
	}
}

func BenchmarkFile(b *testing.B) {
	fk, plain := NewFileKey(nil), pattern(10<<20)
	sealed := sealFile(b, fk, plain)
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			r, err := Reader(bytes.NewReader(sealed), fk, fileAD())
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
