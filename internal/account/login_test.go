package account_test

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func TestLoginOpensASessionAndLogoutEndsIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		anna := h.member("Anna Ek", "Anna@Example.org", access.Handler)
		s, err := h.login(" anna@example.ORG ", good)
		h.ok(err)
		if s.Account != anna || !h.enters(s.Secret) {
			t.Fatal("the session does not let Anna in")
		}
		if h.enters(s.Secret + "x") {
			t.Error("another secret lets somebody in")
		}
		_, err = as(h, access.Session(id.TokenHash(s.Secret), stranger), access.Logout, none(account.Logout))
		h.ok(err)
		if h.enters(s.Secret) {
			t.Error("the session is still good after logging out")
		}
	})
}

func TestLoginEndsTheSessionThatTheBrowserHad(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Handler)
		first, err := h.login("anna@example.org", good)
		h.ok(err)
		second, err := as(h, access.Public(stranger), access.Login, func(ctx context.Context, v *visit.Visit) (account.Session, error) {
			return h.door.Login(ctx, v, account.Attempt{Mail: "anna@example.org", Password: good, Previous: first.Secret})
		})
		h.ok(err)
		if second.Secret == first.Secret || h.enters(first.Secret) || !h.enters(second.Secret) {
			t.Error("the secret did not rotate")
		}
	})
}

// Whoever fails gets the same answer for the same work: hashes are counted, not timed.
func TestFailuresCannotBeToldApart(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Administrator)
		h.invite("Bo Ny", "bo@example.org", access.Handler)
		gone := h.member("Cia Slut", "cia@example.org", access.Handler)
		_, err := as(h, visittest.Console(), access.ChangeAccount, none(func(ctx context.Context, v *visit.Visit) error { return account.Deactivate(ctx, v, gone) }))
		h.ok(err)
		h.member("Dan Last", "dan@example.org", access.Handler)
		for range 5 {
			_, _ = h.login("dan@example.org", "wrong wrong wrong wrong")
		}
		for _, c := range []struct{ name, mail, password string }{
			{"unknown address", "nobody@example.org", good},
			{"no address", "x", good},
			{"wrong password", "anna@example.org", "wrong wrong wrong wrong"},
			{"empty password", "anna@example.org", ""},
			{"endless password", "anna@example.org", string(make([]byte, 1<<20))},
			{"no password chosen", "bo@example.org", ""},
			{"deactivated", "cia@example.org", good},
			{"locked, right password", "dan@example.org", good},
			{"locked, wrong password", "dan@example.org", "wrong wrong wrong wrong"},
		} {
			before, records := h.hashes.Load(), len(h.log(access.Login))
			_, err := h.login(c.mail, c.password)
			if f := fault.Of(err); f.Kind != fault.Unknown || f.Key != "fault.signin.wrong" || len(f.Args) != 0 {
				t.Errorf("%s: %v", c.name, err)
			}
			if n := h.hashes.Load() - before; n != 1 {
				t.Errorf("%s: %d hashes, want 1", c.name, n)
			}
			if n := len(h.log(access.Login)) - records; n != 1 {
				t.Errorf("%s: %d records, want 1", c.name, n)
			}
		}
		if got := h.log(access.Login)[0].Act.Result; got != "refused: fault.signin.locked" {
			t.Errorf("the log does not tell a locked account: %q", got)
		}
	})
}

func TestFiveFailuresLockUntilUnlockedOrReset(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Handler)
		wrong := func(n int) {
			for range n {
				_, err := h.login("anna@example.org", "not the right password")
				h.want(err, "fault.signin.wrong")
			}
		}
		wrong(4)
		_, err := h.login("anna@example.org", good)
		h.ok(err) // the fifth was right: counting begins anew
		wrong(5)
		_, err = h.login("anna@example.org", good)
		h.want(err, "fault.signin.wrong")
		h.Clock.Add(48 * time.Hour)
		_, err = h.login("anna@example.org", good)
		h.want(err, "fault.signin.wrong") // time does not unlock
		_, err = as(h, visittest.Console(), access.UnlockAccount, none(func(ctx context.Context, v *visit.Visit) error {
			return account.Unlock(ctx, v, "anna@example.org")
		}))
		h.ok(err)
		_, err = h.login("anna@example.org", good)
		h.ok(err)
		wrong(5)
		token, err := as(h, visittest.Console(), access.IssueReset, func(ctx context.Context, v *visit.Visit) (string, error) {
			return h.door.IssueReset(ctx, v, "anna@example.org")
		})
		h.ok(err)
		h.ok(h.choose(token, better))
		_, err = h.login("anna@example.org", better)
		h.ok(err)
	})
}

