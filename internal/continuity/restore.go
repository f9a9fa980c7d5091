package continuity

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"insegel/internal/fault"
	"insegel/internal/seal"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Target is the new installation that a backup is loaded into. Its places hold the newest epoch keys already.
type Target struct {
	Engine store.Engine
	Places *seal.Places
	House  *tenant.House
	Files  string // folder of sealed files
	Known  int64  // newest schema that this program knows
	Now    time.Time
}

// Restored is what became of one tenant.
type Restored struct {
	ID       string
	Keys     tenant.Changed
	KeysFrom string // the file that had the newest keys
	Records  int64
	Files    int
}

// Load loads a whole backup. Nothing of it is believed: each file is held against the manifest's digest before it is used, each
// log is proved whole against the checkpoint that was signed when it was copied, and only then does the tenant get a
// mark with which it may be opened. newest are folders of wrapped keys; of each tenant the newest file counts.
func Load(ctx context.Context, backup string, to Target, newest []string, progress Progress) (*Manifest, []Restored, error) {
	m, _, err := readManifest(backup)
	if err != nil {
		return nil, nil, err
	}
	if m.Engine != to.Engine.Dialect() {
		return nil, nil, fault.New(fault.Conflict, "fault.restore.engine", "was", m.Engine, "is", to.Engine.Dialect())
	}
	if int64(m.Schema) > to.Known {
		return nil, nil, fault.New(fault.Conflict, "fault.store.newer_schema", "have", m.Schema, "know", to.Known)
	}
	if there, err := to.Engine.List(ctx); err != nil || len(there) > 0 {
		if err == nil {
			err = fault.New(fault.Conflict, "fault.restore.databases", "count", len(there))
		}
		return nil, nil, err
	}
	var all []Restored
	for i, t := range m.Tenants {
		r, err := to.load(ctx, backup, t, newest)
		if err != nil {
			return m, all, errors.Join(err, to.drop(ctx, m))
		}
		all = append(all, r)
		if progress != nil {
			progress(int64(i+1), int64(len(m.Tenants)))
		}
	}
	return m, all, nil
}

// drop takes back what was loaded: the databases were not there before.
func (to Target) drop(ctx context.Context, m *Manifest) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, t := range m.Tenants {
		errs = append(errs, to.House.Evict(ctx, t.ID), to.Engine.Drop(ctx, t.ID))
	}
	return errors.Join(errs...)
}

func (to Target) load(ctx context.Context, backup string, t Tenant, newest []string) (r Restored, err error) {
	r.ID = t.ID
	for _, p := range []Piece{t.Database, t.Keys, t.List} {
		if err := p.same(ctx, backup); err != nil {
			return r, err
		}
	}
	wrapped, from, err := newestKeys(t.ID, append([]string{filepath.Join(backup, keys)}, newest...))
	if err != nil {
		return r, err
	}
	r.KeysFrom = from
	if err := to.openable(t.ID, wrapped); err != nil {
		return r, err
	}
	if err := to.Engine.Load(ctx, t.ID, filepath.Join(backup, t.Database.Path)); err != nil {
		return r, err
	}
	db, err := to.Engine.Open(ctx, t.ID)
	if err != nil {
		return r, err
	}
	r.Keys, err = tenant.Renew(ctx, db, wrapped, to.Now)
	if err := errors.Join(err, db.Close()); err != nil {
		return r, err
	}
	if err := to.files(ctx, backup, t); err != nil {
		return r, err
	}
	r.Files = t.Files
	report, err := to.House.Adopt(ctx, t.ID, [][]byte{[]byte(t.Checkpoint)})
	if err != nil {
		return r, err
	}
	if len(report.Faults) > 0 {
		return r, fault.Because(errors.New(report.Faults[0]), fault.Conflict, "fault.restore.log", "tenant", t.ID, "what", report.Faults[0])
	}
	if report.Records > t.Records {
		return r, fault.New(fault.Conflict, "fault.restore.log", "tenant", t.ID, "what", "it has more records than when it was copied")
	}
	r.Records = report.Records
	return r, nil
}

// same holds a piece against its digest.
func (p Piece) same(ctx context.Context, backup string) error {
	path := filepath.Join(backup, p.Path)
	sum, size, err := digestFile(ctx, path)
	if err == nil && (sum != p.SHA256 || size != p.Size) {
		err = errors.New("its digest is another")
	}
	if err != nil {
		return fault.Because(err, fault.Conflict, "fault.backup.damaged", "file", path)
	}
	return nil
}

// newestKeys reads the newest file of a tenant's wrapped keys among folders, the backup's own being the first. A file that is
// not there is passed over; one that cannot be read is not: it may be the one that knows what was erased.
func newestKeys(tenantID string, folders []string) (map[string]tenant.KeyRow, string, error) {
	var best keysHead
	from := ""
	for _, folder := range folders {
		path := filepath.Join(folder, tenantID+".keys")
		h, err := readHead(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", fault.Because(err, fault.Conflict, "fault.backup.damaged", "file", path)
		}
		if from == "" || !best.newer(h) { // of two that seem alike the later folder: the living installation comes last
			best, from = h, path
		}
	}
	_, all, err := readKeys(from, tenantID)
	return all, from, err
}

// openable sees that the keys are wrapped under an epoch key that there is: an older one was destroyed.
func (to Target) openable(tenantID string, wrapped map[string]tenant.KeyRow) error {
	ring, err := to.Places.Load(tenantID)
	if err != nil {
		return err
	}
	for _, k := range wrapped {
		if k.Epoch < ring.Current {
			return fault.New(fault.Conflict, "fault.restore.keys_old", "tenant", tenantID, "have", k.Epoch, "want", ring.Current)
		}
	}
	return nil
}

// files copies the sealed files, each held against its digest while it is copied.
func (to Target) files(ctx context.Context, backup string, t Tenant) error {
	made := map[string]bool{}
	err := eachListed(backup, t, func(sum, path string) error {
		into := filepath.Join(to.Files, filepath.FromSlash(path[len(files)+1:]))
		if dir := filepath.Dir(into); !made[dir] {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			made[dir] = true
		}
		got, _, err := copyFile(ctx, filepath.Join(backup, path), into)
		if errors.Is(err, os.ErrNotExist) || err == nil && got != sum {
			return fault.Because(err, fault.Conflict, "fault.backup.damaged", "file", filepath.Join(backup, path))
		}
		return err
	})
	if err == nil && len(made) > 0 {
		err = syncTree(filepath.Join(to.Files, t.ID))
	}
	return disk(err, to.Files)
}

// ExportKeys writes the wrapped keys of all databases of an engine into a folder, and tells of which it could not.
func ExportKeys(ctx context.Context, e store.Engine, folder string, now time.Time) (failed []string, err error) {
	names, err := e.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		db, err := e.Open(ctx, name)
		if err == nil {
			err = db.View(ctx, func(r store.Reader) error {
				return WriteKeys(ctx, r, name, now, filepath.Join(folder, name+".keys"))
			})
			err = errors.Join(err, db.Close())
		}
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		if err != nil {
			failed = append(failed, name)
		}
	}
	return failed, nil
}
