// Package tenant makes a customer's handle: its database, its committer, its keys and its log, opened together and
// proved before use.
//
// It owns the directory (which tenants, hosts and mail addresses there are, kept in the operator's tenant), the keys
// in the database (sealkey), the sealed bytes beside rows (blob), and the pool of open handles. It decides nothing:
// who may use a handle for what is the waist's, and only the waist imports this room.
package tenant

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"insegel/internal/audit"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/purpose"
	"insegel/internal/seal"
	"insegel/internal/store"
)

// Config is what a House is made from.
type Config struct {
	Engine     store.Engine
	Places     *seal.Places
	Random     io.Reader // nil: crypto/rand
	Clock      clock.Clock
	IDs        *id.Source
	Logger     *slog.Logger
	Migrations []store.Migration
	Marks      string        // folder of the log marks, outside every database
	Files      string        // folder of sealed files
	MaxOpen    int           // handles open at once
	Idle       time.Duration // after which an unused handle is closed
	Wait       time.Duration // how long to wait for a handle when all are in use
	// KeepKeys is called with all wrapped keys of a tenant before its old epoch key is destroyed: once it is, every older copy of
	// the database is only as good as a newer copy of them. An error keeps the old epoch key.
	KeepKeys func(ctx context.Context, tenantID string, r store.Reader) error
}

// House opens tenants.
type House struct {
	engine     store.Engine
	places     *seal.Places
	random     io.Reader
	clock      clock.Clock
	ids        *id.Source
	log        *slog.Logger
	migrations []store.Migration
	marks      string
	files      Files
	pool       *store.Pool[*Tenant]
	keepKeys   func(ctx context.Context, tenantID string, r store.Reader) error
}

// NewHouse makes a House and its folders.
func NewHouse(c Config) (*House, error) {
	for _, dir := range []string{c.Marks, c.Files} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", dir)
		}
	}
	h := &House{engine: c.Engine, places: c.Places, random: c.Random, clock: c.Clock, ids: c.IDs, log: c.Logger,
		migrations: c.Migrations, marks: c.Marks, files: Files{dir: c.Files}, keepKeys: c.KeepKeys}
	h.pool = store.NewPool(h.open, (*Tenant).close, store.PoolOptions{Max: c.MaxOpen, Idle: c.Idle, Wait: c.Wait, Clock: c.Clock})
	return h, nil
}

// Tenant is the handle: everything that belongs to one customer.
type Tenant struct {
	ID        string
	DB        store.DB
	Committer *store.Committer
	Log       *audit.Log
	Lookup    seal.Key
	Reply     seal.Key
	Settings  seal.Key

	house   *House
	readers readers
	mark    *audit.Mark
	ring    atomic.Pointer[seal.Ring]
	Day     atomic.Pointer[DayKey]
}

// DayKey is the key of one day's origins, kept once it is known to be committed.
type DayKey struct {
	ID  string
	Key seal.Key
}

// Ring is the tenant's present epoch keys.
func (t *Tenant) Ring() *seal.Ring { return t.ring.Load() }

func (t *Tenant) reload() error {
	r, err := t.house.places.Load(t.ID)
	if err != nil {
		return err
	}
	t.ring.Store(r)
	return nil
}

// Files is where the tenant's larger bytes lie.
func (t *Tenant) Files() Files { return t.house.files.of(t.ID) }

// IDs makes ids; Now tells the time.
func (t *Tenant) IDs() *id.Source { return t.house.ids }

// Now tells the time.
func (t *Tenant) Now() time.Time { return t.house.clock.Now() }

// Get opens a tenant's handle, or shares the open one. release must be called.
func (h *House) Get(ctx context.Context, tenantID string) (*Tenant, func(), error) {
	if !id.Valid(tenantID) {
		return nil, nil, fault.New(fault.NotFound, "fault.tenant.not_found")
	}
	return h.pool.Get(ctx, tenantID)
}

// Close closes all handles after their users are done.
func (h *House) Close(ctx context.Context) error { return h.pool.Close(ctx) }

// Evict closes a tenant's handle once nobody uses it, so that the next Get opens it anew.
func (h *House) Evict(ctx context.Context, tenantID string) error { return h.pool.Evict(ctx, tenantID) }

// Found makes a tenant: its database, its keys and the first record. It may be called again after a crash.
// first fills in that record and may write more in the same transaction.
func (h *House) Found(ctx context.Context, tenantID string, first store.Change) error {
	if err := h.engine.Create(ctx, tenantID); err != nil {
		return err
	}
	if _, err := h.places.Load(tenantID); err != nil {
		if _, err := h.places.Create(tenantID); err != nil {
			return err
		}
	}
	db, err := h.engine.Open(ctx, tenantID)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, _, err := store.Migrate(ctx, h.engine.Dialect(), db, h.migrations); err != nil {
		return err
	}
	if done, err := h.founded(ctx, db); err != nil || done {
		return err
	}
	return h.bootstrap(ctx, tenantID, db, first)
}

