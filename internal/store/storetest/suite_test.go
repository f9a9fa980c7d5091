package storetest

import (
	"testing"

	"insegel/internal/store"
)

func TestSQLite(t *testing.T) {
	Run(t, func(t *testing.T) store.Engine { return SQLite(t) })
}

func TestPostgres(t *testing.T) {
	Run(t, func(t *testing.T) store.Engine {
		e := Postgres(t)
		if e == nil {
			t.Skip("absent: initdb (PostgreSQL's server)")
		}
		return e
	})
}
