package continuity

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Source is the running installation that is copied.
type Source struct {
	Engine   store.Engine
	House    *tenant.House
	Operator string
	Tenants  func(context.Context) ([]string, error) // all but the operator's
	Clock    clock.Clock
	Version  string
	Schema   int
	Root     string // public fingerprint of the root key
	Data     string // the data folder, which backups may not lie in
}

// partial ends the name of a backup that is not whole.
const partial = ".partial"

// stamp is how a backup's folder is named; names sort by time.
const stamp = "20060102T150405.000Z"

// Progress is told how many tenants are done.
type Progress func(done, all int64)

// Backup copies everything into a new folder below to, and gives its path. It gets its name when it is whole and durable: a
// backup that broke off never has one. A tenant that cannot be copied is named in the manifest, and the others are copied.
func Backup(ctx context.Context, s Source, to string, progress Progress) (path string, m *Manifest, err error) {
	unlock, err := prepare(s.Data, to)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	now := s.Clock.Now().UTC()
	path = filepath.Join(to, now.Format(stamp))
	if _, err := os.Stat(path); err == nil {
		return "", nil, fault.New(fault.Conflict, "fault.backup.running", "folder", to) // two in one millisecond
	}
	dir := path + partial
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	for _, sub := range []string{databases, files, lists, keys} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return "", nil, disk(err, to)
		}
	}
	m = &Manifest{Format: format, At: now, Version: s.Version, Engine: s.Engine.Dialect(), Schema: s.Schema, Root: s.Root, Operator: s.Operator}
	if err := s.copyAll(ctx, dir, m, progress); err != nil {
		return "", nil, err
	}
	op, release, err := s.House.Get(ctx, s.Operator)
	if err != nil {
		return "", nil, err
	}
	defer release()
	if err := errors.Join(syncTree(dir), m.write(dir, op.Log.Signer())); err != nil {
		return "", nil, disk(err, to)
	}
	return path, m, disk(errors.Join(os.Rename(dir, path), syncPath(to)), to)
}

