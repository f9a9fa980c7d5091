package seal

import (
	"errors"
	"fmt"
	"io"

	"insegel/internal/fault"
)

// Ring is what a tenant's epoch keys can do: wrap and unwrap the keys in its database. It is a
// snapshot and does not change; Begin and Finish give the next one, and who holds the old one must let
// it go. Safe for use by several goroutines.
type Ring struct {
	Tenant  string
	Current uint64 // the epoch that keys are wrapped under
	Next    uint64 // 0, or the epoch of a rotation that was begun and not finished

	// Healed names the folders whose copy was missing, damaged or behind and was written anew by this
	// Load. Lacking names those where that could not be done: a copy is missing there now.
	Healed, Lacking []string

	cur, next *box
	rand      io.Reader
}

// Newest is the epoch that Wrap uses: Next while a rotation runs.
func (r *Ring) Newest() uint64 {
	if r.Next != 0 {
		return r.Next
	}
	return r.Current
}

// Wrap seals k for the thing it belongs to, always under the newest epoch. The caller stores both
// results in one row, in a transaction that has seen that no newer epoch was begun: what is written
// under an old epoch after the survivors were re-wrapped is lost at Finish.
func (r *Ring) Wrap(k Key, kid KeyID) (epoch uint64, wrapped []byte) {
	in := k.must()
	if r == nil || r.cur == nil || kid.Tenant != r.Tenant {
		panic("seal: wrap with no ring, or with another tenant's")
	}
	epoch = r.Newest()
	var buf [adBuf]byte
	return epoch, r.box(epoch).seal(nil, kid.encode(buf[:0], epoch), in.raw()[:])
}

// Unwrap gives the key that was wrapped for kid under epoch. An epoch that was destroyed is
// fault.seal.erased; one that these key files have not reached yet is fault.seal.ahead (an old copy of
// the key folders was put back); whatever does not authenticate is fault.seal.damaged.
func (r *Ring) Unwrap(epoch uint64, kid KeyID, wrapped []byte) (Key, error) {
	raw, err := r.unwrap(epoch, kid, wrapped)
	if err != nil {
		return Key{}, err
	}
	return keyOf(raw, r.rand), nil
}

// Rewrap moves a wrapped key to the newest epoch without handing it out. What is there already comes
// back as it is.
func (r *Ring) Rewrap(epoch uint64, kid KeyID, wrapped []byte) (newEpoch uint64, newWrapped []byte, err error) {
	raw, err := r.unwrap(epoch, kid, wrapped)
	if err != nil {
		return 0, nil, err
	}
	newEpoch = r.Newest()
	if newEpoch == epoch {
		return epoch, wrapped, nil
	}
	var buf [adBuf]byte
	return newEpoch, r.box(newEpoch).seal(nil, kid.encode(buf[:0], newEpoch), raw[:]), nil
}

func (r *Ring) unwrap(epoch uint64, kid KeyID, wrapped []byte) (raw [keySize]byte, err error) {
	if r == nil || r.cur == nil {
		return raw, damaged(errors.New("unwrap with no ring"))
	}
	b := r.box(epoch)
	if b == nil {
		return raw, r.noEpoch(epoch)
	}
	var buf [adBuf]byte
	plain, err := b.open(kid.encode(buf[:0], epoch), wrapped)
	if err == nil && len(plain) != keySize {
		err = errors.New("wrong length")
	}
	if err != nil {
		return raw, damaged(fmt.Errorf("unwrap the key of %s %s under epoch %d: %w", kid.Kind, kid.ID, epoch, err))
	}
	return [keySize]byte(plain), nil
}

func (r *Ring) box(epoch uint64) *box {
	switch {
	case epoch == 0:
		return nil
	case epoch == r.Current:
		return r.cur
	case epoch == r.Next:
		return r.next
	}
	return nil
}

func (r *Ring) noEpoch(epoch uint64) error {
	switch {
	case epoch == 0:
		return damaged(errors.New("epoch 0 does not exist"))
	case epoch < r.Current:
		return fault.Because(fmt.Errorf("epoch %d was destroyed, the current one is %d", epoch, r.Current), fault.NotFound, keyErased)
	}
	return fault.New(fault.Unavailable, keyAhead, "tenant", r.Tenant, "epoch", epoch, "newest", r.Newest())
}
