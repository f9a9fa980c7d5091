package visit

import (
	"context"
	"encoding/json"
	"errors"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
)

// Line is a record of the log as a person may read it in this visit.
type Line struct {
	audit.Entry
	Address       string               // where from; empty where none was noted or it is not this reader's to see
	AddressErased bool                 // the day's key is gone, as promised (D4)
	Changes       map[string][2]string // sealed fields, before and after
	ChangesErased bool                 // the thing's key is gone
}

// Log reads the records of one case, newest first, below a sequence number (0: from the newest).
func (r *Reader) Log(ctx context.Context, caseNo, below int64, limit int) ([]Line, error) {
	entries, err := audit.OfCase(ctx, r.s, caseNo, below, limit)
	return r.lines(ctx, entries, err)
}

// LogOf reads the records of one action, newest first: lists that showed a case's subject are found this way.
func (r *Reader) LogOf(ctx context.Context, a access.Action, below int64, limit int) ([]Line, error) {
	entries, err := audit.OfAction(ctx, r.s, a.Name(), below, limit)
	return r.lines(ctx, entries, err)
}

func (r *Reader) lines(ctx context.Context, entries []audit.Entry, err error) ([]Line, error) {
	all := make([]Line, len(entries))
	for i := range entries {
		l := &all[i]
		l.Entry = entries[i]
		var origin map[string]string
		if l.AddressErased, err = r.part(ctx, entries[i].ID, "origin", l.Origin, &origin); err != nil {
			return nil, err
		}
		l.Address = origin["address"]
		if l.ChangesErased, err = r.part(ctx, entries[i].ID, "change", l.Change, &l.Changes); err != nil {
			return nil, err
		}
	}
	return all, err
}

// part opens what lies beside a leaf, where the visit's purposes allow it.
func (r *Reader) part(ctx context.Context, recordID, column string, p audit.Part, into any) (erased bool, err error) {
	if p.Commit == nil {
		return false, nil
	}
	k, err := r.Key(ctx, p.Key, "")
	if f := (&fault.Error{}); errors.As(err, &f) && f.Kind == fault.NotFound {
		return f.Key == "fault.seal.erased", nil
	}
	if err != nil {
		return false, err
	}
	b, err := k.Open("record", column, recordID, p.Sealed)
	if err != nil || len(b) < audit.SaltSize {
		return false, err
	}
	return false, json.Unmarshal(b[audit.SaltSize:], into)
}
