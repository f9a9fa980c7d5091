package continuity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"insegel/internal/fault"
	"insegel/internal/store"
)

// disk gives a file system's error its kind and the words that say what to do.
func disk(err error, folder string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return store.Full(err)
	case errors.As(err, new(*fault.Error)), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fault.Because(err, fault.Unavailable, "fault.backup.folder", "folder", folder)
}

func digestOf(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }

// digestFile reads a file through.
func digestFile(ctx context.Context, path string) (sum string, size int64, err error) {
	f, err := os.Open(path) // #nosec G304 -- in the folder that the operator named
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	size, err = io.Copy(h, reading{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), size, errors.Join(err, f.Close())
}

// reading ends when its context does.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func pieceOf(ctx context.Context, backup, path string) (Piece, error) {
	sum, size, err := digestFile(ctx, filepath.Join(backup, path))
	return Piece{Path: path, Size: size, SHA256: sum}, err
}

// copyFile copies a file durably and gives the digest of what it wrote. It never replaces one.
func copyFile(ctx context.Context, from, to string) (sum string, size int64, err error) {
	in, err := os.Open(from) // #nosec G304 -- in the folder that the operator named
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(out, h), reading{ctx, in})
	return hex.EncodeToString(h.Sum(nil)), size, errors.Join(err, out.Sync(), out.Close())
}

func writeDurable(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncPath(path string) error {
	f, err := os.Open(path) // #nosec G304
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncTree makes the names in a folder and the folders below it durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncPath(path)
	})
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
