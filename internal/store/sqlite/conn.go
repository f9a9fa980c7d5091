package sqlite

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"insegel/internal/store"
)

// maxStatements bounds the prepared statements a connection keeps: about 10 kB each.
const maxStatements = 96

// conn is one connection. It is used by one goroutine at a time, under database/sql's driver level:
// what database/sql adds (a goroutine a pool, a lock and an allocation a call) is not needed here.
type conn struct {
	raw   driver.Conn
	name  string
	stmts map[string]*list.Element
	order *list.List // most recently used first
	open  *rows
}

type statement struct {
	sql string
	s   interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
}

// Pragmas is what holds for every connection, with a page cache of so many kilobytes. The power-cut simulation
// (store/powercut) runs under the same.
func Pragmas(cacheKB int) []string {
	return []string{
		"busy_timeout(5000)", "foreign_keys(1)", "synchronous(FULL)", "temp_store(MEMORY)", "mmap_size(0)",
		"trusted_schema(0)", "cache_size(-" + strconv.Itoa(cacheKB) + ")", "journal_size_limit(16777216)",
	}
}

// dsn names the file and what holds for every connection. mode=rw never creates: a missing file
// must not become an empty tenant.
func dsn(path string, write bool, cacheKB int) string {
	q := url.Values{"mode": {"rw"}, "_dqs": {"0"}, "_defensive": {"1"}}
	pragma := Pragmas(cacheKB)
	if !write {
		pragma = append(pragma, "query_only(1)")
	}
	q["_pragma"] = pragma
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

// connectRaw connects to a file that need not be as a database of ours should.
func connectRaw(path, name string) (*conn, error) { return dial(path, name, true, writeCacheKB) }

// connectToLook connects for reading only, as the file system sees it.
func connectToLook(path, name string) (*conn, error) {
	return dialAs(strings.Replace(dsn(path, false, readCacheKB), "mode=rw", "mode=ro", 1), name)
}

func dial(path, name string, write bool, cacheKB int) (*conn, error) {
	return dialAs(dsn(path, write, cacheKB), name)
}

func dialAs(dsn, name string) (*conn, error) {
	raw, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, explain(err, name)
	}
	return &conn{raw: raw, name: name, stmts: make(map[string]*list.Element), order: list.New()}, nil
}

func connect(path, name string, write bool, cacheKB int) (*conn, error) {
	c, err := dial(path, name, write, cacheKB)
	if err != nil {
		return nil, err
	}
	if err := c.verify(); err != nil {
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// verify reads the first page and holds the connection to what durability stands on: a pragma that
// did not take is silent.
func (c *conn) verify() error {
	var sync int64
	if err := c.row(context.Background(), "PRAGMA synchronous", nil, &sync); err != nil {
		return err
	}
	var mode string
	if err := c.row(context.Background(), "PRAGMA journal_mode", nil, &mode); err != nil {
		return err
	}
	if sync != 2 || mode != "wal" {
		return store.Damaged(fmt.Errorf("sqlite: synchronous=%d journal_mode=%s, want 2 and wal", sync, mode), c.name)
	}
	var n int64
	return c.row(context.Background(), "SELECT count(*) FROM sqlite_master", nil, &n)
}

func (c *conn) prepare(sql string) (*statement, error) {
	if e, ok := c.stmts[sql]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*statement), nil
	}
	s, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, err
	}
	st, ok := s.(interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	})
	if !ok {
		return nil, errors.New("sqlite: the driver's statement lacks a method")
	}
	if c.order.Len() >= maxStatements {
		old := c.order.Remove(c.order.Back()).(*statement)
		delete(c.stmts, old.sql)
		if err := old.s.Close(); err != nil {
			return nil, err
		}
	}
	v := &statement{sql: sql, s: st}
	c.stmts[sql] = c.order.PushFront(v)
	return v, nil
}

