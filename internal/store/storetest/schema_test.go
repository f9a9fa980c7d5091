package storetest

import (
	"context"
	"slices"
	"testing"

	"insegel/internal/store"
)

func TestSameSchema(t *testing.T) {
	SameSchema(t, LedgerSchema)
	SameSchema(t, []store.Migration{{Number: 1, Name: "1", SQL: `
		CREATE TABLE a (x TEXT NOT NULL, n BIGINT NOT NULL, b BYTEA, yes BOOLEAN NOT NULL, PRIMARY KEY (n, x));
		CREATE INDEX a_b ON a (b, yes); CREATE UNIQUE INDEX a_x ON a (x)`}})
}

// The comparison must see what differs.
func TestSchemaSeesDifferences(t *testing.T) {
	base := `CREATE TABLE a (n BIGINT NOT NULL PRIMARY KEY, x TEXT)`
	Each(t, func(t *testing.T, e store.Engine) {
		ctx := context.Background()
		want, err := Schema(ctx, OpenNew(t, e, "base", []store.Migration{{Number: 1, Name: "1", SQL: base}}))
		if err != nil || len(want) != 4 { // two columns here, two of schema_version
			t.Fatal(want, err)
		}
		for i, sql := range []string{
			`CREATE TABLE a (n BIGINT NOT NULL PRIMARY KEY, x TEXT NOT NULL)`, `CREATE TABLE a (n BIGINT NOT NULL, x TEXT)`,
			`CREATE TABLE a (n BIGINT NOT NULL PRIMARY KEY, x BIGINT)`, `CREATE TABLE a (n BIGINT NOT NULL PRIMARY KEY, y TEXT)`,
			base + `; CREATE INDEX a_x ON a (x)`,
		} {
			got, err := Schema(ctx, OpenNew(t, e, "other-"+string(rune('a'+i)), []store.Migration{{Number: 1, Name: "1", SQL: sql}}))
			if err != nil || slices.Equal(got, want) {
				t.Errorf("%s looks like %s: %v", sql, base, err)
			}
		}
	})
}

func TestPrepare(t *testing.T) {
	good := map[string]string{
		"insert": `INSERT INTO fact (id, owner, n, body) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET n = fact.n + 1 RETURNING n`,
		"select": `SELECT id FROM fact WHERE owner = $1 AND (CAST($2 AS TEXT) IS NULL OR id > $2) ORDER BY id LIMIT $3`,
		"differ": store.Differ(`SELECT julianday('now')`, `SELECT CAST(now() AS TEXT)`),
	}
	Prepare(t, LedgerSchema, good)
	db := OpenNew(t, SQLite(t), "x", LedgerSchema)
	if err := prepared(db, "sqlite", `SELECT nothing FROM fact`, 0); err == nil {
		t.Error("an unknown column was prepared")
	}
	if pg := Postgres(t); pg != nil {
		db := OpenNew(t, pg, "x", LedgerSchema)
		if err := prepared(db, "postgres", `SELECT n = TRUE FROM fact WHERE id = $1`, 1); err == nil {
			t.Error("a number was a boolean")
		}
	}
	for _, bad := range []string{`SELECT 1 FOR UPDATE`, `SELECT 1 WHERE x = ANY($1)`, `SELECT 1 WHERE x LIKE 'a'`, `WITH a AS (DELETE FROM b RETURNING c) SELECT 1`} {
		if trap.FindString(bad) == "" {
			t.Errorf("%s passed", bad)
		}
	}
}
