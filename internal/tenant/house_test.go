package tenant_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/jobs"
	"insegel/internal/purpose"
	"insegel/internal/seal"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
)

// node is one process's view of a tenant: several share the engine and the folders, and one may die and come back.
type node struct {
	t        *testing.T
	engine   store.Engine
	dir      string
	clock    *clock.Manual
	ids      *id.Source
	house    *tenant.House
	places   *seal.Places
	tenant   *tenant.Tenant
	release  func()
	tenantID string
}

func migrations() []store.Migration {
	return slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations)
}

func each(t *testing.T, fn func(*testing.T, *node)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, e store.Engine) { fn(t, newNode(t, e)) })
}

func newNode(t *testing.T, e store.Engine) *node {
	t.Helper()
	n := &node{t: t, engine: e, dir: t.TempDir(), clock: clock.At(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))}
	n.ids = id.NewSource(n.clock, nil)
	n.tenantID = n.ids.New()
	_, err := seal.CreateRoot(filepath.Join(n.dir, "root.key"), nil)
	n.ok(err)
	n.start()
	n.ok(n.house.Found(t.Context(), n.tenantID, n.first()))
	n.enter()
	t.Cleanup(n.stop)
	return n
}

func (n *node) first() store.Change {
	recordID := n.ids.New()
	return store.Change{ID: recordID, Run: func(context.Context, store.Writer) ([]any, error) {
		return []any{&audit.Record{ID: recordID, At: n.clock.Now(), Action: "tenant.found", Actor: "system:test", ActSalt: n.ids.Bytes(audit.SaltSize), Act: audit.Act{Actor: "system:test"}}}, nil
	}}
}

// start opens the folders as a process does at its start.
func (n *node) start() {
	n.t.Helper()
	root, err := seal.LoadRoot(filepath.Join(n.dir, "root.key"))
	n.ok(err)
	n.places, err = seal.OpenPlaces([]string{filepath.Join(n.dir, "epochs1"), filepath.Join(n.dir, "epochs2")}, root, nil)
	n.ok(err)
	n.house, err = tenant.NewHouse(tenant.Config{Engine: n.engine, Places: n.places, Clock: n.clock, IDs: n.ids, Migrations: migrations(),
		Marks: filepath.Join(n.dir, "marks"), Files: filepath.Join(n.dir, "files"), MaxOpen: 4, Idle: time.Hour, Wait: 5 * time.Second})
	n.ok(err)
}

func (n *node) enter() {
	n.t.Helper()
	var err error
	n.tenant, n.release, err = n.house.Get(n.t.Context(), n.tenantID)
	n.ok(err)
}

func (n *node) stop() {
	n.release()
	if err := n.house.Close(context.Background()); err != nil {
		n.t.Error(err)
	}
	n.release = func() {}
}

// restart is what follows a crash: everything in memory is gone.
func (n *node) restart() {
	n.t.Helper()
	n.stop()
	n.start()
	n.enter()
}

// change runs fn in a change of the tenant's committer.
func (n *node) change(fn func(context.Context, store.Writer) error) error {
	return n.tenant.Committer.Do(context.Background(), store.Change{Run: func(ctx context.Context, w store.Writer) ([]any, error) { return nil, fn(ctx, w) }})
}

func (n *node) view(fn func(context.Context, store.Reader) error) error {
	ctx := context.Background()
	return n.tenant.DB.View(ctx, func(r store.Reader) error { return fn(ctx, r) })
}

// secret is a sealed value with the thing whose key it is under.
type secret struct {
	id, plain string
	sealed    []byte
}

// make makes a key and seals a value under it.
func (n *node) make(keyID string) (secret, error) {
	s := secret{id: keyID, plain: "text of " + keyID}
	err := n.change(func(_ context.Context, w store.Writer) error {
		k, err := n.tenant.NewKey(w, keyID, "case", "support")
		if err == nil {
			s.sealed = n.tenant.Seal(tenant.Bound{ID: keyID, Purpose: "support", Key: k}, "thing", "body", keyID, []byte(s.plain))
		}
		return err
	})
	return s, err
}

func (n *node) row(keyID string) (k tenant.KeyRow, err error) {
	err = n.view(func(ctx context.Context, r store.Reader) (err error) {
		k, err = tenant.GetKey(ctx, r, keyID)
		return err
	})
	return k, err
}

// opens unseals a value with the key as the database has it now.
func (n *node) opens(s secret) error {
	row, err := n.row(s.id)
	if err != nil {
		return err
	}
	key, err := n.tenant.Unwrap(row)
	if err != nil {
		return err
	}
	b, err := n.tenant.Open(tenant.Bound{ID: s.id, Purpose: "support", Key: key}, "thing", "body", s.id, s.sealed)
	if err == nil && string(b) != s.plain {
		err = errors.New("another text")
	}
	return err
}

func (n *node) bound(keyID string) tenant.Bound {
	n.t.Helper()
	row, err := n.row(keyID)
	n.ok(err)
	key, err := n.tenant.Unwrap(row)
	n.ok(err)
	return tenant.Bound{ID: keyID, Purpose: "support", Key: key}
}

func (n *node) ok(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) want(err error, key string) {
	n.t.Helper()
	if err == nil || fault.Of(err).Key != key {
		n.t.Errorf("got %v, want %s", err, key)
	}
}
