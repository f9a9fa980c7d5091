package visit

import (
	"context"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Found makes a tenant. v is a visit of the operator's tenant, or nil when that one itself is made at first start.
// Three steps, each safe to repeat: reserve the slug, make the tenant, confirm. name is what the customer is called.
func (w *Waist) Found(ctx context.Context, v *Visit, tenantID, slug, name string) error {
	if v != nil {
		_, err := Update(ctx, v, func(u *Writer) (struct{}, error) {
			u.Object(tenantID)
			u.Set("slug", slug)
			_, err := tenant.ByID(ctx, u.w, tenantID)
			if fault.KindOf(err) == fault.NotFound {
				u.Made("directory", 1)
			}
			return struct{}{}, tenant.Reserve(ctx, u.w, tenant.Entry{ID: tenantID, Slug: slug, State: tenant.Pending,
				Name: u.SealText(u.Settings(), "directory", "name", tenantID, name), Created: v.Now()})
		})
		if err != nil {
			return err
		}
	}
	if err := w.c.House.Found(ctx, tenantID, w.first(tenantID, slug)); err != nil || v == nil {
		return err
	}
	_, err := Update(ctx, v, func(u *Writer) (struct{}, error) {
		u.Object(tenantID)
		u.Was("state", string(tenant.Pending))
		u.Set("state", string(tenant.Active))
		tenant.SetState(u.w, tenantID, tenant.Active)
		return struct{}{}, nil
	})
	return err
}

// first is the first record of a tenant's log.
func (w *Waist) first(tenantID, slug string) store.Change {
	recordID := w.c.IDs.New()
	return store.Change{ID: recordID, Run: func(context.Context, store.Writer) ([]any, error) {
		return []any{&audit.Record{ID: recordID, At: w.c.Clock.Now(), Action: "tenant.found", Actor: "system:insegel",
			ActSalt: w.c.IDs.Bytes(audit.SaltSize),
			Act:     audit.Act{Actor: "system:insegel", Object: tenantID, Set: map[string]string{"slug": slug}}}}, nil
	}}
}

// Claim is a mail address that a tenant is about to hold.
type Claim struct{ hash []byte }

// Reserve claims a normalised address for the visit's tenant in the directory; Conflict where another holds it. The
// tenant's own change then calls Claimed, and Confirm follows it. If that never comes, opening the tenant reconciles.
func (v *Visit) Reserve(ctx context.Context, address string) (c Claim, err error) {
	err = v.inDirectory(ctx, func(u *Writer) error {
		c.hash = u.Lookup("address", address)
		return tenant.ReserveAddress(ctx, u.w, c.hash, v.tenant.ID, v.Now())
	})
	return c, err
}

// Claimed writes into the tenant that it holds the address, in the change that makes its queue.
func (w *Writer) Claimed(c Claim) { tenant.Claim(w.w, c.hash) }

// Confirm makes a claimed address take mail.
func (v *Visit) Confirm(ctx context.Context, c Claim) error {
	return v.inDirectory(ctx, func(u *Writer) error {
		tenant.ConfirmAddress(u.w, c.hash, v.tenant.ID)
		return nil
	})
}

func (v *Visit) inDirectory(ctx context.Context, fn func(*Writer) error) error {
	op, err := v.waist.Enter(ctx, v.waist.c.Operator, access.System("directory", v.actor.Address), access.KeepDirectory)
	if err != nil {
		return err
	}
	defer op.Leave()
	_, err = Update(ctx, op, func(u *Writer) (struct{}, error) {
		u.Object(v.tenant.ID)
		return struct{}{}, fn(u)
	})
	return err
}

// abandoned is how long an address may wait for its tenant's commit before it is given back.
const abandoned = 10 * time.Minute

// Reconcile finishes what a crash left between the directory and the tenant: the tenant is truth.
func (v *Visit) Reconcile(ctx context.Context) error {
	var pending []tenant.PendingAddress
	err := v.waist.c.House.InDirectory(ctx, v.waist.c.Operator, func(_ *tenant.Tenant, r store.Reader) (err error) {
		pending, err = tenant.PendingAddresses(ctx, r, v.tenant.ID)
		return err
	})
	for _, p := range pending {
		if err != nil {
			return err
		}
		var held bool
		if held, err = View(ctx, v, func(r *Reader) (bool, error) { return tenant.Claimed(ctx, r.s, p.Hash) }); err != nil {
			return err
		}
		switch {
		case held:
			err = v.Confirm(ctx, Claim{p.Hash})
		case v.Now().Sub(p.Since) > abandoned:
			err = v.inDirectory(ctx, func(u *Writer) error {
				tenant.ReleaseAddress(u.w, p.Hash, v.tenant.ID)
				return nil
			})
		}
	}
	return err
}

// SetWake hints in the directory that a tenant has work due.
func (k *Keeper) SetWake(tenantID string, due time.Time) { tenant.SetWake(k.s, tenantID, due) }

// EndWake removes a hint that was followed.
func (k *Keeper) EndWake(tenantID string, until time.Time) { tenant.EndWake(k.s, tenantID, until) }
