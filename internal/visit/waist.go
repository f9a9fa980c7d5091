// Package visit is the narrow waist: every feature reaches data through a visit, which is one actor in one tenant
// doing one thing.
//
// Enter decides; a Visit then gives two ways in. View reads, hands out keys only for purposes that the actor has, and
// returns only after the record of what was opened is durable. Update writes, and cannot do so without its record in the
// same transaction. Upkeep writes, without a record, the few tables that hold nothing a person entered or decided.
//
// It knows no feature's nouns, and no surface: actions come from access, tables from whoever wrote the SQL.
package visit

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Config is what a Waist is made from.
type Config struct {
	House    *tenant.House
	Operator string // the operator tenant's id
	Clock    clock.Clock
	IDs      *id.Source
	Logger   *slog.Logger
	Limits   access.Limits
	Wake     func(tenantID string, due time.Time) // told after a commit that wrote jobs; must not block
}

// Waist lets visits in.
type Waist struct{ c Config }

// New makes a Waist.
func New(c Config) *Waist { return &Waist{c: c} }

// Operator is the id of the operator's tenant, which holds the directory.
func (w *Waist) Operator() string { return w.c.Operator }

// Limits are the limits of sessions.
func (w *Waist) Limits() access.Limits { return w.c.Limits }

// Visit is one actor in one tenant doing one thing. It is used by one goroutine at a time and left when done.
type Visit struct {
	waist    *Waist
	tenant   *tenant.Tenant
	release  func()
	actor    access.Actor
	action   access.Action
	purposes []string
	seen     time.Time
	doubt    doubt // a change of this visit may have been committed or not
}

