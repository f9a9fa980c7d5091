// Package postgres is the grown engine: one PostgreSQL database a database, through pgx, natively.
//
// It owns connections (a cap for the whole node, for each database at most one that writes), what is sent
// in one round trip, what the server's errors mean, and pg_dump/pg_restore. It does not own tables,
// roles or the server's settings; what durability needs of them (synchronous_commit) is set on each connection.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"insegel/internal/fault"
	"insegel/internal/store"
)

// Dialect is this engine's name.
const Dialect = "postgres"

const (
	// maxIdentifier: PostgreSQL silently cuts longer names (NAMEDATALEN 64), and two tenants would be one.
	maxIdentifier = 63
	// partial begins the name of a database that is being loaded; no name of ours has a ~.
	partial = "~"
	dialing = 5 * time.Second
)

// Options of an Engine. Zero values take the defaults.
type Options struct {
	Logger      *slog.Logger
	MaxConns    int           // connections of this node at most: 40
	PerDatabase int           // of them for one database at most, one of which writes: 8
	Wait        time.Duration // waited for a connection at most: 5 s
	BinDir      string        // where pg_dump and pg_restore are; found if empty
}

// Engine is the databases of one installation on one cluster: those whose names begin with the name of the URL's
// database and an underscore.
type Engine struct {
	conf   *pgx.ConnConfig
	url    *url.URL // without password
	prefix string
	opts   Options
	log    *slog.Logger
	slots  chan struct{} // one token a connection

	mu      sync.Mutex
	idle    []*conn // oldest first
	waiting int
	open    map[string]int
	admin   sync.Mutex // one administrative connection at a time, beside the cap
}

