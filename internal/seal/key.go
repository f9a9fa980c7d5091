package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	keySize   = 32
	nonceSize = 12
	tagSize   = 16

	// Overhead is what sealing adds to a value: version, nonce and tag.
	Overhead = 1 + nonceSize + tagSize
)

// Key is a 256-bit key of one case, contact, document or day, or of a tenant (lookup, signing). It
// shows its bytes to nobody. The zero Key opens nothing, and sealing with it panics. Safe for use by
// several goroutines if the randomness it was made with is.
//
// Nonces are random, so one key seals at most 2^32 values (NIST SP 800-38D 8.3). A key of a case or a
// day stays far below that; a key that seals without end must be replaced in time by its owner.
type Key struct{ in *inner }

type inner struct {
	box
	raw    secret
	once   sync.Once
	lookup secret // the subkey of Lookup, derived on first use
}

func (in *inner) lookupKey() []byte {
	in.once.Do(func() { in.lookup = hold([keySize]byte(derive(in.raw()[:], "insegel lookup v1"))) })
	return in.lookup()[:]
}

// secret holds key bytes in a closure. fmt prints the fields of a struct in an unexported field without
// asking its methods, and with a wrong verb follows a pointer as well; of a func it prints the address.
type secret func() *[keySize]byte

func hold(raw [keySize]byte) secret { return func() *[keySize]byte { return &raw } }

// box is an AEAD with the randomness for its nonces.
type box struct {
	aead cipher.AEAD
	rand io.Reader
}

// NewKey makes a random key. A nil reader means crypto/rand; the key keeps the reader for its nonces.
func NewKey(random io.Reader) Key {
	var raw [keySize]byte
	random = orSystem(random)
	mustRead(random, raw[:])
	return keyOf(raw, random)
}

func keyOf(raw [keySize]byte, random io.Reader) Key {
	return Key{&inner{box: newBox(raw[:], random), raw: hold(raw)}}
}

// Zero tells whether k is no key at all.
func (k Key) Zero() bool { return k.in == nil }

// Equal compares two keys in constant time.
func (k Key) Equal(other Key) bool {
	return k.in != nil && other.in != nil && hmac.Equal(k.in.raw()[:], other.in.raw()[:])
}

// Seal appends the sealed form of plain to dst: version ‖ nonce ‖ ciphertext ‖ tag. dst must not overlap plain.
func (k Key) Seal(dst []byte, ad AD, plain []byte) []byte {
	var buf [adBuf]byte
	return k.must().seal(dst, ad.encode(buf[:0], forValue), plain)
}

// Open gives what was sealed with the same key for the same place, never nil without an error.
// Anything else is fault.seal.damaged.
func (k Key) Open(ad AD, sealed []byte) ([]byte, error) {
	if k.in == nil {
		return nil, damaged(errors.New("open with the zero key"))
	}
	var buf [adBuf]byte
	plain, err := k.in.open(ad.encode(buf[:0], forValue), sealed)
	if err != nil {
		return nil, damaged(fmt.Errorf("open %s.%s of row %s: %w", ad.Table, ad.Column, ad.Row, err))
	}
	return plain, nil
}

// Lookup gives the 32 bytes by which value is found without being stored: HMAC-SHA-256 under a subkey
// of k. Equal values of different kinds give different bytes. Normalising is the caller's. Use a key of
// its own for this, one a tenant; replacing it means computing every lookup anew.
func (k Key) Lookup(kind, value string) []byte {
	mac := hmac.New(sha256.New, k.must().lookupKey())
	var buf [64]byte
	mac.Write(appendPart(buf[:0], kind))
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// Derive gives 32 bytes for a use outside this package: the seed of an Ed25519 signing key, the key of
// reply-address MACs. One label, one use. Use a key of its own for this, never one that seals.
func (k Key) Derive(label string) []byte {
	return derive(k.must().raw()[:], "insegel derive v1 "+label)
}

func (k Key) must() *inner {
	if k.in == nil {
		panic("seal: use of the zero key")
	}
	return k.in
}

func derive(raw []byte, info string) []byte { return derive32(raw, nil, info) }

func derive32(raw, salt []byte, info string) []byte {
	out, err := hkdf.Key(sha256.New, raw, salt, info, keySize)
	if err != nil {
		panic("seal: hkdf: " + err.Error()) // only a wrong length can fail (RFC 5869 2.3)
	}
	return out
}

func newBox(raw []byte, random io.Reader) box {
	block, err := aes.NewCipher(raw)
	if err != nil {
		panic("seal: aes: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: gcm: " + err.Error())
	}
	return box{aead: aead, rand: random}
}

// adBuf holds the associated data of ordinary names without an allocation.
const adBuf = 256

func (b *box) seal(dst, ad, plain []byte) []byte {
	var nonce [nonceSize]byte
	mustRead(b.rand, nonce[:])
	if cap(dst)-len(dst) < Overhead+len(plain) {
		grown := make([]byte, len(dst), len(dst)+Overhead+len(plain))
		copy(grown, dst)
		dst = grown
	}
	dst = append(dst, version)
	dst = append(dst, nonce[:]...)
	return b.aead.Seal(dst, nonce[:], plain, ad)
}

func (b *box) open(ad, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, errors.New("too short")
	}
	if sealed[0] != version {
		return nil, fmt.Errorf("format version %d is not known", sealed[0])
	}
	plain := make([]byte, 0, len(sealed)-Overhead)
	return b.aead.Open(plain, sealed[1:1+nonceSize], sealed[1+nonceSize:], ad)
}

func orSystem(random io.Reader) io.Reader {
	if random == nil {
		return rand.Reader
	}
	return random
}

// mustRead fails hard: a program without randomness must not seal anything.
func mustRead(r io.Reader, b []byte) {
	if _, err := io.ReadFull(r, b); err != nil {
		panic("seal: no randomness: " + err.Error())
	}
}
