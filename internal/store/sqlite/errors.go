package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"insegel/internal/store"
)

// explain gives the engine's error a kind, where it has one that somebody can act on.
func explain(err error, name string) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return fmt.Errorf("%w: %w", store.ErrUnique, err)
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return store.Full(err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return store.Damaged(err, name)
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY:
		return store.Disk(err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return store.Busy(err)
	case lib.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	return err
}
