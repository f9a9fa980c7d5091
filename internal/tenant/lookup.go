package tenant

import (
	"context"
	"time"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/store"
)

// Customer is a tenant as the directory lists it.
type Customer struct {
	ID, Slug, Name string
	State          State
	Created        time.Time
}

// Lookup finds tenants by what they are called from outside. It reads the directory, which is the index that visits
// are found by, so no visit is needed; what it tells is in the tenant's own host name.
type Lookup struct {
	House    *House
	Operator string // the operator tenant's id
}

// BySlug finds a customer by slug.
func (l Lookup) BySlug(ctx context.Context, slug string) (Customer, error) {
	return l.one(ctx, func(ctx context.Context, r store.Reader) (Entry, error) { return BySlug(ctx, r, slug) })
}

// ByHost finds a customer by a host name of its own.
func (l Lookup) ByHost(ctx context.Context, host string) (Customer, error) {
	return l.one(ctx, func(ctx context.Context, r store.Reader) (Entry, error) { return ByHost(ctx, r, host) })
}

// ByID finds a customer by id.
func (l Lookup) ByID(ctx context.Context, tenantID string) (Customer, error) {
	return l.one(ctx, func(ctx context.Context, r store.Reader) (Entry, error) { return ByID(ctx, r, tenantID) })
}

func (l Lookup) one(ctx context.Context, find func(context.Context, store.Reader) (Entry, error)) (c Customer, err error) {
	err = l.House.InDirectory(ctx, l.Operator, func(op *Tenant, r store.Reader) error {
		e, err := find(ctx, r)
		if err == nil {
			c, err = op.customer(e)
		}
		return err
	})
	return c, err
}

// All lists all tenants by slug.
func (l Lookup) All(ctx context.Context) (all []Customer, err error) {
	err = l.House.InDirectory(ctx, l.Operator, func(op *Tenant, r store.Reader) error {
		entries, err := List(ctx, r)
		for _, e := range entries {
			c, err := op.customer(e)
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return err
	})
	return all, err
}

// ByAddress finds the tenant that takes mail for a normalised address: NotFound where none does, Unavailable while its
// queue is only being made.
func (l Lookup) ByAddress(ctx context.Context, address string) (tenantID string, err error) {
	err = l.House.InDirectory(ctx, l.Operator, func(op *Tenant, r store.Reader) error {
		a, err := AddressOf(ctx, r, op.Lookup.Lookup("address", address))
		if err != nil {
			return err
		}
		if !a.Active {
			return fault.New(fault.Unavailable, "fault.address.pending")
		}
		tenantID = a.Tenant
		return nil
	})
	return tenantID, err
}

// Wakes lists which tenants have work due, as far as the hints tell.
func (l Lookup) Wakes(ctx context.Context) (due map[string]time.Time, err error) {
	err = l.House.InDirectory(ctx, l.Operator, func(_ *Tenant, r store.Reader) (err error) {
		due, err = Wakes(ctx, r)
		return err
	})
	return due, err
}

// InDirectory reads the operator's tenant.
func (h *House) InDirectory(ctx context.Context, operator string, fn func(*Tenant, store.Reader) error) error {
	op, release, err := h.Get(ctx, operator)
	if err != nil {
		return err
	}
	defer release()
	return op.DB.View(ctx, func(r store.Reader) error { return fn(op, r) })
}

func (t *Tenant) customer(e Entry) (Customer, error) {
	var name []byte
	if len(e.Name) > 0 {
		var err error
		b := Bound{ID: KeySettings, Purpose: access.PurposeSettings, Key: t.Settings}
		if name, err = t.Open(b, "directory", "name", e.ID, e.Name); err != nil {
			return Customer{}, err
		}
	}
	return Customer{ID: e.ID, Slug: e.Slug, Name: string(name), State: e.State, Created: e.Created}, nil
}