// New makes an engine from a URL (postgres://user:password@host:port/name?sslmode=…) and sees that the server
// answers and lets the user create databases.
func New(ctx context.Context, address string, opts Options) (*Engine, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		// The address holds a password: it is not repeated, and neither is the parser's error.
		return nil, fault.New(fault.Invalid, "fault.store.address")
	}
	conf, err := pgx.ParseConfig(address)
	if err != nil || conf.Database == "" {
		return nil, fault.New(fault.Invalid, "fault.store.address")
	}
	e := newEngine(conf, u, opts)
	err = e.asAdmin(ctx, func(c *pgx.Conn) error {
		var may bool
		if err := c.QueryRow(ctx, `SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&may); err != nil {
			return err
		}
		if !may {
			return fault.New(fault.Unavailable, "fault.store.denied")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

func newEngine(conf *pgx.ConnConfig, u *url.URL, opts Options) *Engine {
	opts.MaxConns = def(opts.MaxConns, 40)
	opts.PerDatabase = max(def(opts.PerDatabase, 8), 2)
	if opts.Wait <= 0 {
		opts.Wait = 5 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	bare := *u
	if u.User != nil {
		bare.User = url.User(u.User.Username())
	}
	conf.ConnectTimeout = dialing
	conf.StatementCacheCapacity = 256
	for k, v := range map[string]string{
		"application_name": "insegel", "client_encoding": "UTF8", "timezone": "UTC",
		"synchronous_commit":                  "on",    // never remote_write or off, whatever the role's default is
		"default_transaction_read_only":       "on",    // a writer says READ WRITE
		"idle_in_transaction_session_timeout": "60000", // of readers; a writer's is 5 s
		"statement_timeout":                   "30000", // a lost plan must not hold the tenant's one writer
		"lock_timeout":                        "10000",
		// Every statement here walks an index and stops early. Before the first ANALYZE of a new tenant the planner took
		// the same page for a sort over a hash of all cases: 53 ms instead of 1 for 50 of 10,000 (docs/decisions/0001).
		"enable_sort": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
		// Statements are constants, so their plans are too: planning the list took 1.7 ms, running it 0.5.
		"plan_cache_mode": "force_generic_plan",
	} {
		conf.RuntimeParams[k] = v
	}
	return &Engine{
		conf: conf, url: &bare, prefix: conf.Database + "_", opts: opts, log: opts.Logger,
		slots: make(chan struct{}, opts.MaxConns), open: make(map[string]int),
	}
}

func def(n, d int) int {
	if n <= 0 {
		return d
	}
	return n
}

// Dialect implements store.Engine.
func (e *Engine) Dialect() string { return Dialect }

// Close implements store.Engine: idle connections are closed.
func (e *Engine) Close() error {
	e.mu.Lock()
	idle := e.idle
	e.idle = nil
	e.mu.Unlock()
	for _, c := range idle {
		e.hangUp(c)
	}
	return nil
}

func (e *Engine) database(name string) (string, error) {
	if err := store.CheckName(name); err != nil {
		return "", err
	}
	full := e.prefix + name
	if len(e.prefix+partial+name) > maxIdentifier {
		return "", fault.Because(fmt.Errorf("postgres: %q is too long", full), fault.Invalid, "fault.store.name")
	}
	return full, nil
}

func ident(s string) string { return pgx.Identifier{s}.Sanitize() }

// asAdmin runs fn on a connection to the URL's database, or to "postgres" where that is absent.
func (e *Engine) asAdmin(ctx context.Context, fn func(*pgx.Conn) error) error {
	e.admin.Lock()
	defer e.admin.Unlock()
	conf := e.conf.Copy()
	conf.RuntimeParams["statement_timeout"] = "120000" // CREATE DATABASE copies files
	conf.RuntimeParams["default_transaction_read_only"] = "off"
	c, err := pgx.ConnectConfig(ctx, conf)
	if code(err) == noSuchDatabase {
		conf.Database = "postgres"
		c, err = pgx.ConnectConfig(ctx, conf)
	}
	if err != nil {
		return dialError(err, conf.Database)
	}
	defer shut(c)
	if err := fn(c); err != nil {
		return explain(err, c, conf.Database)
	}
	return nil
}

func shut(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

// Exists implements store.Engine.
func (e *Engine) Exists(ctx context.Context, name string) (there bool, err error) {
	full, err := e.database(name)
	if err != nil {
		return false, err
	}
	err = e.asAdmin(ctx, func(c *pgx.Conn) error { return exists(ctx, c, full, &there) })
	return there, err
}

func exists(ctx context.Context, c *pgx.Conn, full string, there *bool) error {
	return c.QueryRow(ctx, `SELECT count(*) > 0 FROM pg_database WHERE datname = $1`, full).Scan(there)
}

// Create implements store.Engine.
func (e *Engine) Create(ctx context.Context, name string) error {
	full, err := e.database(name)
	if err != nil {
		return err
	}
	return e.asAdmin(ctx, func(c *pgx.Conn) error {
		var there bool
		if err := exists(ctx, c, full, &there); err != nil || there {
			return err
		}
		err := create(ctx, c, full)
		if k := code(err); k == duplicateDatabase || k == uniqueViolation { // another node was quicker
			return nil
		}
		return err
	})
}

// create makes a database whose order of text is the bytes', as SQLite's is, and that no other role may enter.
func create(ctx context.Context, c *pgx.Conn, full string) error {
	if _, err := c.Exec(ctx, `CREATE DATABASE `+ident(full)+` LOCALE 'C' ENCODING 'UTF8' TEMPLATE template0`); err != nil {
		return err
	}
	_, err := c.Exec(ctx, `REVOKE ALL ON DATABASE `+ident(full)+` FROM PUBLIC`)
	return err
}

// Open implements store.Engine.
func (e *Engine) Open(ctx context.Context, name string) (store.DB, error) {
	full, err := e.database(name)
	if err != nil {
		return nil, err
	}
	d := newDB(e, name, full)
	c, _, err := e.get(ctx, d)
	if err != nil {
		return nil, err
	}
	e.put(c)
	e.mu.Lock()
	e.open[name]++
	e.mu.Unlock()
	return d, nil
}

func (e *Engine) forget(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open[name]--; e.open[name] <= 0 {
		delete(e.open, name)
	}
}

// Drop implements store.Engine. Sessions of other nodes are ended: what is dropped is dropped everywhere.
func (e *Engine) Drop(ctx context.Context, name string) error {
	full, err := e.database(name)
	if err != nil {
		return err
	}
	e.mu.Lock()
	inUse := e.open[name] > 0
	e.mu.Unlock()
	if inUse {
		return fault.New(fault.Conflict, "fault.store.open", "name", name)
	}
	return e.asAdmin(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, `DROP DATABASE IF EXISTS `+ident(full)+` WITH (FORCE)`)
		return err
	})
}

// List implements store.Engine.
func (e *Engine) List(ctx context.Context) (names []string, err error) {
	err = e.asAdmin(ctx, func(c *pgx.Conn) error {
		rs, err := c.Query(ctx, `SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY datname COLLATE "C"`, e.prefix)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rs, pgx.RowTo[string])
		for _, full := range all {
			if n := strings.TrimPrefix(full, e.prefix); store.CheckName(n) == nil {
				names = append(names, n)
			}
		}
		return err
	})
	return names, err
}

const (
	noSuchDatabase    = "3D000"
	duplicateDatabase = "42P04"
	uniqueViolation   = "23505"
)

func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
