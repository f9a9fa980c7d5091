package continuity

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"insegel/internal/fault"
)

// Found is a backup in a folder.
type Found struct {
	Path     string
	Manifest *Manifest
	Err      error // it cannot be read
}

// List gives the backups of a folder, the oldest first. What is not whole has no name to be found by.
func List(folder string) ([]Found, error) {
	if _, err := os.Stat(folder); err != nil {
		return nil, fault.Because(err, fault.NotFound, "fault.backup.none", "folder", folder)
	}
	paths, err := filepath.Glob(filepath.Join(folder, "2*Z"))
	if err != nil {
		return nil, err
	}
	var all []Found
	for _, p := range paths {
		if _, err := time.Parse(stamp, filepath.Base(p)); err != nil {
			continue
		}
		m, _, err := readManifest(p)
		all = append(all, Found{Path: p, Manifest: m, Err: err})
	}
	return all, nil
}

// At gives the newest backup that was begun at a time or before; the zero time means the newest of all.
func At(folder string, at time.Time) (Found, error) {
	all, err := List(folder)
	if err != nil {
		return Found{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		named, err := time.Parse(stamp, filepath.Base(all[i].Path))
		if err == nil && (at.IsZero() || !named.After(at)) {
			return all[i], all[i].Err
		}
	}
	return Found{}, fault.New(fault.NotFound, "fault.backup.none", "folder", folder)
}

// Verify reads a backup through and compares every byte with its digest. It gives the paths that differ, are missing or are too
// many to tell.
func Verify(ctx context.Context, backup string, progress Progress) (bad []string, err error) {
	m, _, err := readManifest(backup)
	if err != nil {
		return nil, err
	}
	look := func(sum, path string) error {
		got, _, err := digestFile(ctx, filepath.Join(backup, path))
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			return err
		case err != nil || got != sum:
			if bad = append(bad, path); len(bad) >= maxBad {
				return errEnough
			}
		}
		return nil
	}
	for i, t := range m.Tenants {
		err = errors.Join(look(t.Database.SHA256, t.Database.Path), look(t.Keys.SHA256, t.Keys.Path), look(t.List.SHA256, t.List.Path))
		if err == nil && t.Files > 0 {
			err = listed(backup, t, look)
		}
		if errors.Is(err, errEnough) {
			return bad, nil
		}
		if err != nil {
			return bad, err
		}
		if progress != nil {
			progress(int64(i+1), int64(len(m.Tenants)))
		}
	}
	return bad, nil
}

// maxBad bounds what a verification tells.
const maxBad = 100

var errEnough = errors.New("enough")

// listed goes through a list; one that cannot be read was told already, by its own digest.
func listed(backup string, t Tenant, fn func(sum, path string) error) error {
	err := eachListed(backup, t, fn)
	if err != nil && fault.Of(err).Key == "fault.backup.damaged" {
		return nil
	}
	return ignoreMissing(err)
}
