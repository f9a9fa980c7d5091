package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"insegel/internal/fault"
)

var (
	// ErrLost: the connection went away and the transaction with it; COMMIT had not been sent, so nothing was
	// committed and the same may be tried again.
	ErrLost = errors.New("store: connection lost")
	// ErrUnique: a primary key or unique index forbids the row.
	ErrUnique = errors.New("store: exists already")
	// ErrRowsOpen: one connection reads one result at a time, in both engines; close it before the next statement.
	ErrRowsOpen = errors.New("store: a result is still open")
	// ErrFailed: an earlier statement failed and ended the change, in both engines.
	ErrFailed = errors.New("store: an earlier statement of this change failed")
	// ErrEarlier: a statement failed that belongs to an earlier change (see Tx.ReleaseLater).
	ErrEarlier = errors.New("store: an earlier change failed")
	// ErrControl: a change may not begin, end or nest the transaction it runs in.
	ErrControl = errors.New("store: the transaction is the committer's")
	// ErrOver: a Reader or Writer was used after the function that was given it returned.
	ErrOver = errors.New("store: used after its transaction ended")
)

// Full is the fault of a full disk.
func Full(err error) error { return fault.Because(err, fault.Unavailable, "fault.store.full") }

// Damaged is the fault of a file that is not a whole database. Kind Internal: no waiting mends it.
func Damaged(err error, name string) error {
	return fault.Because(err, fault.Internal, "fault.store.damaged", "name", name)
}

// Disk is the fault of a disk that refuses to read or write.
func Disk(err error) error { return fault.Because(err, fault.Unavailable, "fault.store.disk") }

// Away is the fault of an engine that cannot be reached, where nothing was committed.
func Away(err error) error { return fault.Because(err, fault.Unavailable, "fault.store.away") }

// Busy is the fault of a queue or a cap that is full.
func Busy(err error) error { return fault.Because(err, fault.Unavailable, "fault.store.busy") }

// Uncertain is the fault of a change that may have been committed while the engine is away: the only
// answer that is neither "saved" nor "not saved".
func Uncertain(err error) error {
	return fault.Because(err, fault.Unavailable, "fault.store.uncertain")
}

// Missing is the fault of a database that is not there.
func Missing(name string) error {
	return fault.New(fault.NotFound, "fault.store.missing", "name", name)
}

// Exists is the fault of a database that should not have been there yet.
func Exists(name string) error { return fault.New(fault.Conflict, "fault.store.exists", "name", name) }

const maxName = 60

// CheckName refuses what is not a database name ([a-z0-9_-], 1 to 60 bytes), so that no name can leave
// its folder or its quotes.
func CheckName(name string) error {
	ok := len(name) > 0 && len(name) <= maxName
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
	}
	if !ok {
		return fault.Because(fmt.Errorf("store: database name %q", name), fault.Invalid, "fault.store.name")
	}
	return nil
}

// pause waits, or less if the context ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
