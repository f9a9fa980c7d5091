package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"insegel/internal/fault"
	"insegel/internal/store"
)

// gone is what may pass with another connection: the server goes or comes, is full, or is a standby now.
// Codes: PostgreSQL documentation, appendix A.
var gone = []string{"08", "57P", "25P03", "25P04", "53300", "25006"}

func isGone(k string) bool {
	for _, g := range gone {
		if strings.HasPrefix(k, g) {
			return true
		}
	}
	return false
}

// away marks an error as the connection's, not the statement's.
func away(err error) error { return store.Away(fmt.Errorf("%w: %w", store.ErrLost, err)) }

// explain gives an error its meaning. c tells whether the connection outlived it.
func explain(err error, c *pgx.Conn, name string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok:
		return meaning(e, err, name)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case c == nil || c.IsClosed():
		return away(err)
	}
	return err
}

func meaning(e *pgconn.PgError, err error, name string) error {
	switch k := e.Code; {
	case k == uniqueViolation:
		return fmt.Errorf("%w: %w", store.ErrUnique, err)
	case isGone(k), k == "0A000" && strings.Contains(e.Message, "cached plan"):
		return away(err)
	case k == "53100":
		return store.Full(err)
	case k == "58030":
		return store.Disk(err)
	case k == "XX001", k == "XX002":
		return store.Damaged(err, name)
	case k == "57014", k == "55P03", k == "40001", k == "40P01", strings.HasPrefix(k, "53"):
		return store.Busy(err)
	case k == "42501", strings.HasPrefix(k, "28"):
		return fault.Because(err, fault.Unavailable, "fault.store.denied")
	}
	return err
}

// dialError is explain for a connection that did not come about. pgx's text names host, user and database, never
// the password.
func dialError(err error, name string) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	switch k := code(err); {
	case k == noSuchDatabase:
		return store.Missing(name)
	case k == "":
		return away(err)
	}
	return explain(err, nil, name)
}
