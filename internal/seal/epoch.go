package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

const (
	epochMagic   = "insegel-epoch-v1\n"
	maxEpochFile = 4096
	maxTenant    = 64

	// removedGeneration is that of a removed tenant: nothing can be newer, whatever a stale or damaged
	// copy says.
	removedGeneration = math.MaxUint64
)

// epochs is the content of a tenant's key file: one epoch key, two while a rotation runs, none when
// the tenant was removed. Generation grows with every write, so that the newest copy is told.
type epochs struct {
	generation    uint64
	current, next uint64
	keys          [2][keySize]byte // of current and next
}

func (e *epochs) removed() bool { return e.generation == removedGeneration }

// encode writes generation ‖ current ‖ next (8 bytes each) ‖ the keys there are.
func (e *epochs) encode() []byte {
	out := make([]byte, 0, 24+2*keySize)
	for _, n := range [...]uint64{e.generation, e.current, e.next} {
		out = binary.BigEndian.AppendUint64(out, n)
	}
	for i := range e.count() {
		out = append(out, e.keys[i][:]...)
	}
	return out
}

func (e *epochs) count() int {
	switch {
	case e.removed():
		return 0
	case e.next == 0:
		return 1
	}
	return 2
}

var errEpochs = errors.New("not a keyring")

func decodeEpochs(b []byte) (*epochs, error) {
	if len(b) < 24 {
		return nil, errEpochs
	}
	e := &epochs{
		generation: binary.BigEndian.Uint64(b),
		current:    binary.BigEndian.Uint64(b[8:]),
		next:       binary.BigEndian.Uint64(b[16:]),
	}
	keys := b[24:]
	if len(keys) != e.count()*keySize {
		return nil, errEpochs
	}
	if !e.removed() && (e.generation == 0 || e.current == 0 || (e.next != 0 && e.next != e.current+1)) {
		return nil, errEpochs
	}
	for i := range e.count() {
		copy(e.keys[i][:], keys[i*keySize:])
	}
	return e, nil
}

// first, begun and finished are the three steps of a keyring's life.
func first(random io.Reader) *epochs {
	e := &epochs{generation: 1, current: 1}
	mustRead(random, e.keys[0][:])
	return e
}

func (e *epochs) begun(random io.Reader) *epochs {
	n := &epochs{generation: e.generation + 1, current: e.current, next: e.current + 1}
	n.keys[0] = e.keys[0]
	mustRead(random, n.keys[1][:])
	return n
}

func (e *epochs) finished() *epochs {
	n := &epochs{generation: e.generation + 1, current: e.next}
	n.keys[0] = e.keys[1]
	return n
}

func (e *epochs) ring(tenant string, random io.Reader) *Ring {
	r := &Ring{Tenant: tenant, Current: e.current, Next: e.next, rand: random}
	cur := newBox(e.keys[0][:], random)
	r.cur = &cur
	if e.next != 0 {
		next := newBox(e.keys[1][:], random)
		r.next = &next
	}
	return r
}

// Why a key file cannot be used. They decide what the operator is told to do.
var (
	errOtherRoot = errors.New("sealed under another root key")
	errDamaged   = errors.New("damaged")
)

func epochAD(tenant string) AD { return AD{Tenant: tenant, Purpose: "epoch"} }

// sealEpochs writes magic ‖ id of the root key ‖ sealed keyring ‖ 8 bytes of SHA-256 over all of it.
// The checksum is no protection: it tells decay from a wrong root key.
func sealEpochs(root *Root, tenant string, e *epochs) []byte {
	out := append([]byte(epochMagic), root.must().id[:]...)
	out = append(out, root.Wrap(epochAD(tenant), e.encode())...)
	sum := sha256.Sum256(out)
	return append(out, sum[:sumSize]...)
}

func openEpochs(root *Root, tenant string, file []byte) (*epochs, error) {
	const head = len(epochMagic) + 8
	if len(file) < head+Overhead+sumSize || len(file) > maxEpochFile || !bytes.HasPrefix(file, []byte(epochMagic)) {
		return nil, errDamaged
	}
	body, sum := file[:len(file)-sumSize], file[len(file)-sumSize:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:sumSize]) {
		return nil, errDamaged
	}
	if id := root.must().id; !bytes.Equal(body[len(epochMagic):head], id[:]) {
		return nil, errOtherRoot
	}
	plain, err := root.Unwrap(epochAD(tenant), body[head:])
	if err != nil {
		return nil, errors.Join(errDamaged, err)
	}
	e, err := decodeEpochs(plain)
	if err != nil {
		return nil, errors.Join(errDamaged, err)
	}
	return e, nil
}

// fileTenant tells whether a tenant's id may become the name of a file.
func fileTenant(s string) bool {
	if s == "" || len(s) > maxTenant || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
