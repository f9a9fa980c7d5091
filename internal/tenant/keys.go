package tenant

import (
	"context"
	"errors"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/seal"
	"insegel/internal/store"
)

// Ids of the keys that every tenant has. Each is one key under the epoch key, as a case's is.
const (
	KeyLookup   = "lookup"   // HMACs of addresses and logins
	KeyLog      = "log"      // seed of the checkpoint signer
	KeyReply    = "reply"    // MACs of reply addresses
	KeySettings = "settings" // names of queues, of the tenant
)

// KeyRow is a wrapped key as it lies in the database.
type KeyRow struct {
	ID      string
	Kind    string
	Purpose string
	Epoch   uint64
	Wrapped []byte
}

// GetKey reads a wrapped key. A key that is not there was destroyed: fault.seal.erased, as seal says it.
func GetKey(ctx context.Context, r store.Reader, id string) (KeyRow, error) {
	k := KeyRow{ID: id}
	var epoch int64
	err := r.QueryRow(ctx, sqlKeyGet, []any{id}, &k.Kind, &k.Purpose, &epoch, &k.Wrapped)
	if errors.Is(err, store.ErrNoRows) {
		return k, fault.New(fault.NotFound, "fault.seal.erased")
	}
	k.Epoch = uint64(epoch) // #nosec G115 -- epochs count up from 1
	return k, err
}

// Unwrap opens a wrapped key of this tenant. Deciding who may is the waist's.
func (t *Tenant) Unwrap(k KeyRow) (seal.Key, error) {
	key, err := t.Ring().Unwrap(k.Epoch, t.keyID(k), k.Wrapped)
	if err == nil || t.fresh(k.Epoch) {
		return key, err
	}
	// Another process may have rotated: the folders know.
	if err := t.reload(); err != nil {
		return seal.Key{}, err
	}
	return t.Ring().Unwrap(k.Epoch, t.keyID(k), k.Wrapped)
}

func (t *Tenant) fresh(epoch uint64) bool { r := t.Ring(); return epoch <= r.Newest() }

// NewKey makes a key and stores it wrapped, within a change. It holds its ring against the epoch number that the
// change's transaction read under its lock: a key wrapped under an older one would be lost at the next Finish.
func (t *Tenant) NewKey(w store.Writer, id, kind, purpose string) (seal.Key, error) {
	if headEpoch := t.Log.LockedEpoch(); t.Ring().Newest() < headEpoch {
		if err := t.reload(); err != nil {
			return seal.Key{}, err
		}
		if t.Ring().Newest() < headEpoch {
			return seal.Key{}, fault.New(fault.Unavailable, "fault.seal.rotating", "tenant", t.ID)
		}
	}
	k := seal.NewKey(t.house.random)
	row := KeyRow{ID: id, Kind: kind, Purpose: purpose}
	row.Epoch, row.Wrapped = t.Ring().Wrap(k, t.keyID(row))
	w.Put(sqlKeyNew, row.ID, row.Kind, row.Purpose, int64(row.Epoch), row.Wrapped) // #nosec G115 -- epochs count up from 1
	return k, nil
}

// DestroyKey erases all that is sealed under a key and under those that follow it: here now, in every copy when the epoch key is
// next destroyed.
func DestroyKey(w store.Writer, id string) {
	w.Put(sqlKeyEnd, id)
	w.Put(sqlFollowEnd, id)
}

// FollowKey lets a key live as long as another. What it sealed was sealed anew under that other, and only older copies still
// need it: a restored letter that was waiting to be filed when the copy was made must open, unless its case was erased.
func FollowKey(w store.Writer, id, other string) { w.Put(sqlKeyFollow, other, id) }

func (t *Tenant) keyID(k KeyRow) seal.KeyID {
	return seal.KeyID{Tenant: t.ID, Purpose: k.Purpose, Kind: k.Kind, ID: k.ID}
}

// BeginRotation adds the next epoch key in every place; from now on this process wraps under it. NextEpoch then tells the
// other nodes.
func (t *Tenant) BeginRotation() error {
	r, err := t.house.places.Begin(t.ID)
	if err == nil {
		t.ring.Store(r)
	}
	return err
}

