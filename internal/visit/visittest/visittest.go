// Package visittest builds a real house for the tests of rooms above the waist: real engines, real keys, a real log, in
// temporary folders. It holds the whole tenant against itself when the test ends.
package visittest

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/id"
	"insegel/internal/seal"
	"insegel/internal/store"
	"insegel/internal/tenant"
	"insegel/internal/visit"
)

// House is a Waist with an operator and one customer.
type House struct {
	Waist    *visit.Waist
	House    *tenant.House
	Lookup   tenant.Lookup
	Clock    *clock.Manual
	IDs      *id.Source
	Operator string
	Customer string
	Dir      string
	Tables   []string // rows counted against the log when the test ends
	Woken    chan string
}

// New makes a House on an engine, with the migrations of the waist's floor and of the features named.
func New(t testing.TB, e store.Engine, migrations []store.Migration, tables ...string) *House {
	t.Helper()
	h := &House{Clock: clock.At(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)), Dir: t.TempDir(), Tables: tables, Woken: make(chan string, 1024)}
	h.IDs = id.NewSource(h.Clock, nil)
	root, err := seal.CreateRoot(filepath.Join(h.Dir, "root.key"), nil)
	must(t, err)
	places, err := seal.OpenPlaces([]string{filepath.Join(h.Dir, "epochs1"), filepath.Join(h.Dir, "epochs2")}, root, nil)
	must(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.House, err = tenant.NewHouse(tenant.Config{Engine: e, Places: places, Clock: h.Clock, IDs: h.IDs, Logger: log, Migrations: migrations,
		Marks: filepath.Join(h.Dir, "marks"), Files: filepath.Join(h.Dir, "files"), MaxOpen: 16, Idle: time.Hour, Wait: 5 * time.Second})
	must(t, err)
	h.Operator, h.Customer = h.IDs.New(), h.IDs.New()
	h.Lookup = tenant.Lookup{House: h.House, Operator: h.Operator}
	h.Waist = visit.New(visit.Config{House: h.House, Operator: h.Operator, Clock: h.Clock, IDs: h.IDs, Logger: log, Limits: access.DefaultLimits(),
		Wake: func(tenantID string, _ time.Time) {
			select {
			case h.Woken <- tenantID:
			default:
			}
		}})
	ctx := t.Context()
	must(t, h.Waist.Found(ctx, nil, h.Operator, tenant.OperatorSlug, "Operator"))
	v, err := h.Waist.Enter(ctx, h.Operator, access.Console("test"), access.CreateTenant)
	must(t, err)
	must(t, h.Waist.Found(ctx, v, h.Customer, "acme", "Acme kommun"))
	v.Leave()
	t.Cleanup(func() { h.end(t) })
	return h
}

// end proves both logs and counts the rows, then closes.
func (h *House) end(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if !t.Failed() {
		for _, tenantID := range []string{h.Operator, h.Customer} {
			found, err := h.House.Check(ctx, tenantID, h.Tables, nil)
			must(t, err)
			for _, f := range found.Faults {
				t.Errorf("tenant %s: %s", tenantID, f)
			}
		}
	}
	must(t, h.House.Close(ctx))
}

// Enter enters the customer's tenant, and leaves when the test ends.
func (h *House) Enter(t testing.TB, c access.Credential, a access.Action) *visit.Visit {
	t.Helper()
	v, err := h.Waist.Enter(t.Context(), h.Customer, c, a)
	must(t, err)
	t.Cleanup(v.Leave)
	return v
}

// Console is the credential of who has the machine.
func Console() access.Credential { return access.Console("test") }

// System is the program's own credential.
func System() access.Credential {
	return access.System("test", netip.MustParseAddr("192.0.2.1"))
}

// Person makes a member with a role and a session, and gives the session's credential.
func (h *House) Person(t testing.TB, role access.Role) (accountID string, c access.Credential) {
	t.Helper()
	accountID = h.IDs.New()
	secret := h.IDs.Token()
	v := h.Enter(t, Console(), access.InviteAccount)
	_, err := visit.Update(t.Context(), v, func(w *visit.Writer) (struct{}, error) {
		access.OpenSession(w, id.TokenHash(secret), accountID, h.Clock.Now(), h.Waist.Limits())
		return struct{}{}, access.SetMember(w, accountID, role, true, h.Clock.Now())
	})
	must(t, err)
	return accountID, access.Session(id.TokenHash(secret), netip.MustParseAddr("198.51.100.7"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
