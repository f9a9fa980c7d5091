package web_test

import (
	"testing"

	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

// engine is the embedded one: for what does not touch the database in a way of its own.
func engine(t *testing.T) store.Engine {
	t.Helper()
	return storetest.SQLite(t)
}