// NextEpoch writes the newest epoch's number under the head's lock: once it is committed, nobody wraps under an older one.
func (t *Tenant) NextEpoch(w store.Writer) uint64 {
	t.Log.SetEpoch(w, t.Ring().Newest())
	return t.Ring().Newest()
}

// RewrapSome moves up to limit keys whose id is above after to the newest epoch, and gives the last id and how many it
// moved.
func (t *Tenant) RewrapSome(ctx context.Context, w store.Writer, after string, limit int) (last string, n int, err error) {
	ring := t.Ring()
	rows, err := w.Query(ctx, sqlKeysOld, after, int64(ring.Newest()), limit) // #nosec G115 -- epochs count up from 1
	if err != nil {
		return "", 0, err
	}
	var old []KeyRow
	for rows.Next() {
		var k KeyRow
		var epoch int64
		if err := rows.Scan(&k.ID, &k.Kind, &k.Purpose, &epoch, &k.Wrapped); err != nil {
			return "", 0, errors.Join(err, rows.Close())
		}
		k.Epoch = uint64(epoch) // #nosec G115 -- epochs count up from 1
		old = append(old, k)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return "", 0, err
	}
	for _, k := range old {
		epoch, wrapped, err := ring.Rewrap(k.Epoch, t.keyID(k), k.Wrapped)
		if err != nil {
			return "", 0, err
		}
		last = k.ID
		w.Put(sqlKeyRewrap, int64(epoch), wrapped, k.ID, int64(k.Epoch)) // #nosec G115 -- epochs count up from 1
	}
	return last, len(old), nil
}

// FinishRotation destroys the old epoch key when no key is wrapped under it any more.
func (t *Tenant) FinishRotation(ctx context.Context) error {
	var behind int64
	err := t.DB.View(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, sqlKeysBehind, []any{int64(t.Ring().Newest())}, &behind) // #nosec G115 -- epochs count up from 1
	})
	if err != nil {
		return err
	}
	if behind > 0 {
		return fault.New(fault.Conflict, "fault.seal.behind", "tenant", t.ID, "count", behind)
	}
	if keep := t.house.keepKeys; keep != nil && t.Ring().Next != 0 {
		if err := t.DB.View(ctx, func(r store.Reader) error { return keep(ctx, t.ID, r) }); err != nil {
			return err
		}
	}
	// A snapshot from before the last row was wrapped anew still shows the old wrapping.
	if err := t.readers.drain(ctx); err != nil {
		return fault.Because(err, fault.Unavailable, "fault.seal.readers", "tenant", t.ID)
	}
	r, err := t.house.places.Finish(t.ID)
	if err != nil {
		return err
	}
	t.ring.Store(r)
	return nil
}

// KeyCount tells how many keys the tenant has: one a case, account and day.
func (t *Tenant) KeyCount(ctx context.Context) (n int64, err error) {
	err = t.DB.View(ctx, func(r store.Reader) error { return r.QueryRow(ctx, sqlKeysCount, nil, &n) })
	return n, err
}

// Opener opens the parts of log records, for verification: for nobody to read, only to compare with their commitments.
// Keys of cases come by the hundred thousand; each is unwrapped when it is met.
func (t *Tenant) Opener(ctx context.Context, r store.Reader) audit.Opener {
	var last KeyRow
	var lastKey seal.Key
	return func(key, recordID, column string, sealed []byte) ([]byte, bool, error) {
		if last.ID != key {
			row, err := GetKey(ctx, r, key)
			if fault.KindOf(err) == fault.NotFound && err != nil {
				return nil, true, nil
			}
			if err != nil {
				return nil, false, err
			}
			k, err := t.Unwrap(row)
			if err != nil {
				return nil, false, err
			}
			last, lastKey = row, k
		}
		plain, err := lastKey.Open(seal.AD{Tenant: t.ID, Purpose: last.Purpose, Table: "record", Column: column, Row: recordID}, sealed)
		return plain, false, err
	}
}

// starterKeys are made with the tenant.
func starterKeys() []KeyRow {
	return []KeyRow{
		{ID: KeyLookup, Kind: "tenant", Purpose: access.PurposeSettings},
		{ID: KeyLog, Kind: "tenant", Purpose: access.PurposeSettings},
		{ID: KeyReply, Kind: "tenant", Purpose: access.PurposeSettings},
		{ID: KeySettings, Kind: "tenant", Purpose: access.PurposeSettings},
	}
}
