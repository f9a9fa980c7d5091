package account

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
)

func TestPasswordsThatAreTakenAndNot(t *testing.T) {
	r := newRules(15)
	own := []string{"Anna Svensson", "anna.svensson@kommunen.example", "Acme kommun", "acme"}
	for _, c := range []struct{ password, want string }{
		{"drivved flyter utan brådska", ""},
		{"en grön cykel bakom ladan", ""},
		{"x7#kQ9!vLm2$pR4z", ""},
		{"                    ", "fault.password.known"},
		{"Ω≈ç√∫˜µ≤≥÷åß∂ƒ©˙∆", ""},
		{"parolen som ingen annan har", ""},
		{"8271 6450 3918 2764", "fault.password.known"}, // short numbers between spaces: dates and phone numbers
		{"8271645039182764", ""},
		{"för kort", "fault.password.short"},
		{"fjorton tecken", "fault.password.short"},
		{"PasswordPassword", "fault.password.known"},
		{"P@ssw0rd123456789", "fault.password.known"},
		{"Sommar2026Sommar2026", "fault.password.known"},
		{"qwertyuiopasdfghjkl", "fault.password.known"},
		{"1q2w3e4r5t6y7u8i9o0p", "fault.password.known"},
		{"aaaaaaaaaaaaaaaaaaa", "fault.password.known"},
		{"abababababababababab", "fault.password.known"},
		{"hejsanhejsanhejsan", "fault.password.known"},
		{"123456789012345678", "fault.password.known"},
		{"abcdefghijklmnopqrst", "fault.password.known"},
		{"AnnaSvensson1990!", "fault.password.known"},
		{"anna svensson acme", "fault.password.known"},
		{"Insegel-Acme-2026", "fault.password.known"},
		{"L0senord-Losenord!", "fault.password.known"},
		{"Lösenord-lösenord-1", "fault.password.known"},
		{"correct horse battery staple", "fault.password.known"},
		{strings.Repeat("lång ", 51) + "x", "fault.password.known"},
		{"en grön cykel" + strings.Repeat(" bakom ladan", 21), "fault.password.long"},
		{strings.Repeat("é", 5000), "fault.password.long"},
		{"grön cykel bak\xff ladan", "fault.password.text"},
	} {
		_, err := r.accept(c.password, own)
		got := ""
		if err != nil {
			got = fault.Of(err).Key
		}
		if got != c.want {
			t.Errorf("%.40q: %q, want %q", c.password, got, c.want)
		}
	}
}

// The same keys on two machines may give other code points: a password is the same in both.
func TestPasswordsAreNormalised(t *testing.T) {
	r := newRules(15)
	composed, err1 := r.accept("grön cykel bakom åsen ﬁn", nil)
	apart, err2 := r.accept("gro\u0308n cykel bakom a\u030asen fin", nil)
	if err1 != nil || err2 != nil || composed != apart {
		t.Errorf("%q %v, %q %v", composed, err1, apart, err2)
	}
	if _, err := r.accept("åååååååå cykeln"[:len("åååååååå")]+"cykel", nil); err == nil {
		t.Error("characters are counted as bytes")
	}
}

func FuzzAccept(f *testing.F) {
	r := newRules(15)
	for _, s := range []string{"", "drivved flyter utan brådska", "\xff\xfe", strings.Repeat("\u0345", 300)} {
		f.Add(s, "Anna Svensson")
	}
	f.Fuzz(func(t *testing.T, p, own string) {
		out, err := r.accept(p, []string{own})
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		if err == nil {
			if again, err := r.accept(out, []string{own}); err != nil || again != out {
				t.Fatalf("%q is taken as %q, which is not", p, out)
			}
		}
	})
}

func testHasher(turns int, d Derive) *hasher {
	c := clock.At(time.Unix(0, 0))
	return newHasher(Config{IDs: id.NewSource(c, nil), Params: Params{Memory: 64, Time: 1, Threads: 1}, Hashes: turns, Wait: 50 * time.Millisecond, Derive: d})
}