// Enter decides what a credential is worth for an action, now, and opens the tenant for it. Leave must be called.
// A refusal of somebody who is known is itself recorded (D2).
func (w *Waist) Enter(ctx context.Context, tenantID string, c access.Credential, a access.Action) (*Visit, error) {
	t, release, err := w.c.House.Get(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	v := &Visit{waist: w, tenant: t, release: release, action: a}
	if err := v.decide(ctx, c); err != nil {
		release()
		return nil, err
	}
	return v, nil
}

func (v *Visit) decide(ctx context.Context, c access.Credential) error {
	if access.OperatorOnly(v.action) && v.tenant.ID != v.waist.c.Operator {
		return fault.New(fault.NotFound, "fault.not_found")
	}
	var d access.Decision
	err := v.tenant.DB.Peek(ctx, func(r store.Reader) (err error) {
		d, err = access.Decide(ctx, r, c, v.action, v.waist.c.Clock.Now(), v.waist.c.Limits)
		return err
	})
	v.actor, v.purposes, v.seen = d.Actor, d.Purposes, d.Seen
	if k := fault.KindOf(err); err != nil && (k == fault.NotFound || k == fault.NotAllowed) && d.Actor.Account != "" {
		if _, e := Update(ctx, v, func(w *Writer) (struct{}, error) { return struct{}{}, w.Refused(err) }); e != nil {
			return e
		}
	}
	return err
}

// Leave ends the visit.
func (v *Visit) Leave() { v.release() }

// Actor is who visits.
func (v *Visit) Actor() access.Actor { return v.actor }

// Tenant is the id of the tenant visited.
func (v *Visit) Tenant() string { return v.tenant.ID }

// Action is what is being done.
func (v *Visit) Action() access.Action { return v.action }

// Purposes lists what the actor may use data for in this visit. Lists and lookups filter by it in their SQL.
func (v *Visit) Purposes() []string { return slices.Clone(v.purposes) }

// May tells whether data of a purpose may be used in this visit.
func (v *Visit) May(purpose string) bool { return slices.Contains(v.purposes, purpose) }

// Seen is when the visit's session was last noted as in use.
func (v *Visit) Seen() time.Time { return v.seen }

// Now tells the time; NewID makes an id; Token a secret.
func (v *Visit) Now() time.Time { return v.waist.c.Clock.Now() }

// NewID makes an id.
func (v *Visit) NewID() string { return v.tenant.IDs().New() }

// Token makes a secret of 256 bits.
func (v *Visit) Token() string { return v.tenant.IDs().Token() }

// Lookup is the HMAC by which a value of a kind ("mail", "message-id") is found without being stored in clear.
func (v *Visit) Lookup(kind, value string) []byte { return v.tenant.Lookup.Lookup(kind, value) }

// Sign is the MAC that makes an address or link of the tenant's own provable: 16 bytes of HMAC-SHA-256.
func (v *Visit) Sign(kind, value string) []byte { return v.tenant.Reply.Lookup(kind, value)[:16] }

// Logger is for ids and counts, never for content.
func (v *Visit) Logger() *slog.Logger { return v.waist.c.Logger }

// View reads on one snapshot and returns only after the record of what was opened is durable: if the log cannot be
// written, nothing sealed is shown. Everything that fn found comes back through its result.
func View[T any](ctx context.Context, v *Visit, fn func(*Reader) (T, error)) (T, error) {
	var out, none T
	r := &Reader{v: v}
	err := v.snapshot(ctx, func(s store.Reader) (err error) {
		r.s = s
		out, err = fn(r)
		return err
	})
	if err != nil {
		return none, err
	}
	if len(r.opened) == 0 && !r.touched() {
		return out, nil
	}
	err = v.commit(ctx, func(w *Writer) error {
		w.note, w.opened = r.note, r.opened
		return nil
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

func (v *Visit) snapshot(ctx context.Context, fn func(store.Reader) error) error {
	defer v.tenant.Reading()() // an epoch key is not destroyed under it
	return v.tenant.DB.View(ctx, fn)
}

// commit runs fn and its record as one change, and carries out what waits for the acknowledgement.
func (v *Visit) commit(ctx context.Context, fn func(*Writer) error) error {
	var last *Writer
	recordID := v.NewID()
	err := v.tenant.Committer.Do(ctx, store.Change{ID: recordID, Run: func(ctx context.Context, s store.Writer) ([]any, error) {
		w := &Writer{Reader: Reader{v: v, s: s}, w: s}
		if err := fn(w); err != nil {
			return nil, err
		}
		rec, err := w.record(ctx, recordID)
		last = w
		return []any{rec}, err
	}})
	if err != nil {
		v.doubt.note(err)
		return err
	}
	last.acknowledged()
	return nil
}

// Update writes. fn runs inside the tenant's committer: it must be able to run twice and does no network, no hashing of
// passwords and no files. Its result comes back only when the change and its record are durable.
func Update[T any](ctx context.Context, v *Visit, fn func(*Writer) (T, error)) (T, error) {
	var out, none T
	err := v.commit(ctx, func(w *Writer) (err error) {
		out, err = fn(w)
		return err
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

// Upkeep writes tables of the golden list only, without a record. fn must be harmless to run twice.
func Upkeep(ctx context.Context, v *Visit, fn func(context.Context, *Keeper) error) error {
	return v.tenant.Committer.Do(ctx, store.Change{Run: func(ctx context.Context, s store.Writer) ([]any, error) {
		return nil, fn(ctx, &Keeper{s: s})
	}})
}

// Checkpoint is the tenant's present tree head, signed, with the key that verifies it.
func (v *Visit) Checkpoint(ctx context.Context) (signed []byte, size int64, key string, err error) {
	err = v.tenant.DB.View(ctx, func(r store.Reader) error {
		var c audit.Checkpoint
		signed, c, err = v.tenant.Log.Checkpoint(ctx, r)
		size = c.Size
		return err
	})
	return signed, size, v.tenant.Log.Key(), err
}

// From gives a system actor's address where mail came from, for the record's origin.
func From(addr string) netip.Addr {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
