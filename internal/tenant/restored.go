package tenant

import (
	"bytes"
	"context"
	"errors"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/store"
)

// EachKey gives all wrapped keys of a database, in the order of their ids.
func EachKey(ctx context.Context, r store.Reader, fn func(KeyRow) error) error {
	for last := ""; ; {
		page, err := keyPage(ctx, r, last)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, k := range page {
			if err := fn(k); err != nil {
				return err
			}
		}
		last = page[len(page)-1].ID
	}
}

func keyPage(ctx context.Context, r store.Reader, after string) ([]KeyRow, error) {
	rows, err := r.Query(ctx, sqlKeysAfter, after, 1000)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []KeyRow
	for rows.Next() {
		var k KeyRow
		var epoch int64
		if err := rows.Scan(&k.ID, &k.Kind, &k.Purpose, &epoch, &k.Wrapped); err != nil {
			return nil, err
		}
		k.Epoch = uint64(epoch) // #nosec G115 -- epochs count up from 1
		page = append(page, k)
	}
	return page, rows.Err()
}

// Changed tells what Renew did with the keys of a restored database.
type Changed struct {
	Kept    int64 // opened under the present epoch key
	Erased  int64 // the newest copy has them no more: what they sealed stays erased
	Renewed int64 // of Kept: the newest copy had a newer wrapping
}

// Renew makes a database that was loaded from a backup fit to be opened: its wrapped keys are those of the newest copy there is,
// and what that one lacks is removed; its jobs are stopped, its sessions ended. It runs before anybody has opened
// the database, in a transaction of its own.
func Renew(ctx context.Context, db store.DB, newest map[string]KeyRow, now time.Time) (c Changed, err error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return c, err
	}
	defer tx.Discard()
	for last := ""; ; {
		page, err := keyPage(ctx, tx, last)
		if err != nil {
			return c, err
		}
		if len(page) == 0 {
			break
		}
		for _, k := range page {
			c.renew(tx, k, newest)
		}
		last = page[len(page)-1].ID
	}
	jobs.HoldAll(tx)
	access.ExpireSessions(tx, now.AddDate(1000, 0, 0), access.DefaultLimits())
	if err := tx.Flush(ctx); err != nil {
		return c, err
	}
	return c, tx.Commit(ctx)
}

func (c *Changed) renew(w store.Writer, old KeyRow, newest map[string]KeyRow) {
	k, there := newest[old.ID]
	switch {
	case !there || k.Kind != old.Kind || k.Purpose != old.Purpose:
		DestroyKey(w, old.ID)
		c.Erased++
	case k.Epoch != old.Epoch || !bytes.Equal(k.Wrapped, old.Wrapped):
		w.Put(sqlKeyRewrap, int64(k.Epoch), k.Wrapped, k.ID, int64(old.Epoch)) // #nosec G115
		c.Renewed++
		c.Kept++
	default:
		c.Kept++
	}
}

// Adopt gives a database without a mark its mark, after its whole log was proved, also against the signed checkpoints that are
// given. It is for what was restored, and for a mark that was lost; with an old mark it is for a past that is knowingly
// given up. The tenant must not be open.
func (h *House) Adopt(ctx context.Context, tenantID string, given [][]byte) (report *audit.Report, err error) {
	if err := h.pool.Evict(ctx, tenantID); err != nil {
		return nil, err
	}
	db, err := h.engine.Open(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	t := &Tenant{ID: tenantID, DB: db, house: h}
	signer, err := t.signer(ctx)
	if err != nil {
		return nil, err
	}
	var against []audit.Checkpoint
	for _, signed := range given {
		c, err := signer.Open(signed)
		if err != nil {
			return nil, err
		}
		against = append(against, c)
	}
	log := audit.NewLog(tenantID, signer, nil)
	err = db.View(ctx, func(r store.Reader) (err error) {
		report, err = log.Verify(ctx, r, t.Opener(ctx, r), against, nil)
		return err
	})
	if err != nil || len(report.Faults) > 0 {
		return report, err
	}
	return report, h.freshMark(ctx, t, signer)
}

// signer reads the tenant's keys as opening it does.
func (t *Tenant) signer(ctx context.Context) (*audit.Signer, error) {
	if _, _, err := store.Migrate(ctx, t.house.engine.Dialect(), t.DB, t.house.migrations); err != nil {
		return nil, err
	}
	if err := t.reload(); err != nil {
		return nil, err
	}
	var s *audit.Signer
	err := t.DB.View(ctx, func(r store.Reader) (err error) {
		s, err = t.signerOf(ctx, r)
		return err
	})
	return s, err
}

func (t *Tenant) signerOf(ctx context.Context, r store.Reader) (*audit.Signer, error) {
	row, err := GetKey(ctx, r, KeyLog)
	if err != nil {
		return nil, fault.Because(err, fault.Conflict, "fault.log.damaged", "tenant", t.ID, "what", "key "+KeyLog)
	}
	k, err := t.Unwrap(row)
	if err != nil {
		return nil, err
	}
	return audit.NewSigner(t.ID, k.Derive("log signing seed"))
}

// freshMark replaces the mark by one of the present head.
func (h *House) freshMark(ctx context.Context, t *Tenant, s *audit.Signer) error {
	if err := audit.EndMark(h.marks, t.ID); err != nil {
		return err
	}
	mark, _, err := audit.OpenMark(h.marks, t.ID, s)
	if err != nil {
		return err
	}
	log := audit.NewLog(t.ID, s, mark)
	err = t.DB.View(ctx, func(r store.Reader) error { return log.AcceptPresent(ctx, r) })
	return errors.Join(err, mark.Close())
}
