// Package id makes the names of things: UUIDv7 (RFC 9562 5.7), which sort by the time they were made,
// and random tokens, which cannot be guessed.
package id

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"sync"

	"insegel/internal/clock"
)

// Source makes ids from a clock and randomness that are passed in. Safe for use by several goroutines.
type Source struct {
	clock clock.Clock
	rand  io.Reader
	mu    sync.Mutex
	last  int64 // milliseconds<<12 | counter: ids of one source never go backwards
}

// NewSource makes a Source. A nil reader means crypto/rand.
func NewSource(c clock.Clock, r io.Reader) *Source {
	if r == nil {
		r = rand.Reader
	}
	return &Source{clock: c, rand: r}
}

// New makes a UUIDv7 as 36 characters of text. Within one source ids ascend even inside one
// millisecond (RFC 9562 6.2, method 3: the 12 bits of rand_a count fractions of it).
func (s *Source) New() string {
	var b [16]byte
	s.mu.Lock()
	now := s.clock.Now()
	v := now.UnixMilli()<<12 | int64(now.Nanosecond()%1_000_000)*4096/1_000_000
	if v <= s.last {
		v = s.last + 1
	}
	s.last = v
	mustRead(s.rand, b[8:])
	s.mu.Unlock()
	ms := v >> 12
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i)) // #nosec G115 -- one byte at a time is meant
	}
	b[6] = 0x70 | byte(v>>8)&0x0f // #nosec G115
	b[7] = byte(v)                // #nosec G115
	b[8] = 0x80 | b[8]&0x3f
	return Format(b)
}

// Bytes gives n random bytes.
func (s *Source) Bytes(n int) []byte {
	b := make([]byte, n)
	s.mu.Lock()
	mustRead(s.rand, b)
	s.mu.Unlock()
	return b
}

// Token makes a secret of 256 bits for links, sessions and the API: 43 characters of base64url.
func (s *Source) Token() string { return base64.RawURLEncoding.EncodeToString(s.Bytes(32)) }

// TokenHash is what is stored of a token: SHA-256, which is enough for 256 random bits (ASVS 6.5.2).
func TokenHash(token string) []byte { h := sha256.Sum256([]byte(token)); return h[:] }

// Format writes 16 bytes as a UUID.
func Format(b [16]byte) string {
	var d [36]byte
	hex.Encode(d[0:8], b[0:4])
	hex.Encode(d[9:13], b[4:6])
	hex.Encode(d[14:18], b[6:8])
	hex.Encode(d[19:23], b[8:10])
	hex.Encode(d[24:36], b[10:16])
	d[8], d[13], d[18], d[23] = '-', '-', '-', '-'
	return string(d[:])
}

// Valid tells whether s has the form of an id, so that what comes from outside can be refused before
// it is used as part of a path.
func Valid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// mustRead fails hard: a program without randomness must not go on (crypto/rand itself crashes so).
func mustRead(r io.Reader, b []byte) {
	if _, err := io.ReadFull(r, b); err != nil {
		panic("id: no randomness: " + err.Error())
	}
}