// Guesses at the same moment are counted one by one: of forty, the lock falls at the fifth, and the right one among those that come
// after it opens nothing.
func TestParallelGuessesAreCountedExactly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		anna := h.member("Anna Ek", "anna@example.org", access.Handler)
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				if _, err := h.login("anna@example.org", "not the right password"); key(err) != "fault.signin.wrong" {
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		counted, locked := 0, 0
		for _, l := range h.log(access.Login) {
			if l.Act.Object != anna {
				t.Errorf("record %d does not name the account", l.Seq)
			}
			switch l.Act.Result {
			case "refused: fault.signin.wrong":
				counted++
				if l.Act.Set["failed"] != strconv.Itoa(6-counted) { // the newest comes first
					t.Errorf("record %d says failed %s", l.Seq, l.Act.Set["failed"])
				}
			case "refused: fault.signin.locked":
				locked++
			}
		}
		if counted != 5 || locked != 35 {
			t.Errorf("%d counted and %d after the lock, want 5 and 35", counted, locked)
		}
		_, err := h.login("anna@example.org", good)
		h.want(err, "fault.signin.wrong")
	})
}

func TestOneSourceIsThrottledBeforeItLocksMany(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.config.Guesses = account.Rate{Burst: 3, Every: 10 * time.Second}
		h.door = account.New(h.config)
		h.member("Anna Ek", "anna@example.org", access.Handler)
		from := func(addr string) error {
			_, err := as(h, access.Public(netip.MustParseAddr(addr)), access.Login, func(ctx context.Context, v *visit.Visit) (account.Session, error) {
				return h.door.Login(ctx, v, account.Attempt{Mail: "nobody@example.org", Password: "x"})
			})
			return err
		}
		for range 3 {
			h.want(from("203.0.113.9"), "fault.signin.wrong")
		}
		hashes, records := h.hashes.Load(), len(h.log(access.Login))
		for range 5 {
			err := from("203.0.113.9")
			h.want(err, "fault.signin.throttled")
			if fault.KindOf(err) != fault.TooMany || account.RetryAfter(err) != 10*time.Second {
				t.Errorf("%v: retry after %v", err, account.RetryAfter(err))
			}
		}
		if h.hashes.Load() != hashes {
			t.Error("a throttled attempt was hashed")
		}
		if n := len(h.log(access.Login)) - records; n != 1 {
			t.Errorf("%d records of five throttled attempts, want the first only", n)
		}
		h.want(from("203.0.113.10"), "fault.signin.wrong") // a neighbour is another source
		for range 3 {
			h.want(from("2001:db8:1:2::5"), "fault.signin.wrong")
		}
		h.want(from("2001:db8:1:2:ffff::9"), "fault.signin.throttled") // one network of 64 bits is one source
		h.want(from("2001:db8:1:3::5"), "fault.signin.wrong")
		h.Clock.Add(10 * time.Second)
		h.want(from("203.0.113.9"), "fault.signin.wrong")
		// Who knows the password does not run out of tries.
		h.Clock.Add(10 * time.Second)
		for range 5 {
			_, err := h.login("anna@example.org", good)
			h.ok(err)
		}
	})
}

// A password that is replaced while it is being checked opens nothing any more.
func TestAResetDuringALoginWins(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Handler)
		token, err := as(h, visittest.Console(), access.IssueReset, func(ctx context.Context, v *visit.Visit) (string, error) {
			return h.door.IssueReset(ctx, v, "anna@example.org")
		})
		h.ok(err)
		reset := func() { h.ok(h.choose(token, better)) }
		h.during.Store(&reset)
		_, err = h.login("anna@example.org", good)
		h.want(err, "fault.signin.wrong")
		_, err = h.login("anna@example.org", better)
		h.ok(err)
	})
}

func TestWeakHashesAreRaisedAtLogin(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Handler)
		h.config.Params = account.Params{Memory: 128, Time: 2, Threads: 1}
		h.door = account.New(h.config)
		before := h.hashes.Load()
		for i, want := range []int64{2, 3} { // checked and raised, then only checked
			_, err := h.login("anna@example.org", good)
			h.ok(err)
			if n := h.hashes.Load() - before; n != want {
				t.Errorf("after log-in %d: %d hashes, want %d", i+1, n, want)
			}
		}
	})
}

func TestSessionsEndIdleAndInAll(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Handler)
		s, err := h.login("anna@example.org", good)
		h.ok(err)
		touch := none(account.Touch)
		lim := access.DefaultLimits()
		for range 100 {
			h.Clock.Add(lim.SessionIdle - time.Minute)
			if _, err := as(h, access.Session(id.TokenHash(s.Secret), stranger), access.ListCases, touch); err != nil {
				if h.Clock.Now().Before(s.Expires) {
					t.Fatalf("a session in use ended %v early", s.Expires.Sub(h.Clock.Now()))
				}
				break
			}
		}
		if h.enters(s.Secret) {
			t.Error("a session outlived its limit")
		}
		s, err = h.login("anna@example.org", good)
		h.ok(err)
		h.Clock.Add(lim.SessionIdle)
		if h.enters(s.Secret) {
			t.Error("an idle session is still good")
		}
	})
}
