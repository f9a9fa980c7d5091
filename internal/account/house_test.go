package account_test

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/jobs"
	"insegel/internal/lang"
	"insegel/internal/purpose"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

// house is a real tenant with a door. The hashing is counted, and light where a test does not look at it.
type house struct {
	*visittest.House
	t      *testing.T
	door   *account.Door
	hashes atomic.Int64
	during atomic.Pointer[func()] // is done once, while a password is hashed
	config account.Config
}

func each(t *testing.T, fn func(*testing.T, *house)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations, account.Migrations)
		h := &house{House: visittest.New(t, e, all, "account", "link"), t: t}
		h.config = account.Config{Clock: h.Clock, IDs: h.IDs, Params: account.Params{Memory: 64, Time: 1, Threads: 1},
			Guesses: account.Rate{Burst: 1000, Every: time.Second}, Mails: account.Rate{Burst: 1000, Every: time.Second},
			Derive: func(password, salt []byte, p account.Params) []byte {
				h.hashes.Add(1)
				if f := h.during.Swap(nil); f != nil {
					(*f)()
				}
				sum := sha256.Sum256(append(append([]byte{byte(p.Memory), byte(p.Time)}, salt...), password...))
				return sum[:]
			}}
		h.door = account.New(h.config)
		fn(t, h)
	})
}

const (
	good   = "drivved flyter utan brådska"
	better = "eine ganz andere Geschichte"
)

var stranger = netip.MustParseAddr("203.0.113.9")

// as enters, calls fn and leaves.
func as[T any](h *house, c access.Credential, a access.Action, fn func(context.Context, *visit.Visit) (T, error)) (T, error) {
	h.t.Helper()
	v, err := h.Waist.Enter(h.t.Context(), h.Customer, c, a)
	if err != nil {
		var none T
		return none, err
	}
	defer v.Leave()
	return fn(h.t.Context(), v)
}

func none(fn func(context.Context, *visit.Visit) error) func(context.Context, *visit.Visit) (struct{}, error) {
	return func(ctx context.Context, v *visit.Visit) (struct{}, error) { return struct{}{}, fn(ctx, v) }
}

func (h *house) invite(name, mail string, role access.Role) (accountID, token string) {
	h.t.Helper()
	out, err := as(h, visittest.Console(), access.InviteAccount, func(ctx context.Context, v *visit.Visit) ([2]string, error) {
		a, l, err := h.door.Invite(ctx, v, account.Invite{Name: name, Mail: mail, Lang: lang.Sv, Role: role})
		return [2]string{a, l}, err
	})
	h.ok(err)
	return out[0], out[1]
}

func (h *house) choose(token, password string) error {
	_, err := as(h, access.Public(stranger), access.ChoosePassword, none(func(ctx context.Context, v *visit.Visit) error {
		return h.door.ChoosePassword(ctx, v, account.Choice{Token: token, Password: password, Words: []string{"Acme kommun"}})
	}))
	return err
}

func (h *house) login(mail, password string) (account.Session, error) {
	return as(h, access.Public(stranger), access.Login, func(ctx context.Context, v *visit.Visit) (account.Session, error) {
		return h.door.Login(ctx, v, account.Attempt{Mail: mail, Password: password})
	})
}

// member is somebody who has chosen the good password.
func (h *house) member(name, mail string, role access.Role) string {
	h.t.Helper()
	accountID, token := h.invite(name, mail, role)
	h.ok(h.choose(token, good))
	return accountID
}

// notices takes the jobs that are due, and gives the letters they make.
func (h *house) notices() (letters []account.Notice, argument []string) {
	h.t.Helper()
	v, err := h.Waist.Enter(h.t.Context(), h.Customer, visittest.System(), access.SendNotice)
	h.ok(err)
	defer v.Leave()
	due, err := visit.View(h.t.Context(), v, func(r *visit.Reader) ([]jobs.Job, error) {
		return jobs.Due(h.t.Context(), r, h.Clock.Now(), 100)
	})
	h.ok(err)
	for _, j := range due {
		n, ok, err := h.door.Notice(h.t.Context(), v, j.Arg, account.Site{Name: "Acme kommun", Link: "https://acme.example.org/link/"})
		h.ok(err)
		if ok {
			letters = append(letters, n)
		}
		argument = append(argument, j.Arg)
		h.ok(account.Noticed(h.t.Context(), v, j.Arg, j.ID))
	}
	return letters, argument
}

// log gives the newest records of an action, the newest first.
func (h *house) log(a access.Action) []visit.Line {
	h.t.Helper()
	lines, err := as(h, visittest.Console(), access.ListLog, func(ctx context.Context, v *visit.Visit) ([]visit.Line, error) {
		return visit.View(ctx, v, func(r *visit.Reader) ([]visit.Line, error) { return r.LogOf(ctx, a, 0, 1000) })
	})
	h.ok(err)
	return lines
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// key is the fault's key, empty for none.
func key(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Key
}

func (h *house) want(err error, wanted string) {
	h.t.Helper()
	if key(err) != wanted {
		h.t.Errorf("got %v, want %s", err, wanted)
	}
}

// enters tells whether a session lets somebody in.
func (h *house) enters(secret string) bool {
	_, err := as(h, access.Session(id.TokenHash(secret), stranger), access.ListCases, none(func(context.Context, *visit.Visit) error { return nil }))
	return err == nil
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q does not say %q", text, p)
		}
	}
}
