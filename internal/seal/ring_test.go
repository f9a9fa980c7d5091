package seal

import (
	"bytes"
	"testing"

	"insegel/internal/fault"
)

func caseKey() KeyID { return KeyID{"t1", "support", "case", "1042"} }

func TestWrappedKeyOpensOnlyForItsThing(t *testing.T) {
	ring := first(orSystem(nil)).ring("t1", orSystem(nil))
	k := NewKey(nil)
	epoch, wrapped := ring.Wrap(k, caseKey())
	if epoch != 1 || len(wrapped) != keySize+Overhead {
		t.Fatalf("epoch %d, %d bytes", epoch, len(wrapped))
	}
	got, err := ring.Unwrap(epoch, caseKey(), wrapped)
	if err != nil || !got.Equal(k) {
		t.Fatal(err)
	}
	for name, move := range map[string]func(*KeyID){
		"tenant":  func(k *KeyID) { k.Tenant = "t2" },
		"purpose": func(k *KeyID) { k.Purpose = "security" },
		"kind":    func(k *KeyID) { k.Kind = "contact" },
		"id":      func(k *KeyID) { k.ID = "1043" },
	} {
		kid := caseKey()
		move(&kid)
		_, err := ring.Unwrap(epoch, kid, wrapped)
		t.Run(name, func(t *testing.T) { is(t, err, fault.Internal, keyDamaged) })
	}
	// Another tenant's ring with the same id in the row: another key, so it fails there too.
	other := first(orSystem(nil)).ring("t1", orSystem(nil))
	_, err = other.Unwrap(epoch, caseKey(), wrapped)
	is(t, err, fault.Internal, keyDamaged)
	for i := range len(wrapped) * 8 {
		bad := bytes.Clone(wrapped)
		bad[i/8] ^= 1 << (i % 8)
		_, err := ring.Unwrap(epoch, caseKey(), bad)
		is(t, err, fault.Internal, keyDamaged)
	}
}

func TestRotationErasesWhatWasNotRewrapped(t *testing.T) {
	random := orSystem(nil)
	one := first(random)
	ring := one.ring("t1", random)
	kept, lost := NewKey(nil), NewKey(nil)
	epoch, wrappedKept := ring.Wrap(kept, caseKey())
	_, wrappedLost := ring.Wrap(lost, caseKey())

	two := one.begun(random)
	ring = two.ring("t1", random)
	newEpoch, rewrapped, err := ring.Rewrap(epoch, caseKey(), wrappedKept)
	if err != nil || newEpoch != 2 {
		t.Fatal(newEpoch, err)
	}
	if again, same, err := ring.Rewrap(newEpoch, caseKey(), rewrapped); err != nil || again != 2 || !bytes.Equal(same, rewrapped) {
		t.Fatal("rewrapping twice is not the same as once", err)
	}
	if _, err := ring.Unwrap(epoch, caseKey(), wrappedLost); err != nil {
		t.Fatal("until the end the old epoch opens:", err)
	}
	if e, _ := ring.Wrap(kept, caseKey()); e != 2 {
		t.Fatal("while rotating, new keys go under the next epoch")
	}

	ring = two.finished().ring("t1", random)
	got, err := ring.Unwrap(newEpoch, caseKey(), rewrapped)
	if err != nil || !got.Equal(kept) {
		t.Fatal(err)
	}
	_, err = ring.Unwrap(epoch, caseKey(), wrappedLost)
	is(t, err, fault.NotFound, keyErased)
	_, _, err = ring.Rewrap(epoch, caseKey(), wrappedLost)
	is(t, err, fault.NotFound, keyErased)
	_, err = ring.Unwrap(3, caseKey(), rewrapped)
	is(t, err, fault.Unavailable, keyAhead)
	_, err = ring.Unwrap(0, caseKey(), rewrapped)
	is(t, err, fault.Internal, keyDamaged)
	_, err = ring.Unwrap(2, caseKey(), wrappedLost) // the row claims a newer epoch than it was wrapped under
	is(t, err, fault.Internal, keyDamaged)
}

func TestKeyringBytes(t *testing.T) {
	one := first(&counter{})
	for _, e := range []*epochs{one, one.begun(&counter{n: 100}), one.begun(&counter{n: 100}).finished(), {generation: removedGeneration}} {
		got, err := decodeEpochs(e.encode())
		if err != nil || !same(got, e) {
			t.Fatalf("%+v: %v", e, err)
		}
		for n := range e.encode() {
			if _, err := decodeEpochs(e.encode()[:n]); err == nil {
				t.Fatalf("%d bytes of a keyring pass for one", n)
			}
		}
	}
	for name, bad := range map[string]*epochs{
		"generation 0": {current: 1},
		"epoch 0":      {generation: 1},
		"gap":          {generation: 2, current: 1, next: 3},
		"backwards":    {generation: 2, current: 2, next: 1},
	} {
		if _, err := decodeEpochs(bad.encode()); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