func (c *conn) start(ctx context.Context, sql string, args []any) (*statement, []driver.NamedValue, error) {
	if c.open != nil {
		return nil, nil, store.ErrRowsOpen
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	named, err := bind(args)
	if err != nil {
		return nil, nil, err
	}
	st, err := c.prepare(store.For(Dialect, sql))
	if err != nil {
		return nil, nil, explain(err, c.name)
	}
	return st, named, nil
}

func bind(args []any) ([]driver.NamedValue, error) {
	vals, err := store.Args(args)
	if err != nil {
		return nil, err
	}
	named := make([]driver.NamedValue, len(vals))
	for i, v := range vals {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named, nil
}

// exec never lets a context interrupt a statement that has begun: on this engine an interrupted write
// may roll back the whole transaction, and the next savepoint would run outside one.
func (c *conn) exec(ctx context.Context, sql string, args []any) (int64, error) {
	st, named, err := c.start(ctx, sql, args)
	if err != nil {
		return 0, err
	}
	res, err := st.s.ExecContext(context.Background(), named)
	if err != nil {
		return 0, explain(err, c.name)
	}
	n, err := res.RowsAffected()
	return n, explain(err, c.name)
}

// query runs under interrupt, which is ctx for readers and the background for the writer.
func (c *conn) query(ctx, interrupt context.Context, sql string, args []any) (*rows, error) {
	st, named, err := c.start(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	dr, err := st.s.QueryContext(interrupt, named)
	if err != nil {
		return nil, explain(err, c.name)
	}
	c.open = &rows{c: c, ctx: interrupt, r: dr, vals: make([]driver.Value, len(dr.Columns()))}
	return c.open, nil
}

func (c *conn) row(ctx context.Context, sql string, args []any, dest ...any) error {
	return c.rowUnder(ctx, context.Background(), sql, args, dest)
}

func (c *conn) rowUnder(ctx, interrupt context.Context, sql string, args []any, dest []any) error {
	r, err := c.query(ctx, interrupt, sql, args)
	if err != nil {
		return err
	}
	if !r.Next() {
		return errors.Join(orNoRows(r.Err()), r.Close())
	}
	err = r.Scan(dest...)
	return errors.Join(err, r.Close())
}

func orNoRows(err error) error {
	if err == nil {
		return store.ErrNoRows
	}
	return err
}

// simple runs one of the program's own statements without arguments.
func (c *conn) simple(sql string) error {
	_, err := c.exec(context.Background(), sql, nil)
	return err
}

// inTx asks the connection: a BEGIN inside a transaction is refused, outside it is not (and taken back).
func (c *conn) inTx() bool {
	c.closeRows()
	if c.simple("BEGIN") == nil {
		_ = c.simple("ROLLBACK")
		return false
	}
	return true
}

func (c *conn) closeRows() {
	if c.open != nil {
		_ = c.open.Close()
	}
}

func (c *conn) close() error {
	c.closeRows()
	var err error
	for e := c.order.Front(); e != nil; e = e.Next() {
		err = errors.Join(err, e.Value.(*statement).s.Close())
	}
	return errors.Join(err, c.raw.Close())
}

type rows struct {
	c    *conn
	ctx  context.Context
	r    driver.Rows
	vals []driver.Value
	err  error
}

func (r *rows) Next() bool {
	if r.c == nil || r.err != nil {
		return false
	}
	if r.err = r.ctx.Err(); r.err != nil {
		return false
	}
	err := r.r.Next(r.vals)
	if err == nil {
		return true
	}
	if !errors.Is(err, io.EOF) {
		r.err = explain(err, r.c.name)
	}
	if cerr := r.Close(); r.err == nil {
		r.err = cerr
	}
	return false
}

func (r *rows) Scan(dest ...any) error {
	if len(dest) != len(r.vals) {
		return fmt.Errorf("store: %d columns scanned into %d", len(r.vals), len(dest))
	}
	for i, d := range dest {
		if err := store.ScanValue(d, r.vals[i]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *rows) Err() error { return r.err }

func (r *rows) Close() error {
	if r.c == nil {
		return nil
	}
	c := r.c
	c.open, r.c = nil, nil
	if err := r.r.Close(); err != nil && r.err == nil { // reset repeats the error of the last step
		return explain(err, c.name)
	}
	return nil
}
