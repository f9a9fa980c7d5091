package sqlite

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"insegel/internal/store"
)

// partial ends the name of a file that is not a database yet.
const partial = ".partial"

// removeAll removes a database file with what SQLite keeps beside it. The WAL goes last: without its
// database it is nothing, while a database without its WAL would open with a shorter past.
func removeAll(path string) error {
	for _, p := range []string{path, path + "-shm", path + "-journal", path + "-wal"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // #nosec G304 -- the engine's own file or the one it was told to write
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir) // #nosec G304 -- as above
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from) // #nosec G304 -- a file that the operator named
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func dirOf(path string) string { return filepath.Dir(path) }

// explainFile gives a file system's error its kind.
func explainFile(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return store.Full(err)
	}
	return store.Disk(err)
}
