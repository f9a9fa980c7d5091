package tenant

import (
	"context"
	"errors"
	"strings"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
)

// State is where a tenant is in its life.
type State string

// The states of a tenant in the directory. Pending: its database is being made.
const (
	Pending   State = "pending"
	Active    State = "active"
	Suspended State = "suspended"
	Held      State = "held" // restored: sends no mail and runs no job until told to
)

// OperatorSlug is the operator's own tenant.
const OperatorSlug = "operator"

// Entry is a tenant in the directory. Name is sealed under the operator's settings key.
type Entry struct {
	ID      string
	Slug    string
	State   State
	Name    []byte
	Created time.Time
}

// ValidSlug tells whether s can be a tenant's slug: a DNS label of at most 40 letters, digits and hyphens.
func ValidSlug(s string) bool {
	if s == "" || len(s) > 40 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Reserve puts a tenant into the directory before its database is made.
func Reserve(ctx context.Context, w store.Writer, e Entry) error {
	if !ValidSlug(e.Slug) {
		return fault.New(fault.Invalid, "fault.tenant.slug", "slug", e.Slug)
	}
	there, err := one(ctx, w, sqlTenantBySlug, e.Slug)
	switch {
	case err == nil && there.ID == e.ID && there.State == Pending:
		return nil // a crash left it half made
	case err == nil:
		return fault.New(fault.Conflict, "fault.tenant.taken", "slug", e.Slug)
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	w.Put(sqlTenantNew, e.ID, e.Slug, string(e.State), e.Name, clock.Micros(e.Created))
	return nil
}

// SetState changes a tenant's state in the directory.
func SetState(w store.Writer, tenantID string, s State) { w.Put(sqlTenantState, string(s), tenantID) }

// AddHost gives a tenant a host name of its own, beside SLUG.BASE-DOMAIN.
func AddHost(w store.Writer, host, tenantID string) {
	w.Put(sqlHostNew, strings.ToLower(host), tenantID)
}

// BySlug, ByID and ByHost look a tenant up; a fault NotFound where there is none.
func BySlug(ctx context.Context, r store.Reader, slug string) (Entry, error) {
	return one(ctx, r, sqlTenantBySlug, slug)
}

// ByID looks a tenant up by its id.
func ByID(ctx context.Context, r store.Reader, id string) (Entry, error) {
	return one(ctx, r, sqlTenantByID, id)
}

// ByHost looks a tenant up by a host name of its own.
func ByHost(ctx context.Context, r store.Reader, host string) (Entry, error) {
	return one(ctx, r, sqlHostGet, strings.ToLower(host))
}

func one(ctx context.Context, r store.Reader, sql, key string) (Entry, error) {
	e, err := scanTenant(func(dest ...any) error { return r.QueryRow(ctx, sql, []any{key}, dest...) })
	if errors.Is(err, store.ErrNoRows) {
		return Entry{}, fault.New(fault.NotFound, "fault.tenant.not_found")
	}
	return e, err
}

// List gives all tenants by slug.
func List(ctx context.Context, r store.Reader) ([]Entry, error) {
	rows, err := r.Query(ctx, sqlTenants)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Entry
	for rows.Next() {
		e, err := scanTenant(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

func scanTenant(into func(...any) error) (Entry, error) {
	var e Entry
	var state string
	var created int64
	err := into(&e.ID, &e.Slug, &state, &e.Name, &created)
	e.State, e.Created = State(state), clock.FromMicros(created)
	return e, err
}

// Address is what the directory knows of a mail address, found by its HMAC under the operator's lookup key.
type Address struct {
	Tenant string
	Active bool // else pending: mail for it is put off with 451
}

// AddressOf looks an address up by its hash.
func AddressOf(ctx context.Context, r store.Reader, hash []byte) (Address, error) {
	var a Address
	var state string
	err := r.QueryRow(ctx, sqlAddressGet, []any{hash}, &a.Tenant, &state)
	if errors.Is(err, store.ErrNoRows) {
		return a, fault.New(fault.NotFound, "fault.address.not_found")
	}
	a.Active = state == "active"
	return a, err
}

// ReserveAddress claims an address for a tenant: the first of three steps, the tenant's own commit being the second.
// Reserving what the same tenant holds already is no error.
func ReserveAddress(ctx context.Context, w store.Writer, hash []byte, tenantID string, now time.Time) error {
	a, err := AddressOf(ctx, w, hash)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		w.Put(sqlAddressReserve, hash, tenantID, clock.Micros(now))
		return nil
	case err != nil:
		return err
	case a.Tenant != tenantID:
		return fault.New(fault.Conflict, "fault.address.taken")
	}
	return nil
}

// ConfirmAddress makes a reserved address active: the third step.
func ConfirmAddress(w store.Writer, hash []byte, tenantID string) {
	w.Put(sqlAddressConfirm, hash, tenantID)
}

// ReleaseAddress gives a reserved address up whose tenant did not commit.
func ReleaseAddress(w store.Writer, hash []byte, tenantID string) {
	w.Put(sqlAddressRelease, hash, tenantID)
}

// PendingAddress is one that waits for its third step.
type PendingAddress struct {
	Hash  []byte
	Since time.Time
}

// PendingAddresses lists a tenant's addresses between the first and the third step; at most 500.
func PendingAddresses(ctx context.Context, r store.Reader, tenantID string) ([]PendingAddress, error) {
	rows, err := r.Query(ctx, sqlAddressPending, tenantID, 500)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []PendingAddress
	for rows.Next() {
		var p PendingAddress
		var since int64
		if err := rows.Scan(&p.Hash, &since); err != nil {
			return nil, err
		}
		p.Since = clock.FromMicros(since)
		all = append(all, p)
	}
	return all, rows.Err()
}

// Claim writes into the tenant, in the change that makes a queue, that it holds the address: tenant is truth.
func Claim(w store.Writer, hash []byte) { w.Put(sqlClaimNew, hash) }

// Claimed tells whether the tenant holds the address.
func Claimed(ctx context.Context, r store.Reader, hash []byte) (bool, error) {
	var b []byte
	err := r.QueryRow(ctx, sqlClaimGet, []any{hash}, &b)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// SetWake hints that a tenant has work due; an earlier hint stays.
func SetWake(w store.Writer, tenantID string, due time.Time) {
	w.Put(sqlWakeSet, tenantID, clock.Micros(due))
}

// EndWake removes a hint that was followed.
func EndWake(w store.Writer, tenantID string, until time.Time) {
	w.Put(sqlWakeEnd, tenantID, clock.Micros(until))
}

// Wakes lists the hints, the earliest first.
func Wakes(ctx context.Context, r store.Reader) (map[string]time.Time, error) {
	rows, err := r.Query(ctx, sqlWakeList)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]time.Time{}
	for rows.Next() {
		var t string
		var due int64
		if err := rows.Scan(&t, &due); err != nil {
			return nil, err
		}
		all[t] = clock.FromMicros(due)
	}
	return all, rows.Err()
}
