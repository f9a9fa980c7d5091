package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"insegel/internal/fault"
)

// Migration is one step of a schema. Numbers ascend from 1 without gaps and a step is never changed once
// released.
type Migration struct {
	Number int64
	Name   string
	SQL    string // one or more statements for both engines
	// SQLite and Postgres replace SQL on their engine where it must differ.
	SQLite   string
	Postgres string
}

func (m Migration) text(dialect string) string {
	switch {
	case dialect == "sqlite" && m.SQLite != "":
		return m.SQLite
	case dialect == "postgres" && m.Postgres != "":
		return m.Postgres
	}
	return m.SQL
}

const (
	createVersion = `CREATE TABLE IF NOT EXISTS schema_version (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)`
	readVersion   = `SELECT coalesce(max(number), 0) FROM schema_version`
	writeVersion  = `INSERT INTO schema_version (number, name) VALUES ($1, $2)`
)

// Two nodes that migrate at once: SQLite's BEGIN IMMEDIATE lets one in; PostgreSQL needs a lock, since CREATE
// TABLE IF NOT EXISTS itself can collide.
var (
	lockSchema = Differ(`SELECT 1`, `SELECT pg_advisory_xact_lock(76913117)`)
	hasVersion = Differ(
		`SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'`,
		`SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version'`)
)

// migrateTries bounds what a lost connection costs a start.
const migrateTries = 5

// Migrate brings a database to the newest schema of the list, each step in a transaction of its own, and
// tells the number it was at and is at. A schema newer than the list is refused and nothing is touched.
// Several nodes may do it at once.
func Migrate(ctx context.Context, dialect string, db DB, list []Migration) (from, to int64, err error) {
	for i, m := range list {
		if m.Number != int64(i+1) {
			return 0, 0, fmt.Errorf("store: migration %d (%s) should be number %d", m.Number, m.Name, i+1)
		}
	}
	newest := int64(len(list))
	if from, err = schemaVersion(ctx, db); err != nil {
		return 0, 0, err
	}
	to = from
	for tries := 0; to != newest; {
		if to > newest {
			return from, to, NewerSchema(to, newest)
		}
		at, err := migrateOne(ctx, dialect, db, list)
		if (errors.Is(err, ErrUncertain) || errors.Is(err, ErrLost)) && tries < migrateTries {
			tries++
			pause(ctx, 200*time.Millisecond<<tries)
			if at, err = schemaVersion(ctx, db); errors.Is(err, ErrLost) {
				continue
			}
		}
		if err != nil {
			return from, to, err
		}
		to = at
	}
	return from, to, nil
}

// Version reads the number of a database's schema; 0 is an empty database.
func Version(ctx context.Context, db DB) (int64, error) { return schemaVersion(ctx, db) }

func schemaVersion(ctx context.Context, db DB) (n int64, err error) {
	err = db.View(ctx, func(r Reader) (err error) {
		n, err = VersionOf(ctx, r)
		return err
	})
	return n, err
}

// VersionOf is Version for who reads already.
func VersionOf(ctx context.Context, r Reader) (n int64, err error) {
	var there int64
	if err := r.QueryRow(ctx, hasVersion, nil, &there); err != nil || there == 0 {
		return 0, err
	}
	return n, r.QueryRow(ctx, readVersion, nil, &n)
}

// NewerSchema is the fault of a schema that this program does not know.
func NewerSchema(have, know int64) error {
	return fault.New(fault.Conflict, "fault.store.newer_schema", "have", have, "know", know)
}

// migrateOne applies the step that is next under the lock, if there is one, and tells where the schema then is.
func migrateOne(ctx context.Context, dialect string, db DB, list []Migration) (int64, error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Discard()
	if _, err := tx.Exec(ctx, lockSchema); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, createVersion); err != nil {
		return 0, err
	}
	var at int64
	if err := tx.QueryRow(ctx, readVersion, nil, &at); err != nil {
		return 0, err
	}
	if at >= int64(len(list)) {
		return at, nil
	}
	m := list[at]
	for _, sql := range Statements(m.text(dialect)) {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return 0, fmt.Errorf("migration %d (%s): %w", m.Number, m.Name, err)
		}
	}
	if _, err := tx.Exec(ctx, writeVersion, m.Number, m.Name); err != nil {
		return 0, err
	}
	return m.Number, tx.Commit(ctx)
}
