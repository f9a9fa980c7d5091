package visit_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Law 1: no write without a record.

func TestAnUpdateIsOneRecordInTheSameTransaction(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		v := h.console(access.CreateCase)
		before := len(h.records())
		out, err := visit.Update(t.Context(), v, func(w *visit.Writer) (string, error) {
			w.Case(17)
			w.Object("some-id")
			w.Was("state", "new")
			w.Set("state", "open")
			return "done", putThing(w, "a", "support", "text")
		})
		h.ok(err)
		all := h.records()
		if out != "done" || len(all)-before != 1 || h.things() != 1 {
			t.Fatalf("%q, %d records, %d things", out, len(all)-before, h.things())
		}
		r := all[0]
		if r.Action != "case.create" || r.Actor != "console:test" || r.Case != 17 || r.Act.Object != "some-id" || r.Act.Was["state"] != "new" ||
			r.Act.Set["state"] != "open" || r.Act.Made["thing"] != 1 || !r.At.Equal(h.Clock.Now()) {
			t.Errorf("record %+v", r.Record)
		}
		// A change that writes nothing is still an act.
		_, err = visit.Update(t.Context(), v, func(*visit.Writer) (struct{}, error) { return struct{}{}, nil })
		h.ok(err)
		if n := len(h.records()) - before; n != 2 {
			t.Errorf("%d records, want 2", n)
		}
	})
}

func TestAChangeThatFailsLeavesNeitherRowNorRecord(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		v := h.console(access.CreateCase)
		before := len(h.records())
		refused := errors.New("no")
		for name, end := range map[string]func(*visit.Writer) error{
			"an error":     func(*visit.Writer) error { return refused },
			"a bad SQL":    func(w *visit.Writer) error { w.Put(sqlThing, "a", nil); return nil },
			"a panic":      func(*visit.Writer) error { panic("defect") },
			"a SQL caught": func(w *visit.Writer) error { _, _ = w.Exec(t.Context(), sqlThing, "a", nil); return nil },
		} {
			out, err := visit.Update(t.Context(), v, func(w *visit.Writer) (string, error) {
				if err := putThing(w, "a", "support", "text"); err != nil {
					return "", err
				}
				return "shown", end(w)
			})
			if err == nil || out != "" {
				t.Errorf("%s: %q, %v", name, out, err)
			}
		}
		if n := len(h.records()) - before; n != 0 || h.things() != 0 {
			t.Errorf("%d records, %d things", n, h.things())
		}
	})
}

// Changes that are committed together stand or fall each with its own record.
func TestChangesOfOneCommitKeepTheirRecordsApart(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		before := len(h.records())
		var done atomic.Int64
		var wg sync.WaitGroup
		for i := range 60 {
			v := h.console(access.CreateCase)
			wg.Go(func() {
				name := fmt.Sprint("thing", i)
				_, err := visit.Update(context.Background(), v, func(w *visit.Writer) (struct{}, error) {
					w.Object(name)
					if err := putThing(w, name, "support", "text"); err != nil {
						return struct{}{}, err
					}
					if i%3 == 0 {
						return struct{}{}, errors.New("no")
					}
					return struct{}{}, nil
				})
				if err == nil {
					done.Add(1)
				}
			})
		}
		wg.Wait()
		all := h.records()
		if done.Load() != 40 || h.things() != 40 || len(all)-before != 40 {
			t.Fatalf("%d acknowledged, %d things, %d records", done.Load(), h.things(), len(all)-before)
		}
		seen := map[string]bool{}
		for _, r := range all[:40] {
			seen[r.Act.Object] = true
		}
		if len(seen) != 40 {
			t.Errorf("%d things have a record", len(seen))
		}
	})
}

// waysAround are statements that would write what no change may: by name, by schema, with words between, two at once, hidden in
// another dialect.
func waysAround() []string {
	var out []string
	for _, table := range []string{"record", "log_head", "sealkey", "blob", "schema_version"} {
		for _, form := range []string{
			"DELETE FROM %s", "delete from %s", "\n\tDELETE\nFROM\t%s", "DELETE FROM ONLY %s", `DELETE FROM "%s"`, "DELETE FROM main.%s", "DELETE FROM public.%s",
			"DELETE FROM %s RETURNING 1", "/* */ DELETE FROM %s", "-- x\nDELETE FROM %s", "DELETE /**/ FROM %s", "DELETE FROM/**/%s", "DELETE FROM %s/**/",
			"UPDATE thing SET id = id; DELETE FROM %s", "SELECT 1; DELETE FROM %s", "WITH x AS (DELETE FROM %s RETURNING 1) SELECT * FROM x",
			"DROP TABLE %s", "ALTER TABLE %s RENAME TO gone", "TRUNCATE %s", "EXPLAIN ANALYZE DELETE FROM %s", "REPLACE INTO %s DEFAULT VALUES",
			"INSERT INTO %s DEFAULT VALUES", "INSERT OR REPLACE INTO %s DEFAULT VALUES", "INSERT INTO %s(id) VALUES (1)",
			"UPDATE %[1]s SET id = id", "UPDATE %[1]s AS r SET id = id", "UPDATE OR REPLACE %[1]s SET id = id", "UPDATE ONLY %[1]s SET id = id", "CREATE TRIGGER t AFTER INSERT ON thing BEGIN DELETE FROM %s; END",
			"SELECT 1 INTO %s FROM thing; SELECT 1", "COPY %s FROM STDIN", "PRAGMA writable_schema=1 %s", "ATTACH DATABASE 'x' AS %s", "COMMIT %s", "", " ",
		} {
			sql := form
			if strings.Contains(form, "%") {
				sql = fmt.Sprintf(form, table)
			}
			out = append(out, sql)
		}
		out = append(out, store.Differ("SELECT 1", "DELETE FROM "+table), store.Differ("DELETE FROM "+table, "SELECT 1"))
	}
	return out
}