func (h *House) founded(ctx context.Context, db store.DB) (done bool, err error) {
	err = db.View(ctx, func(r store.Reader) error {
		_, err := GetKey(ctx, r, KeyLog)
		done = err == nil
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		return err
	})
	return done, err
}

// bootstrap writes the tenant's own keys and its first record in one transaction. The signer is derived from a key that
// is only being written: if the transaction fails, the next attempt makes another.
func (h *House) bootstrap(ctx context.Context, tenantID string, db store.DB, first store.Change) error {
	t := &Tenant{ID: tenantID, DB: db, house: h}
	if err := t.reload(); err != nil {
		return err
	}
	made := map[string]seal.Key{}
	rows := starterKeys()
	for i := range rows {
		made[rows[i].ID] = seal.NewKey(h.random)
		rows[i].Epoch, rows[i].Wrapped = t.Ring().Wrap(made[rows[i].ID], t.keyID(rows[i]))
	}
	signer, err := audit.NewSigner(tenantID, made[KeyLog].Derive("log signing seed"))
	if err != nil {
		return err
	}
	// A mark of an earlier attempt was signed with a key that nobody has any more.
	if err := os.Remove(filepath.Join(h.marks, tenantID+".mark")); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove mark: %w", err)
	}
	mark, _, err := audit.OpenMark(h.marks, tenantID, signer)
	if err != nil {
		return err
	}
	log := audit.NewLog(tenantID, signer, mark)
	c := store.NewCommitter(db, log, store.Options{Logger: h.log, Name: tenantID})
	err = c.Do(ctx, store.Change{ID: first.ID, Run: func(ctx context.Context, w store.Writer) ([]any, error) {
		for _, k := range rows {
			w.Put(sqlKeyNew, k.ID, k.Kind, k.Purpose, int64(k.Epoch), k.Wrapped) // #nosec G115 -- epochs count up from 1
		}
		log.SetEpoch(w, t.Ring().Newest())
		for _, p := range purpose.Starters() {
			if err := purpose.Register(w, p, h.clock.Now()); err != nil {
				return nil, err
			}
		}
		return first.Run(ctx, w)
	}})
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	return mark.Close()
}

// open makes a handle: the database is migrated, the keys are read, the log is held against its mark, and only then
// may anything be written.
func (h *House) open(ctx context.Context, tenantID string) (*Tenant, error) {
	if err := h.look(ctx, tenantID); err != nil {
		return nil, fmt.Errorf("look at tenant %s: %w", tenantID, err)
	}
	db, err := h.engine.Open(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	t := &Tenant{ID: tenantID, DB: db, house: h}
	if err := t.prove(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open tenant %s: %w", tenantID, err)
	}
	t.Committer = store.NewCommitter(db, t.Log, store.Options{Logger: h.log, Name: tenantID})
	return t, nil
}

func (t *Tenant) prove(ctx context.Context) error {
	// A schema newer than the program is refused before anything is touched; an older one is brought up.
	if _, _, err := store.Migrate(ctx, t.house.engine.Dialect(), t.DB, t.house.migrations); err != nil {
		return err
	}
	if err := t.reload(); err != nil {
		return err
	}
	keys := map[string]seal.Key{}
	err := t.DB.View(ctx, func(r store.Reader) error {
		for _, k := range starterKeys() {
			row, err := GetKey(ctx, r, k.ID)
			if err != nil {
				return fault.Because(err, fault.Conflict, "fault.log.damaged", "tenant", t.ID, "what", "key "+k.ID)
			}
			if keys[k.ID], err = t.Unwrap(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.Lookup, t.Reply, t.Settings = keys[KeyLookup], keys[KeyReply], keys[KeySettings]
	signer, err := audit.NewSigner(t.ID, keys[KeyLog].Derive("log signing seed"))
	if err != nil {
		return err
	}
	mark, last, err := audit.OpenMark(t.house.marks, t.ID, signer)
	if err != nil {
		return err
	}
	t.mark, t.Log = mark, audit.NewLog(t.ID, signer, mark)
	if err := t.DB.View(ctx, func(r store.Reader) error { return t.Log.ProveMark(ctx, r, last) }); err != nil {
		return err
	}
	return nil
}

func (t *Tenant) close() error {
	err := t.Committer.Close()
	if e := t.mark.Close(); err == nil {
		err = e
	}
	if e := t.DB.Close(); err == nil {
		err = e
	}
	return err
}
