package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"insegel/internal/fault"
)

// Signer signs a tenant's checkpoints with Ed25519, in the signed-note form of C2SP.
type Signer struct {
	origin   string
	key      ed25519.PrivateKey
	hash     uint32
	verifier note.Verifier
}

// NewSigner makes a tenant's signer from a seed of 32 bytes that is derived from a key under the epoch key. The origin is the
// checkpoint's first line: "insegel/<tenant id>".
func NewSigner(tenantID string, seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("log key has %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	s := &Signer{origin: "insegel/" + tenantID, key: ed25519.NewKeyFromSeed(seed)}
	pub := append([]byte{1}, s.key.Public().(ed25519.PublicKey)...) // 1: Ed25519, C2SP signed-note
	h := sha256.New()
	h.Write([]byte(s.origin + "\n"))
	h.Write(pub)
	s.hash = binary.BigEndian.Uint32(h.Sum(nil))
	v, err := note.NewVerifier(fmt.Sprintf("%s+%08x+%s", s.origin, s.hash, base64.StdEncoding.EncodeToString(pub)))
	if err != nil {
		return nil, fmt.Errorf("log key: %w", err)
	}
	s.verifier = v
	return s, nil
}

// Name, KeyHash and Sign make it a note.Signer.
func (s *Signer) Name() string { return s.origin }

// KeyHash is the note's key hash.
func (s *Signer) KeyHash() uint32 { return s.hash }

// Sign signs a note's text.
func (s *Signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// Key is the verification key as text, for who verifies: "insegel/<tenant>+hash+base64".
func (s *Signer) Key() string {
	pub := append([]byte{1}, s.key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", s.origin, s.hash, base64.StdEncoding.EncodeToString(pub))
}

// Checkpoint is a tree head.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Sign writes the checkpoint as a signed note (C2SP tlog-checkpoint): origin, size, root, signature.
func (s *Signer) sign(size int64, root tlog.Hash) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", s.origin, size, base64.StdEncoding.EncodeToString(root[:]))
	return note.Sign(&note.Note{Text: text}, s)
}

// Open reads a checkpoint that this signer's key has signed; anything else is a fault.
func (s *Signer) Open(signed []byte) (Checkpoint, error) { return openCheckpoint(signed, s.verifier) }

func openCheckpoint(signed []byte, v note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fault.Because(err, fault.Invalid, "fault.log.checkpoint")
	}
	lines := strings.Split(strings.TrimSuffix(n.Text, "\n"), "\n")
	if len(lines) < 3 || lines[0] != v.Name() {
		return Checkpoint{}, fault.New(fault.Invalid, "fault.log.checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fault.New(fault.Invalid, "fault.log.checkpoint")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fault.New(fault.Invalid, "fault.log.checkpoint")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: tlog.Hash(root)}, nil
}
