package visit

import (
	"context"
	"strconv"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// rewrapBatch is how many keys are wrapped anew in one transaction: others write between them.
const rewrapBatch = 500

// Rotate changes the tenant's epoch key: a new one in every place, every surviving key wrapped under it, the old one destroyed.
// What was erased before is from then on unreadable in every copy. It may be called again after a crash, and goes on.
func (v *Visit) Rotate(ctx context.Context, progress func(done, all int64)) error {
	if err := v.tenant.BeginRotation(); err != nil {
		return err
	}
	_, err := Update(ctx, v, func(w *Writer) (struct{}, error) {
		w.Set("epoch", strconv.FormatUint(v.tenant.NextEpoch(w.w), 10))
		return struct{}{}, nil
	})
	if err != nil {
		return err
	}
	all, err := v.tenant.KeyCount(ctx)
	done, after := int64(0), ""
	for err == nil {
		n, last := 0, ""
		err = v.tenant.Committer.Do(ctx, store.Change{Run: func(ctx context.Context, w store.Writer) (_ []any, err error) {
			last, n, err = v.tenant.RewrapSome(ctx, w, after, rewrapBatch)
			return nil, err
		}})
		after = last
		if done += int64(n); progress != nil {
			progress(min(done, all), all)
		}
		if err == nil && n == 0 {
			break
		}
	}
	if err != nil {
		return err
	}
	return v.tenant.FinishRotation(ctx)
}

// Follow lets the key of a thing that became part of another live as long as that other's: older copies still need it.
func (w *Writer) Follow(keyID string, other Key) { tenant.FollowKey(w.w, keyID, other.bound.ID) }

// Rotated tells when the epoch key was last changed (zero: never since the tenant was made), and whether a change was begun
// and not finished.
func (v *Visit) Rotated(ctx context.Context) (at time.Time, unfinished bool, err error) {
	err = v.tenant.DB.View(ctx, func(r store.Reader) error {
		for _, action := range []string{access.RotateKeys.Name(), "tenant.found"} {
			found, err := audit.OfAction(ctx, r, action, 0, 1)
			if err != nil || len(found) > 0 {
				if len(found) > 0 {
					at = found[0].At
				}
				return err
			}
		}
		return nil
	})
	return at, v.tenant.Ring().Next != 0, err
}

// Sweep removes sealed files that no row names, and says in the log of the program which rows lack theirs.
func (v *Visit) Sweep(ctx context.Context) error {
	removed, missing, err := v.tenant.Sweep(ctx, v.Now())
	for _, m := range missing {
		v.Logger().Error("file missing", "tenant", v.tenant.ID, "file", m)
	}
	if removed > 0 {
		v.Logger().Info("orphans swept", "tenant", v.tenant.ID, "files", removed)
	}
	return err
}
