package purpose_test

import (
	"slices"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/purpose"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func each(t *testing.T, fn func(*testing.T, store.DB)) {
	t.Helper()
	list := []store.Migration{purpose.Migrations[0]}
	list[0].Number = 1
	storetest.Each(t, func(t *testing.T, e store.Engine) { fn(t, storetest.OpenNew(t, e, "purposes", list)) })
}

func register(t *testing.T, db store.DB, all ...purpose.Purpose) {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard()
	for _, p := range all {
		if err := purpose.Register(tx, p, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestARegisterComesBackAsItWasWritten(t *testing.T) {
	each(t, func(t *testing.T, db store.DB) {
		own := purpose.Purpose{ID: "school-health", Basis: "task", Class: purpose.Confidential, Keep: 365 * 24 * time.Hour, Readers: []access.Role{access.Administrator}, TakesMail: true}
		register(t, db, append(purpose.Starters(), own)...)
		err := db.View(t.Context(), func(r store.Reader) error {
			got, err := purpose.Get(t.Context(), r, "school-health")
			if err != nil || got.ID != own.ID || got.Basis != own.Basis || got.Class != own.Class || got.Keep != own.Keep || !got.TakesMail || !slices.Equal(got.Readers, own.Readers) {
				t.Errorf("%+v, %v", got, err)
			}
			all, err := purpose.List(t.Context(), r)
			var ids []string
			for _, p := range all {
				ids = append(ids, p.ID)
			}
			if want := []string{"accounts", "log", "school-health", "security", "settings", "support"}; !slices.Equal(ids, want) {
				t.Errorf("%v", ids)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A purpose that is not registered is a fault of who names it: without one nothing may come in (K1).
func TestAnUnregisteredPurposeIsInvalid(t *testing.T) {
	each(t, func(t *testing.T, db store.DB) {
		err := db.View(t.Context(), func(r store.Reader) error { _, err := purpose.Get(t.Context(), r, "support"); return err })
		if f := fault.Of(err); f.Kind != fault.Invalid || f.Key != "fault.purpose.unregistered" {
			t.Errorf("got %v", err)
		}
	})
}

func TestARegisterTakesOnlyWhatTheLawKnows(t *testing.T) {
	good := purpose.Purpose{ID: "x", Basis: "task", Class: purpose.InternalData, Readers: []access.Role{access.Handler}}
	each(t, func(t *testing.T, db store.DB) {
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Discard()
		for name, c := range map[string]struct {
			change func(*purpose.Purpose)
			want   string
		}{
			"no id":       {func(p *purpose.Purpose) { p.ID = "" }, "fault.purpose.name"},
			"a long id":   {func(p *purpose.Purpose) { p.ID = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }, "fault.purpose.name"},
			"capitals":    {func(p *purpose.Purpose) { p.ID = "Support" }, "fault.purpose.name"},
			"a space":     {func(p *purpose.Purpose) { p.ID = "a b" }, "fault.purpose.name"},
			"no basis":    {func(p *purpose.Purpose) { p.Basis = "" }, "fault.purpose.basis"},
			"curiosity":   {func(p *purpose.Purpose) { p.Basis = "curiosity" }, "fault.purpose.basis"},
			"no class":    {func(p *purpose.Purpose) { p.Class = "" }, "fault.purpose.class"},
			"a role more": {func(p *purpose.Purpose) { p.Readers = append(p.Readers, "emperor") }, "fault.role"},
		} {
			p := good
			p.Readers = slices.Clone(good.Readers)
			c.change(&p)
			if err := purpose.Register(tx, p, now); err == nil || fault.Of(err).Key != c.want {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// What a new tenant has: the log's origins are for administrators, go after ninety days, and no queue may use the program's own.
func TestStarters(t *testing.T) {
	for _, p := range purpose.Starters() {
		own := slices.Contains([]string{access.PurposeAccounts, access.PurposeSettings, access.PurposeLog}, p.ID)
		if own == p.TakesMail {
			t.Errorf("%s takes mail: %v", p.ID, p.TakesMail)
		}
		if p.ID == access.PurposeLog && (p.Keep != 90*24*time.Hour || !slices.Equal(p.Readers, []access.Role{access.Administrator})) {
			t.Errorf("%+v", p)
		}
	}
}
