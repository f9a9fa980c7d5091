package storetest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"insegel/internal/store"
)

// columnsOf lists table, column, type, whether NULL is allowed, and place in the primary key, of every table.
var columnsOf = store.Differ(`
	SELECT m.name, c.name, upper(c.type), c."notnull" = 0 AND c.pk = 0, c.pk
	FROM sqlite_master m JOIN pragma_table_info(m.name) c
	WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, 2`, `
	SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT), upper(format_type(a.atttypid, a.atttypmod)), NOT a.attnotnull,
	       coalesce(array_position(CAST(i.indkey AS int2[]), a.attnum) + 1, 0)
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
	WHERE c.relkind = 'r' AND c.relnamespace = CAST(current_schema() AS regnamespace) ORDER BY 1, 2`)

// indexesOf lists table, whether unique, and columns in order, of every index.
var indexesOf = store.Differ(`
	SELECT m.name, CASE WHEN l."unique" = 1 THEN 'UNIQUE' ELSE 'INDEX' END,
	       coalesce((SELECT group_concat(n, ',') FROM (SELECT coalesce(x.name, '(expression)') AS n FROM pragma_index_info(l.name) x ORDER BY x.seqno)), '')
	FROM sqlite_master m JOIN pragma_index_list(m.name) l
	WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND l.origin <> 'pk'`, `
	SELECT CAST(c.relname AS TEXT), CASE WHEN i.indisunique THEN 'UNIQUE' ELSE 'INDEX' END,
	       (SELECT string_agg(coalesce(CAST(a.attname AS TEXT), '(expression)'), ',' ORDER BY k.n)
	        FROM unnest(i.indkey) WITH ORDINALITY AS k (att, n)
	        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att AND k.att > 0)
	FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
	WHERE NOT i.indisprimary AND c.relnamespace = CAST(current_schema() AS regnamespace)`)

// Schema describes a database's tables and indexes in lines that read the same for the same schema on both engines.
func Schema(ctx context.Context, db store.DB) (lines []string, err error) {
	err = db.View(ctx, func(r store.Reader) error {
		rs, err := r.Query(ctx, columnsOf)
		if err != nil {
			return err
		}
		for rs.Next() {
			var table, column, kind string
			var null bool
			var key int64
			if err := rs.Scan(&table, &column, &kind, &null, &key); err != nil {
				return err
			}
			line := table + "." + column + " " + kind
			if null {
				line += " NULL"
			}
			if key > 0 {
				line += " KEY" + strconv.FormatInt(key, 10)
			}
			lines = append(lines, line)
		}
		if err := rs.Err(); err != nil {
			return err
		}
		if rs, err = r.Query(ctx, indexesOf); err != nil {
			return err
		}
		for rs.Next() {
			var table, kind, columns string
			if err := rs.Scan(&table, &kind, &columns); err != nil {
				return err
			}
			lines = append(lines, fmt.Sprintf("%s %s (%s)", table, kind, columns))
		}
		return rs.Err()
	})
	slices.Sort(lines)
	return lines, err
}

// SameSchema migrates a fresh database on each engine and compares what came of it. skip names tables that are meant to
// differ (an engine's own full-text index), by prefix. Only the four types of store.Reader may occur.
func SameSchema(t *testing.T, list []store.Migration, skip ...string) {
	t.Helper()
	var lite []string
	for _, e := range Engines(t) {
		lines, err := Schema(context.Background(), OpenNew(t, e, "schema", list))
		if err != nil {
			t.Fatal(err)
		}
		lines = slices.DeleteFunc(lines, func(l string) bool {
			return slices.ContainsFunc(skip, func(s string) bool { return strings.HasPrefix(l, s) })
		})
		for _, l := range lines {
			if !allowedType.MatchString(l) {
				t.Errorf("%s: %s: only BIGINT, TEXT, BOOLEAN and BYTEA keep their values on both engines", e.Dialect(), l)
			}
		}
		if e.Dialect() == "sqlite" {
			lite = lines
			continue
		}
		for _, l := range lines {
			if !slices.Contains(lite, l) {
				t.Errorf("only on %s: %s", e.Dialect(), l)
			}
		}
		for _, l := range lite {
			if !slices.Contains(lines, l) {
				t.Errorf("only on sqlite: %s", l)
			}
		}
	}
}

var allowedType = regexp.MustCompile(`^\S+ (BIGINT|TEXT|BOOLEAN|BYTEA)( NULL)?( KEY\d+)?$|^\S+ (UNIQUE|INDEX) `)

var placeholder = regexp.MustCompile(`\$(\d+)`)

// Prepare has every statement, by its name, prepared by each engine against the schema, and holds them to the rules of one
// text for two engines: placeholders first used in ascending order, and none of the constructs that only one knows.
func Prepare(t *testing.T, list []store.Migration, statements map[string]string) {
	t.Helper()
	for _, e := range Engines(t) {
		db := OpenNew(t, e, "prepare", list)
		for name, sql := range statements {
			text := store.For(e.Dialect(), sql)
			n := placeholders(t, name, text)
			if err := prepared(db, e.Dialect(), text, n); err != nil {
				t.Errorf("%s on %s: %v", name, e.Dialect(), err)
			}
			if text == sql {
				traps(t, name, sql)
			}
		}
	}
}

func placeholders(t *testing.T, name, sql string) (n int) {
	t.Helper()
	for _, m := range placeholder.FindAllStringSubmatch(sql, -1) {
		k, err := strconv.Atoi(m[1])
		if err != nil || k > n+1 {
			t.Errorf("%s: $%s before $%d", name, m[1], n+1)
		}
		n = max(n, k)
	}
	return n
}

func prepared(db store.DB, dialect, sql string, n int) error {
	ctx := context.Background()
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Discard()
	if dialect == "postgres" {
		_, err = tx.Exec(ctx, "PREPARE statement AS "+sql)
		if err == nil {
			_, err = tx.Exec(ctx, "DEALLOCATE statement")
		}
		return err
	}
	_, err = tx.Exec(ctx, "EXPLAIN "+sql, make([]any, n)...)
	return err
}

var trap = regexp.MustCompile(`(?i)\bFOR (UPDATE|SHARE)\b|\bSKIP LOCKED\b|= *ANY *\(|\bLIKE\b|\bILIKE\b|\bnow\(\)|\bCURRENT_TIMESTAMP\b|^\s*WITH\b[^;]*\b(INSERT INTO|UPDATE|DELETE FROM)\b`)

// traps: see architecture, one SQL text.
func traps(t *testing.T, name, sql string) {
	t.Helper()
	if m := trap.FindString(sql); m != "" {
		t.Errorf("%s: %q is not the same on both engines", name, m)
	}
}
