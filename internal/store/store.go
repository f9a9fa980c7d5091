// Package store is the narrow floor between Insegel and its two engines.
//
// It owns what a database is (Engine, DB, Tx), how a change becomes durable (Committer) and how many
// databases are open at once (Pool). It knows no table of its own, no tenant, no key and no
// record: what a transaction starts and ends with is the Ledger's, which the audit room implements.
// The engines live in store/sqlite and store/postgres; store/storetest is the conformance suite that
// both must pass.
//
// One SQL text serves both engines, in PostgreSQL's style with $1 placeholders in ascending order of
// first use. docs/decisions has the list of traps.
package store

import (
	"context"
	"errors"
)

// Engine is a place where databases are: a folder of SQLite files, or a PostgreSQL cluster.
// Database names are ids made by the program ([a-z0-9_-], at most 60 bytes), never a person's words.
type Engine interface {
	// Dialect is "sqlite" or "postgres".
	Dialect() string
	// Create makes an empty database; it is no error if it exists. After return it survives a power cut.
	Create(ctx context.Context, name string) error
	// Exists tells whether there is such a database.
	Exists(ctx context.Context, name string) (bool, error)
	// Open opens an existing database, else a fault NotFound. It neither creates nor migrates.
	Open(ctx context.Context, name string) (DB, error)
	// Drop removes a database and its files for good. It must not be open.
	Drop(ctx context.Context, name string) error
	// List names all databases of this installation, sorted.
	List(ctx context.Context) ([]string, error)
	// Copy writes a consistent copy of a database, as of one moment, to a new file while it is in use:
	// what restoring needs (an SQLite file; for PostgreSQL a custom-format dump). The file is fsynced.
	Copy(ctx context.Context, name, file string) error
	// Load makes a new database from a file that Copy wrote. The name must not exist yet.
	Load(ctx context.Context, name, file string) error
	Close() error
}

// Looker is an Engine whose databases change by being opened after a crash, and that can be looked at before.
type Looker interface {
	// Look runs fn on a database that was left behind in such a state, without changing it; else it does nothing.
	Look(ctx context.Context, name string, fn func(Reader) error) error
}

// DB is one open database.
type DB interface {
	// View runs fn on a snapshot that does not change under it and cannot write
	// (PostgreSQL: REPEATABLE READ READ ONLY; SQLite: a deferred read transaction on a query-only connection).
	View(ctx context.Context, fn func(Reader) error) error
	// Peek reads without a snapshot over several statements: for one statement, which is its own. It spares the round trip
	// and the work of a transaction where every request asks one question.
	Peek(ctx context.Context, fn func(Reader) error) error
	// Begin opens a write transaction on the database's one writing connection. Only a Committer and
	// Migrate call it. ctx bounds the wait for the connection and the opening; the transaction itself runs
	// under the contexts of its own calls.
	Begin(ctx context.Context) (Tx, error)
	// Check asks the engine for faults of the file itself (SQLite: PRAGMA integrity_check and
	// foreign_key_check; PostgreSQL: every table and index read). It returns what it found in words, none if whole.
	Check(ctx context.Context) ([]string, error)
	Close() error
}

// Rows is a result being read; it has the shape of database/sql's.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// Reader reads. Column types are BIGINT, TEXT, BOOLEAN and BYTEA only: they scan into int64, string, bool, []byte
// and their pointers (for NULL).
type Reader interface {
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	// QueryRow scans the first row into dest; ErrNoRows where there is none.
	QueryRow(ctx context.Context, sql string, args []any, dest ...any) error
}

// Writer also writes.
type Writer interface {
	Reader
	// Exec runs a statement and tells how many rows it touched.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	// Put queues a statement whose result nobody needs. It is sent with the next Exec, Query or QueryRow,
	// or at the change's end, in order and in one round trip where the engine has round trips. Its error
	// comes out there and ends the change.
	Put(sql string, args ...any)
}

// Tx is an open write transaction, for Committer and Migrate only.
type Tx interface {
	Writer
	Flush(ctx context.Context) error // sends what Put queued
	Savepoint(ctx context.Context) error
	Release(ctx context.Context) error // flushes, then keeps what was done since Savepoint
	// ReleaseLater keeps it too, but what was Put may be sent with the next statement, of the next change even. If
	// it fails there, that statement's error is ErrEarlier and the transaction is lost.
	ReleaseLater() error
	RollbackTo(ctx context.Context) error // forgets what was done, and what was Put, since Savepoint
	// InTx asks the connection itself whether this transaction is still open.
	InTx(ctx context.Context) bool
	// Commit makes it durable. Any error or warning means: unknown whether it was committed
	// (ErrUncertain), unless the engine said for certain that it was not.
	Commit(ctx context.Context) error
	// Discard ends the transaction without committing and throws the connection away if it is not surely clean. It
	// never fails and may be called after Commit.
	Discard()
}

var (
	// ErrNoRows: the query had no row.
	ErrNoRows = errors.New("store: no rows")
	// ErrUncertain: the answer to COMMIT did not come, or came with a warning; look the record up.
	ErrUncertain = errors.New("store: unknown whether it was committed")
	// ErrClosed: the database was closed.
	ErrClosed = errors.New("store: closed")
)

// Ledger is what every transaction of a Committer starts and ends with.
type Ledger interface {
	// Lock is the transaction's first statement: it takes the tree head's row lock and returns its state.
	Lock(ctx context.Context, w Writer) (Head, error)
}

// Head is the tree head as locked in one transaction.
type Head interface {
	// Has tells whether a record with this id is in the log: a change whose commit was uncertain must not run twice.
	Has(ctx context.Context, r Reader, recordID string) (bool, error)
	// Append adds the records of one change. It runs inside the change's savepoint, so that a change and
	// its records stand or fall together; Undo forgets the appends since the last Mark.
	Append(ctx context.Context, w Writer, records []any) error
	Mark()
	Undo()
	// Write stores the new head, once, before COMMIT.
	Write(ctx context.Context, w Writer) error
	// Committed is told that the head is durable, before anybody is answered.
	Committed() error
}

// Change is one write to be committed.
type Change struct {
	// ID is the id of the change's first record, made before it runs. Empty for upkeep, which writes no record and must
	// therefore be harmless to run twice.
	ID string
	// Run does the work and returns the records to append. It runs under the committer's context, must
	// be able to run twice, and does no network, no password hashing and no files. Any error undoes it.
	Run func(ctx context.Context, w Writer) (records []any, err error)
}