func TestNoChangeWritesTheLogOrTheKeys(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		v := h.console(access.CreateCase)
		for _, sql := range waysAround() {
			for name, try := range map[string]func(*visit.Writer) error{
				"Exec":  func(w *visit.Writer) error { _, err := w.Exec(t.Context(), sql); return err },
				"Put":   func(w *visit.Writer) error { w.Put(sql); return nil },
				"Query": func(w *visit.Writer) error { _, err := w.Query(t.Context(), sql); return err },
				"QueryRow": func(w *visit.Writer) error {
					var n int64
					return w.QueryRow(t.Context(), sql, nil, &n)
				},
				"its Reader": func(w *visit.Writer) error { _, err := w.Reader.Query(t.Context(), sql); return err },
			} {
				_, err := visit.Update(t.Context(), v, func(w *visit.Writer) (struct{}, error) { return struct{}{}, try(w) })
				if err == nil || name != "Put" && fault.Of(err).Key != "fault.waist.closed" || name == "Put" && !strings.Contains(err.Error(), "fault.waist.closed") {
					t.Errorf("%s of %q: %v", name, sql, err)
				}
			}
		}
	})
}

func TestAViewDoesNotWrite(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.thing("a", "support", "text")
		v := h.console(access.ReadCase)
		for _, sql := range append(waysAround(), sqlGiveBack, `DELETE FROM thing RETURNING id`, `DELETE FROM session`) {
			_, err := visit.View(t.Context(), v, func(r *visit.Reader) (struct{}, error) {
				_, err := r.Query(t.Context(), sql)
				return struct{}{}, err
			})
			h.kind(err, fault.Internal)
			_, err = visit.View(t.Context(), v, func(r *visit.Reader) (struct{}, error) {
				var s string
				return struct{}{}, r.QueryRow(t.Context(), sql, nil, &s)
			})
			h.kind(err, fault.Internal)
		}
	})
}

// The golden list, written out once more: who lengthens it meets this test.
func TestUpkeepWritesTheGoldenListOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		v := h.enter(access.System("test", visit.From("")), access.KeepHouse)
		before := len(h.records())
		try := func(sql string, args ...any) (err error) {
			return visit.Upkeep(t.Context(), v, func(ctx context.Context, k *visit.Keeper) error { _, err := k.Exec(ctx, sql, args...); return err })
		}
		for _, sql := range []string{`DELETE FROM job`, `DELETE FROM session`, `DELETE FROM wake`} {
			h.ok(try(sql))
		}
		for _, table := range []string{"thing", "member", "token", "purpose", "claim", "directory", "host", "address", "record", "log_head", "sealkey", "blob", "schema_version"} {
			for _, sql := range []string{"DELETE FROM " + table, "INSERT INTO " + table + " DEFAULT VALUES", "UPDATE " + table + " SET id = id"} {
				h.kind(try(sql), fault.Internal)
				h.kind(visit.Upkeep(t.Context(), v, func(_ context.Context, k *visit.Keeper) error { k.Put(sql); return nil }), fault.Internal)
				h.kind(visit.Upkeep(t.Context(), v, func(ctx context.Context, k *visit.Keeper) error {
					_, err := k.Query(ctx, sql+" RETURNING 1")
					return err
				}), fault.Internal)
				h.kind(visit.Upkeep(t.Context(), v, func(ctx context.Context, k *visit.Keeper) error {
					var n int64
					return k.QueryRow(ctx, sql+" RETURNING 1", nil, &n)
				}), fault.Internal)
			}
		}
		for _, sql := range waysAround() {
			h.kind(try(sql), fault.Internal)
		}
		if n := len(h.records()) - before; n != 0 {
			t.Errorf("upkeep wrote %d records", n)
		}
	})
}

// There is no other way to write: nothing that visit hands out is, or holds, a database, a transaction or a tenant's handle.
func TestNoWriterComesFromElsewhere(t *testing.T) {
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch d := n.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Type.Results != nil {
					seen++
					handsOut(t, files, d.Type.Results)
				}
				return false
			case *ast.TypeSpec:
				if s, ok := d.Type.(*ast.StructType); ok && d.Name.IsExported() && d.Name.Name != "Config" { // Config goes in
					for _, field := range s.Fields.List {
						for _, name := range field.Names {
							if name.IsExported() {
								handsOut(t, files, field.Type)
							}
						}
						if len(field.Names) == 0 {
							handsOut(t, files, field.Type)
						}
					}
				}
			}
			return true
		})
	}
	if seen < 20 {
		t.Errorf("only %d functions were looked at", seen)
	}
}

func handsOut(t *testing.T, files *token.FileSet, n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, _ := sel.X.(*ast.Ident)
		switch name := pkg.Name + "." + sel.Sel.Name; name {
		case "store.Writer", "store.Tx", "store.DB", "store.Engine", "store.Committer", "tenant.Tenant", "tenant.House", "tenant.Bound", "seal.Key", "seal.Ring", "audit.Log":
			t.Errorf("%s: %s is handed out", files.Position(n.Pos()), name)
		}
		return true
	})
}
