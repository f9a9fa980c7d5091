package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"insegel/internal/store"
)

const maxFound = 20

// Check implements store.DB: every row of every table is read with its large values, then every B-tree once in its
// own order, and both must count the same.
func (d *db) Check(ctx context.Context) (found []string, err error) {
	err = d.View(ctx, func(r store.Reader) error {
		tables, err := names(ctx, r, `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename`)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if len(found) >= maxFound {
				return nil
			}
			says, err := checkTable(ctx, r, t)
			if err != nil {
				if !errors.Is(err, store.Damaged(nil, d.name)) {
					return err
				}
				// The snapshot is over after an error; what else is wrong shows after the repair.
				found = append(found, fmt.Sprintf("table %s: %v", t, err))
				return nil
			}
			found = append(found, says...)
		}
		return nil
	})
	return found, err
}

func names(ctx context.Context, r store.Reader, sql string, args ...any) (out []string, err error) {
	rs, err := r.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	for rs.Next() {
		var s string
		if err := rs.Scan(&s); err != nil {
			return nil, errors.Join(err, rs.Close())
		}
		out = append(out, s)
	}
	return out, errors.Join(rs.Err(), rs.Close())
}

func checkTable(ctx context.Context, r store.Reader, table string) (found []string, err error) {
	t := pgx.Identifier{table}.Sanitize()
	var rows, size int64
	if err := set(ctx, r, "enable_indexscan = off", "enable_indexonlyscan = off", "enable_seqscan = on", "enable_sort = on"); err != nil {
		return nil, err
	}
	err = r.QueryRow(ctx, `SELECT count(*), CAST(coalesce(sum(length(CAST(x AS TEXT))), 0) AS BIGINT) FROM `+t+` x`, nil, &rows, &size)
	if err != nil {
		return nil, err
	}
	if err := set(ctx, r, "enable_indexscan = on", "enable_indexonlyscan = on", "enable_seqscan = off", "enable_sort = off"); err != nil {
		return nil, err
	}
	columns, err := names(ctx, r, indexColumns, table)
	if err != nil {
		return nil, err
	}
	for _, list := range columns {
		var n int64
		if err := r.QueryRow(ctx, `SELECT count(*) FROM (SELECT `+list+` FROM `+t+` ORDER BY `+list+` OFFSET 0) x`, nil, &n); err != nil {
			return nil, err
		}
		if n != rows {
			found = append(found, fmt.Sprintf("table %s has %d rows, its index over %s has %d", table, rows, list, n))
		}
	}
	return found, nil
}

// indexColumns lists the columns of each whole B-tree over plain columns.
const indexColumns = `
	SELECT (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n)
	        FROM unnest(i.indkey) WITH ORDINALITY AS k (att, n)
	        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att
	        WHERE k.n <= i.indnkeyatts)
	FROM pg_index i
	JOIN pg_class c ON c.oid = i.indexrelid
	JOIN pg_am m ON m.oid = c.relam
	JOIN pg_class t ON t.oid = i.indrelid
	WHERE m.amname = 'btree' AND i.indexprs IS NULL AND i.indpred IS NULL
	  AND t.relname = $1 AND t.relnamespace = CAST(current_schema() AS regnamespace)
	ORDER BY c.relname`

func set(ctx context.Context, r store.Reader, settings ...string) error {
	for _, s := range settings {
		rs, err := r.Query(ctx, `SET LOCAL `+s)
		if err != nil {
			return err
		}
		if err := rs.Close(); err != nil {
			return err
		}
	}
	return nil
}