func TestHashesAreArgon2idInPHCForm(t *testing.T) {
	h := testHasher(1, nil)
	s, err := h.make(t.Context(), "secret")
	if err != nil || !strings.HasPrefix(s, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatal(s, err)
	}
	if other, _ := h.make(t.Context(), "secret"); other == s {
		t.Error("two hashes have one salt")
	}
	for _, c := range []struct {
		stored, password string
		ok               bool
	}{{s, "secret", true}, {s, "Secret", false}, {s, "", false}, {"", "", false}, {"", "secret", false}} {
		if ok, weak, err := h.check(t.Context(), c.stored, c.password); ok != c.ok || weak || err != nil {
			t.Errorf("%q %q: %v %v %v", c.stored, c.password, ok, weak, err)
		}
	}
	// RFC 9106's own implementation (the reference's command line, Argon2id, 2 passes, 64 MiB, 1 lane) gives this for "password".
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if _, err := parsePHC(known); err == nil {
		t.Error("a salt of eight bytes is taken, and we write sixteen")
	}
	if got := fmt.Sprintf("%x", argon([]byte("password"), []byte("somesalt"), Params{Memory: 64 << 10, Time: 2, Threads: 1})); got != "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7" {
		t.Errorf("Argon2id gives %s", got)
	}
}

func TestDamagedHashesAreRefused(t *testing.T) {
	h := testHasher(1, nil)
	good, _ := h.make(t.Context(), "secret")
	for _, s := range []string{"x", "$$$$$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=64", "m=99999999", 1), strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "p=1", "p=0", 1), good[:len(good)-4], good + "$"} {
		if _, _, err := h.check(t.Context(), s, "secret"); err == nil {
			t.Errorf("%s was taken", s)
		}
	}
}

// Only so many hashes run at once; who waits too long is told that there are too many, and who gives up leaves the queue.
func TestHashesWaitForTheirTurn(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h := testHasher(1, func(_, _ []byte, _ Params) []byte {
		entered <- struct{}{}
		<-leave
		sum := sha256.Sum256(nil)
		return sum[:]
	})
	done := make(chan error)
	go func() { _, err := h.make(context.Background(), "first"); done <- err }()
	<-entered
	if _, err := h.make(t.Context(), "second"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("the second got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.make(ctx, "third"); err == nil {
		t.Error("the third was let in")
	}
	leave <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() { _, err := h.make(context.Background(), "fourth"); done <- err }()
	<-entered
	leave <- struct{}{}
	if err := <-done; err != nil {
		t.Error("the turn was not given back:", err)
	}
}

func TestThrottleFillsUpAndIsBounded(t *testing.T) {
	c := clock.At(time.Unix(1000, 0))
	th := newThrottle(c, Rate{Burst: 2, Every: time.Minute})
	for i, want := range []bool{true, true, false} {
		if ok, _, _ := th.take("a"); ok != want {
			t.Errorf("take %d: %v", i, ok)
		}
	}
	c.Add(30 * time.Second)
	if ok, wait, first := th.take("a"); ok || wait != 30*time.Second || first {
		t.Errorf("%v, wait %v, first %v", ok, wait, first)
	}
	c.Add(time.Hour)
	for i, want := range []bool{true, true, false} { // full, and not fuller
		if ok, _, _ := th.take("a"); ok != want {
			t.Errorf("after an hour, take %d: %v", i, ok)
		}
	}
	for i := range maxBuckets + 10 {
		th.take(fmt.Sprint(i))
	}
	if len(th.byKey) != maxBuckets || th.order.Len() != maxBuckets {
		t.Errorf("%d and %d buckets", len(th.byKey), th.order.Len())
	}
}

func TestSources(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8::1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := source(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
	if got := source(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}
