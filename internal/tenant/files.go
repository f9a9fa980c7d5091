package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/seal"
	"insegel/internal/store"
)

// Files is the folder of one tenant's sealed files: <dir>/<two hex digits>/<id>. Names are ids, bytes are sealed.
type Files struct {
	dir    string
	tenant string
}

func (f Files) of(tenantID string) Files {
	return Files{dir: filepath.Join(f.dir, tenantID), tenant: tenantID}
}

// Dir is the folder.
func (f Files) Dir() string { return f.dir }

// path spreads files by the id's last digits, which are random: a UUIDv7's first ones are the time.
func (f Files) path(blobID string) string { return filepath.Join(f.dir, blobID[34:], blobID) }

func (f Files) ad(blobID string) seal.AD {
	return seal.AD{Tenant: f.tenant, Table: "file", Row: blobID}
}

// Write seals a stream into a new file and makes it durable, folder included, before it returns. On any
// error nothing is left.
func (f Files) Write(blobID string, fk seal.FileKey, body io.Reader) (size int64, err error) {
	path := f.path(blobID)
	if err := makeDurable(filepath.Dir(path)); err != nil {
		return 0, err
	}
	tmp := path + ".tmp"
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the path is made of ids
	if err != nil {
		return 0, Full(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp)
		}
	}()
	size, err = f.sealInto(out, blobID, fk, body)
	if err != nil {
		return 0, errors.Join(Full(err), out.Close())
	}
	if err = errors.Join(out.Sync(), out.Close()); err != nil {
		return 0, Full(err)
	}
	if err = os.Rename(tmp, path); err != nil {
		return 0, Full(err)
	}
	return size, syncDir(filepath.Dir(path))
}

func (f Files) sealInto(out io.Writer, blobID string, fk seal.FileKey, body io.Reader) (int64, error) {
	w, err := seal.Writer(out, fk, f.ad(blobID))
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, body)
	return n, errors.Join(err, w.Close())
}

// Open reads a sealed file as a stream. A file that was cut, changed or put in another's place gives an error.
func (f Files) Open(blobID string, fk seal.FileKey) (io.ReadCloser, error) {
	in, err := os.Open(f.path(blobID)) // #nosec G304 -- the path is made of ids
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Because(err, fault.Internal, "fault.store.file_missing", "file", blobID)
	}
	if err != nil {
		return nil, err
	}
	r, err := seal.Reader(in, fk, f.ad(blobID))
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, in}, nil
}

// Remove deletes a file that no row names.
func (f Files) Remove(blobID string) error {
	if err := os.Remove(f.path(blobID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// orphanAge is how old a file without a row must be before it is swept: longer than any change takes.
const orphanAge = time.Hour

// Sweep removes files that no row names: of changes that failed after the file was written. It also tells which
// rows lack their file.
func (t *Tenant) Sweep(ctx context.Context, now time.Time) (removed int, missing []string, err error) {
	named := map[string]bool{}
	err = t.DB.View(ctx, func(r store.Reader) error {
		for last := ""; ; {
			page, err := blobPage(ctx, r, last)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, b := range page {
				named[b] = true
			}
			last = page[len(page)-1]
		}
	})
	if err != nil {
		return 0, nil, err
	}
	files := t.Files()
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreMissing(err)
		}
		name := strings.TrimSuffix(d.Name(), ".tmp")
		if named[d.Name()] {
			delete(named, d.Name())
			return nil
		}
		info, err := d.Info()
		if err != nil || !id.Valid(name) || now.Sub(info.ModTime()) < orphanAge {
			return ignoreMissing(err)
		}
		removed++
		return os.Remove(path) // #nosec G122 -- a folder of ours (0700), where nobody else makes links
	}
	if err := filepath.WalkDir(files.dir, walk); err != nil {
		return removed, nil, ignoreMissing(err)
	}
	for b := range named {
		missing = append(missing, b)
	}
	return removed, missing, nil
}

func blobPage(ctx context.Context, r store.Reader, after string) ([]string, error) {
	rows, err := r.Query(ctx, sqlBlobFiles, after, 1000)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var b string
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		ids = append(ids, b)
	}
	return ids, rows.Err()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func makeDurable(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Full(err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Dir(dir)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- a folder of ours
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Full tells a full disk in words; other errors pass.
func Full(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return store.Full(err)
	}
	return fmt.Errorf("write file: %w", err)
}
