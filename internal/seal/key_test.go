package seal

import (
	"bytes"
	"errors"
	"testing"

	"insegel/internal/fault"
)

// counter is a reader of 00 01 02 …, for what must come out the same every time.
type counter struct{ n byte }

func (c *counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.n
		c.n++
	}
	return len(p), nil
}

func is(t *testing.T, err error, kind fault.Kind, key string) {
	t.Helper()
	if !errors.Is(err, fault.New(kind, key)) {
		t.Fatalf("got %v, want %s", err, key)
	}
}

func here() AD { return AD{"t1", "support", "message", "body", "42"} }

func TestSealedValueOpensOnlyInItsPlace(t *testing.T) {
	k := NewKey(nil)
	sealed := k.Seal([]byte("before"), here(), []byte("hemligt"))
	if !bytes.HasPrefix(sealed, []byte("before")) {
		t.Fatal("dst was not appended to")
	}
	sealed = sealed[len("before"):]
	plain, err := k.Open(here(), sealed)
	if err != nil || string(plain) != "hemligt" || len(sealed) != len(plain)+Overhead {
		t.Fatalf("%q %v", plain, err)
	}
	for name, move := range map[string]func(*AD){
		"tenant":        func(a *AD) { a.Tenant = "t2" },
		"purpose":       func(a *AD) { a.Purpose = "security" },
		"table":         func(a *AD) { a.Table = "note" },
		"column":        func(a *AD) { a.Column = "subject" },
		"row":           func(a *AD) { a.Row = "43" },
		"shifted parts": func(a *AD) { a.Table, a.Column = "messageb", "ody" },
		"empty part":    func(a *AD) { a.Table, a.Column = "messagebody", "" },
	} {
		ad := here()
		move(&ad)
		_, err := k.Open(ad, sealed)
		t.Run(name, func(t *testing.T) { is(t, err, fault.Internal, keyDamaged) })
	}
	_, err = NewKey(nil).Open(here(), sealed)
	is(t, err, fault.Internal, keyDamaged)
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	k := NewKey(nil)
	sealed := k.Seal(nil, here(), []byte("hemligt"))
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		_, err := k.Open(here(), bad)
		is(t, err, fault.Internal, keyDamaged)
	}
	for n := range sealed {
		_, err := k.Open(here(), sealed[:n])
		is(t, err, fault.Internal, keyDamaged)
	}
}

func TestEmptyValueIsNotNil(t *testing.T) {
	k := NewKey(nil)
	plain, err := k.Open(here(), k.Seal(nil, here(), nil))
	if err != nil || plain == nil || len(plain) != 0 {
		t.Fatalf("%v %v", plain, err)
	}
}

func TestSameTextNeverSealsTheSame(t *testing.T) {
	k := NewKey(nil)
	if bytes.Equal(k.Seal(nil, here(), []byte("x")), k.Seal(nil, here(), []byte("x"))) {
		t.Fatal("a nonce was used twice")
	}
}

func TestWhatIsSealedForOneUseDoesNotOpenForAnother(t *testing.T) {
	k := NewKey(nil)
	_, err := k.Open(here(), k.WrapFile(here(), NewFileKey(nil)))
	is(t, err, fault.Internal, keyDamaged)
	_, err = k.UnwrapFile(here(), k.Seal(nil, here(), make([]byte, keySize)))
	is(t, err, fault.Internal, keyDamaged)
}

func TestZeroKeyDoesNothing(t *testing.T) {
	var k Key
	_, err := k.Open(here(), NewKey(nil).Seal(nil, here(), nil))
	is(t, err, fault.Internal, keyDamaged)
	_, err = k.UnwrapFile(here(), make([]byte, 61))
	is(t, err, fault.Internal, keyDamaged)
	_, err = Reader(&bytes.Buffer{}, FileKey{}, here())
	is(t, err, fault.Internal, keyDamaged)
	_, err = At(bytes.NewReader(nil), 56, FileKey{}, here())
	is(t, err, fault.Internal, keyDamaged)
	_, err = (&Ring{}).Unwrap(1, KeyID{}, make([]byte, 61))
	is(t, err, fault.Internal, keyDamaged)
	if !k.Zero() || k.Equal(k) || NewKey(nil).Zero() {
		t.Fatal("the zero key passes for a key")
	}
	ring := first(&counter{}).ring("t1", nil)
	for name, use := range map[string]func(){
		"seal":          func() { k.Seal(nil, here(), []byte("x")) },
		"lookup":        func() { k.Lookup("mail", "x") },
		"derive":        func() { k.Derive("x") },
		"wrap file":     func() { k.WrapFile(here(), NewFileKey(nil)) },
		"no file key":   func() { NewKey(nil).WrapFile(here(), FileKey{}) },
		"write a file":  func() { _, _ = Writer(&bytes.Buffer{}, FileKey{}, here()) },
		"wrap it":       func() { ring.Wrap(k, KeyID{Tenant: "t1"}) },
		"wrong tenant":  func() { ring.Wrap(NewKey(nil), KeyID{Tenant: "t2"}) },
		"zero ring":     func() { (&Ring{}).Wrap(NewKey(nil), KeyID{}) },
		"zero root":     func() { (&Root{}).ID() },
		"no randomness": func() { NewKey(bytes.NewReader(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("went on")
				}
			}()
			use()
		})
	}
}

func TestLookupAndDeriveAreSeparated(t *testing.T) {
	k, other := NewKey(nil), NewKey(nil)
	a := k.Lookup("mail", "anna@example.org")
	if len(a) != 32 || !bytes.Equal(a, k.Lookup("mail", "anna@example.org")) {
		t.Fatal("a lookup must always be the same 32 bytes")
	}
	for name, b := range map[string][]byte{
		"kind":    k.Lookup("login", "anna@example.org"),
		"key":     other.Lookup("mail", "anna@example.org"),
		"value":   k.Lookup("mail", "anna@example.com"),
		"shifted": k.Lookup("maila", "nna@example.org"),
		"derived": k.Derive("mail"),
	} {
		if bytes.Equal(a, b) {
			t.Errorf("%s does not change the lookup", name)
		}
	}
	if bytes.Equal(k.Derive("a"), k.Derive("b")) || bytes.Equal(k.Derive("a"), other.Derive("a")) {
		t.Error("derived keys are not separated")
	}
}
