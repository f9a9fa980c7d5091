package visit_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/purpose"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

const (
	sqlThing    = `INSERT INTO thing (id, body) VALUES ($1, $2)`
	sqlBody     = `SELECT body FROM thing WHERE id = $1`
	sqlCount    = `SELECT COUNT(*) FROM thing`
	sqlRename   = `UPDATE thing SET id = $1 WHERE id = $2`
	sqlGiveBack = `UPDATE thing SET body = body WHERE id = $1 RETURNING id`
)

// house is a tenant with one table more, on an engine whose commits a test may spoil or watch.
type house struct {
	*visittest.House
	t      *testing.T
	engine *spoiled
}

func migrations() []store.Migration {
	thing := store.Migration{Number: 6, Name: "thing", SQL: `CREATE TABLE thing (id TEXT PRIMARY KEY, body BYTEA NOT NULL)`}
	return append(slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations), thing)
}

func each(t *testing.T, fn func(*testing.T, *house)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		s := &spoiled{Engine: e}
		fn(t, &house{House: visittest.New(t, s, migrations(), "thing", "blob"), t: t, engine: s})
	})
}

// spoiled is a real engine; before says what happens before a COMMIT, and instead what is answered in its place.
type spoiled struct {
	store.Engine
	before  atomic.Pointer[func()]
	instead atomic.Pointer[func(context.Context, store.Tx) error]
}

func (s *spoiled) Open(ctx context.Context, name string) (store.DB, error) {
	db, err := s.Engine.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return spoiledDB{db, s}, nil
}

type spoiledDB struct {
	store.DB
	s *spoiled
}

func (d spoiledDB) Begin(ctx context.Context) (store.Tx, error) {
	tx, err := d.DB.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return spoiledTx{tx, d.s}, nil
}

type spoiledTx struct {
	store.Tx
	s *spoiled
}

func (t spoiledTx) Commit(ctx context.Context) error {
	if f := t.s.before.Load(); f != nil {
		(*f)()
	}
	if f := t.s.instead.Load(); f != nil {
		return (*f)(ctx, t.Tx)
	}
	return t.Tx.Commit(ctx)
}

var errDisk = errors.New("the disk is broken")

// breakCommits makes every COMMIT fail for certain; mend undoes it.
func (h *house) breakCommits() (mend func()) {
	f := func(_ context.Context, tx store.Tx) error {
		tx.Discard()
		return errDisk
	}
	h.engine.instead.Store(&f)
	return func() { h.engine.instead.Store(nil) }
}

// enter enters with a credential until the test ends.
func (h *house) enter(c access.Credential, a access.Action) *visit.Visit {
	h.t.Helper()
	return h.Enter(h.t, c, a)
}

func (h *house) console(a access.Action) *visit.Visit {
	h.t.Helper()
	return h.enter(visittest.Console(), a)
}

// raw is the tenant without the waist, to look at and to tamper with.
func (h *house) raw(fn func(context.Context, *tenant.Tenant)) {
	h.t.Helper()
	t, release, err := h.House.House.Get(h.t.Context(), h.Customer)
	h.ok(err)
	defer release()
	fn(h.t.Context(), t)
}

// records gives the customer's log, the newest first.
func (h *house) records() (all []audit.Entry) {
	h.t.Helper()
	h.raw(func(ctx context.Context, t *tenant.Tenant) {
		h.ok(t.DB.View(ctx, func(r store.Reader) (err error) {
			all, err = audit.Latest(ctx, r, 0, 1000)
			return err
		}))
	})
	return all
}

func (h *house) things() (n int64) {
	h.t.Helper()
	h.raw(func(ctx context.Context, t *tenant.Tenant) {
		h.ok(t.DB.View(ctx, func(r store.Reader) error { return r.QueryRow(ctx, sqlCount, nil, &n) }))
	})
	return n
}

// tamper writes past the waist, as who holds the database could.
func (h *house) tamper(sql string, args ...any) {
	h.t.Helper()
	h.raw(func(ctx context.Context, t *tenant.Tenant) {
		tx, err := t.DB.Begin(ctx)
		h.ok(err)
		defer tx.Discard()
		_, err = tx.Exec(ctx, sql, args...)
		h.ok(err)
		h.ok(tx.Commit(ctx))
	})
}

// thing makes a sealed thing of a purpose.
func (h *house) thing(name, purposeID, body string) {
	h.t.Helper()
	_, err := visit.Update(h.t.Context(), h.console(access.CreateCase), func(w *visit.Writer) (struct{}, error) {
		return struct{}{}, putThing(w, name, purposeID, body)
	})
	h.ok(err)
}

func putThing(w *visit.Writer, name, purposeID, body string) error {
	k, err := w.NewKey(name, "case", purposeID)
	if err != nil {
		return err
	}
	w.Put(sqlThing, name, w.SealText(k, "thing", "body", name, body))
	w.Made("thing", 1)
	return nil
}

// read opens a thing's body in a visit.
func read(ctx context.Context, r *visit.Reader, name string) (string, error) {
	k, err := r.Key(ctx, name, "")
	if err != nil {
		return "", err
	}
	var sealed []byte
	if err := r.QueryRow(ctx, sqlBody, []any{name}, &sealed); err != nil {
		return "", err
	}
	return k.Text("thing", "body", name, sealed)
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) kind(err error, want fault.Kind) {
	h.t.Helper()
	if err == nil || fault.KindOf(err) != want {
		h.t.Errorf("got %v, want kind %d", err, want)
	}
}
