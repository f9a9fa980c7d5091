package visit

import (
	"context"
	"slices"
	"strconv"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Reader reads, and opens what the visit's purposes allow.
type Reader struct {
	v      *Visit
	s      store.Reader
	note   note
	opened []string
}

// maxOpened bounds what one record lists; a visit that opens more is an export and says so by its action.
const maxOpened = 1000

// Query runs a statement.
func (r *Reader) Query(ctx context.Context, sql string, args ...any) (store.Rows, error) {
	if err := mayAsk(sql, mayNotWrite); err != nil {
		return nil, err
	}
	return r.s.Query(ctx, sql, args...)
}

// QueryRow scans the first row into dest; store.ErrNoRows where there is none.
func (r *Reader) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	if err := mayAsk(sql, mayNotWrite); err != nil {
		return err
	}
	return r.s.QueryRow(ctx, sql, args, dest...)
}

// Visit is the visit that reads.
func (r *Reader) Visit() *Visit { return r.v }

// Wrapped is a wrapped key as a feature's own SQL joined it from sealkey. Name is what the record calls the thing that it
// opens ("case:17"); empty means kind and id.
type Wrapped struct {
	ID, Kind, Purpose string
	Epoch             int64
	Wrapped           []byte
	Name              string
}

// Key opens one thing's sealed values, and notes that it did.
type Key struct {
	r     *Reader
	bound tenant.Bound
	name  string
}

// Unwrap gives the key if its purpose is among the visit's, else a fault NotFound: who may not see a thing does not
// learn that it is there. The purpose is bound into the wrapped key, so a row that claims another does not open.
func (r *Reader) Unwrap(k Wrapped) (Key, error) {
	if !r.v.May(k.Purpose) {
		return Key{}, fault.New(fault.NotFound, "fault.not_found")
	}
	row := tenant.KeyRow{ID: k.ID, Kind: k.Kind, Purpose: k.Purpose, Epoch: uint64(k.Epoch), Wrapped: k.Wrapped} // #nosec G115 -- epochs count up from 1
	key, err := r.v.tenant.Unwrap(row)
	if err != nil {
		return Key{}, err
	}
	if k.Name == "" {
		k.Name = k.Kind + ":" + k.ID
	}
	return Key{r: r, bound: tenant.Bound{ID: k.ID, Purpose: k.Purpose, Key: key}, name: k.Name}, nil
}

// Key reads and unwraps the key of one thing. A key that was destroyed is fault.seal.erased.
func (r *Reader) Key(ctx context.Context, keyID, name string) (Key, error) {
	k, err := tenant.GetKey(ctx, r.s, keyID)
	if err != nil {
		return Key{}, err
	}
	return r.Unwrap(Wrapped{ID: k.ID, Kind: k.Kind, Purpose: k.Purpose, Epoch: int64(k.Epoch), Wrapped: k.Wrapped, Name: name}) // #nosec G115 -- epochs count up from 1
}

// Settings is the key of names that belong to the tenant itself. What it opens is no reading of personal data and is
// not noted.
func (r *Reader) Settings() Key {
	return Key{r: r, bound: tenant.Bound{ID: tenant.KeySettings, Purpose: "settings", Key: r.v.tenant.Settings}}
}

// Open opens a sealed value from its place. An absent value opens to nothing.
func (k Key) Open(table, column, row string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := k.r.v.tenant.Open(k.bound, table, column, row, sealed)
	if err == nil {
		k.r.opens(k.name)
	}
	return plain, err
}

// Text opens a sealed text.
func (k Key) Text(table, column, row string, sealed []byte) (string, error) {
	b, err := k.Open(table, column, row, sealed)
	return string(b), err
}

// ID is the key's id, as the table sealkey has it.
func (k Key) ID() string { return k.bound.ID }

// Purpose is what the key's data are used for.
func (k Key) Purpose() string { return k.bound.Purpose }

func (r *Reader) opens(name string) {
	if name != "" && len(r.opened) < maxOpened && !slices.Contains(r.opened, name) {
		r.opened = append(r.opened, name)
	}
}

// Lookup is the visit's Lookup.
func (r *Reader) Lookup(kind, value string) []byte { return r.v.Lookup(kind, value) }

// Case says which case the visit is about, by number.
func (r *Reader) Case(number int64) { r.note.caseNo = number }

// Object says which thing the visit is about, by id.
func (r *Reader) Object(objectID string) { r.note.object = objectID }

// Refused says that the visit was in vain, and why, by the fault's key.
func (r *Reader) Refused(err error) error {
	r.note.result = "refused: " + fault.Of(err).Key
	return nil
}

func (r *Reader) touched() bool { return r.note.caseNo != 0 || r.note.object != "" }

// note is what a record says beside who and when.
type note struct {
	caseNo         int64
	object, result string
	set, was       map[string]string
	made           map[string]int64
}

// Number writes a number for a record.
func Number(n int64) string { return strconv.FormatInt(n, 10) }
