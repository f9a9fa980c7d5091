package app_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"insegel/internal/app"
	"insegel/internal/continuity"
	"insegel/internal/store"
	"insegel/internal/store/sqlite"
)

// TestEverySealedColumnIsSampled holds the list of what a restore opens a sample of against the schema: a column of bytes is
// sealed and on the list, or it is one of these, which hold no content.
func TestEverySealedColumnIsSampled(t *testing.T) {
	clear := [][2]string{
		{"account", "mail_hash"}, {"acknowledged", "hash"}, {"address", "hash"}, {"claim", "hash"}, {"letter", "digest"}, {"link", "hash"},
		{"log_head", "frontier"}, {"message_ref", "hash"}, {"party", "hash"}, {"queue", "address_hash"}, {"sealkey", "wrapped"},
		{"record", "act"}, {"record", "act_salt"}, {"record", "commits"}, {"record", "hashes"}, // of the log, which is verified whole
		{"record", "origin"}, {"record", "change"}, {"session", "hash"}, {"token", "hash"},
		{"idempotency", "mark"}, {"idempotency", "request"}, // HMACs
	}
	all := columnsOfBytes(t)
	for _, c := range all {
		if listed := slices.Contains(continuity.Sealed(), c); listed == slices.Contains(clear, c) {
			t.Errorf("%s.%s: among the sealed ones %v, among the clear ones %v", c[0], c[1], listed, !listed)
		}
	}
	for _, c := range continuity.Sealed() {
		if !slices.Contains(all, c) {
			t.Errorf("%s.%s is sampled and is not in the schema", c[0], c[1])
		}
	}
}

func columnsOfBytes(t *testing.T) (all [][2]string) {
	t.Helper()
	ctx := context.Background()
	e, err := sqlite.New(filepath.Join(t.TempDir(), "db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Create(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	db, err := e.Open(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, _, err := store.Migrate(ctx, e.Dialect(), db, app.Migrations()); err != nil {
		t.Fatal(err)
	}
	err = db.View(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'BYTEA' ORDER BY 1, 2`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var c [2]string
			if err := rows.Scan(&c[0], &c[1]); err != nil {
				return err
			}
			all = append(all, c)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d columns of bytes: the schema was not read", len(all))
	}
	return all
}