// prepare makes the folder of backups, sees that it is a sane place, and takes it for this process.
func prepare(data, to string) (unlock func(), err error) {
	if inside(to, data) || inside(data, to) {
		return nil, fault.New(fault.Invalid, "fault.backup.inside", "folder", to, "data", data)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, disk(err, to)
	}
	f, err := os.OpenFile(filepath.Join(to, "lock"), os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the operator named the folder
	if err != nil {
		return nil, disk(err, to)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fault.Because(err, fault.Conflict, "fault.backup.running", "folder", to), f.Close())
	}
	left, err := filepath.Glob(filepath.Join(to, "2*Z"+partial))
	for _, dir := range left { // of backups that were killed
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return nil, errors.Join(disk(err, to), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func inside(path, dir string) bool {
	p, err1 := filepath.Abs(path)
	d, err2 := filepath.Abs(dir)
	if err1 != nil || err2 != nil {
		return true
	}
	rel, err := filepath.Rel(d, p)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// copyAll copies the customers and then the operator's tenant, whose directory must know every address that a customer's copy
// holds. Customers made meanwhile, whom that directory may know, are copied after it.
func (s Source) copyAll(ctx context.Context, dir string, m *Manifest, progress Progress) error {
	var done []string
	for round := 0; round < 2; round++ {
		all, err := s.Tenants(ctx)
		if err != nil {
			return err
		}
		if round == 0 {
			all = append(all, s.Operator)
		}
		for i, tenantID := range all {
			if slices.Contains(done, tenantID) {
				continue
			}
			done = append(done, tenantID)
			if err := s.copyOne(ctx, dir, m, tenantID); err != nil {
				return err
			}
			if progress != nil {
				progress(int64(i+1), int64(len(all)))
			}
		}
	}
	return nil
}

func (s Source) copyOne(ctx context.Context, dir string, m *Manifest, tenantID string) error {
	there, err := s.Engine.Exists(ctx, tenantID)
	if err != nil || !there {
		return err // it is only being made: the directory says pending, and so will the copy
	}
	t, release, err := s.House.Get(ctx, tenantID)
	if err != nil {
		if tenantID == s.Operator || ctx.Err() != nil {
			return err
		}
		m.Lacking = append(m.Lacking, Lacking{ID: tenantID, Fault: fault.Of(err).Key})
		return nil
	}
	defer release()
	one, err := s.copyTenant(ctx, dir, t)
	m.Tenants = append(m.Tenants, one)
	return disk(err, filepath.Dir(dir))
}

func (s Source) copyTenant(ctx context.Context, dir string, t *tenant.Tenant) (c Tenant, err error) {
	c.ID = t.ID
	var signed []byte
	err = t.DB.View(ctx, func(r store.Reader) error {
		signed, _, err = t.Log.Checkpoint(ctx, r)
		return err
	})
	if err != nil {
		return c, err
	}
	c.Checkpoint = string(signed)
	database := filepath.Join(databases, t.ID+".copy")
	if err := s.copyDatabase(ctx, dir, t, filepath.Join(dir, database)); err != nil {
		return c, err
	}
	keyFile := filepath.Join(keys, t.ID+".keys")
	err = t.DB.View(ctx, func(r store.Reader) error {
		if err := r.QueryRow(ctx, sqlRecords, nil, &c.Records); err != nil {
			return err
		}
		return WriteKeys(ctx, r, t.ID, s.Clock.Now().UTC(), filepath.Join(dir, keyFile))
	})
	if err == nil {
		c.Database, err = pieceOf(ctx, dir, database)
	}
	if err == nil {
		c.Keys, err = pieceOf(ctx, dir, keyFile)
	}
	if err == nil {
		err = c.list(ctx, dir)
	}
	return c, err
}

// linkEvery is how often files are taken along while a database is copied: well within the hour for which a file stays that no
// row names.
const linkEvery = 10 * time.Minute

// copyDatabase copies a database and the sealed files of its rows. A file is written before its row and is swept only where no
// row names it and it is older than an hour. So one that the copy names was there before the copy began, or came during
// it and is too young to be swept: it is taken before, every few minutes during, or after. What is taken too much is an
// orphan, sealed, that the restored program sweeps.
func (s Source) copyDatabase(ctx context.Context, dir string, t *tenant.Tenant, to string) error {
	from, into := t.Files().Dir(), filepath.Join(dir, files, t.ID)
	if err := takeFiles(ctx, from, into); err != nil {
		return err
	}
	copied := make(chan error, 1)
	go func() { copied <- s.Engine.Copy(ctx, t.ID, to) }()
	for {
		select {
		case err := <-copied:
			if err != nil {
				return err
			}
			return takeFiles(ctx, from, into)
		case <-time.After(linkEvery):
			if err := takeFiles(ctx, from, into); err != nil {
				<-copied
				return err
			}
		}
	}
}

// takeFiles links each sealed file into the backup, or copies it where the disks differ. Files are never changed once they have
// their name, so both are the same bytes.
func takeFiles(ctx context.Context, from, into string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !id.Valid(d.Name()) {
			return ignoreMissing(err)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(into, rel)
		if _, err := os.Lstat(to); err == nil {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.Link(path, to); err == nil || errors.Is(err, fs.ErrNotExist) { // #nosec G122 -- the copy is in a folder of our own that nobody else may enter
			return nil // or swept just now: no row named it
		}
		if _, _, err := copyFile(ctx, path, to); err != nil {
			return errors.Join(ignoreMissing(err), ignoreMissing(os.Remove(to)))
		}
		return nil
	})
	return ignoreMissing(err)
}

// list writes the digests of the sealed files, as sha256sum -c reads them.
func (c *Tenant) list(ctx context.Context, dir string) error {
	path := filepath.Join(lists, c.ID+".sha256")
	f, err := os.OpenFile(filepath.Join(dir, path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreMissing(err)
		}
		sum, size, err := digestFile(ctx, path)
		if err != nil {
			return err
		}
		c.Files++
		c.Bytes += size
		rel, err := filepath.Rel(dir, path)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s  %s\n", sum, filepath.ToSlash(rel))
		}
		return err
	}
	err = ignoreMissing(filepath.WalkDir(filepath.Join(dir, files, c.ID), walk))
	if err := errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	c.List, err = pieceOf(ctx, dir, path)
	return err
}

// eachListed reads a list of digests; a line that leaves the tenant's own files is refused.
func eachListed(backup string, t Tenant, fn func(sum, path string) error) (err error) {
	f, err := os.Open(filepath.Join(backup, t.List.Path)) // #nosec G304 -- checked to be local
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		sum, path, ok := strings.Cut(lines.Text(), "  ")
		if !ok || !filepath.IsLocal(path) || !strings.HasPrefix(path, files+"/"+t.ID+"/") || strings.Count(path, "/") != 3 || !id.Valid(filepath.Base(path)) {
			return fault.New(fault.Conflict, "fault.backup.damaged", "file", filepath.Join(backup, t.List.Path))
		}
		if err := fn(sum, path); err != nil {
			return err
		}
	}
	return lines.Err()
}
