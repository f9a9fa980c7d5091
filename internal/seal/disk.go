package seal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	epochSuffix = ".epoch"
	tempSuffix  = ".epoch.new"
	lockName    = "lock"
)

// folder is one of the places: what is done to one file in it, in steps between which the machine may die.
type folder struct {
	dir  string
	step func(string) error // the tests' crash; nil otherwise
}

func (f folder) file(tenant string) string { return filepath.Join(f.dir, tenant+epochSuffix) }

func (f folder) before(op string) error {
	if f.step == nil {
		return nil
	}
	return f.step(op)
}

// read gives the bytes of a tenant's file, at most one more than a file may have. A missing folder is
// an unreadable one, not a missing file: a disk that is not mounted must not look like a new tenant.
func (f folder) read(tenant string) ([]byte, error) {
	h, err := os.OpenFile(f.file(tenant), os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0) // #nosec G304 -- tenant is a checked name
	if err != nil {
		if _, gone := os.Stat(f.dir); gone != nil && errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("the folder is not there")
		}
		return nil, err
	}
	defer h.Close()
	return io.ReadAll(io.LimitReader(h, maxEpochFile+1))
}

// write replaces a tenant's file at once and durably: a crash at any step leaves the old file or the
// new one, never a part. The name of the temporary file is fixed, so that one left behind by a crash
// is overwritten by the next write and keys do not gather.
func (f folder) write(tenant string, data []byte) error {
	temp := filepath.Join(f.dir, tenant+tempSuffix)
	if err := f.fill(temp, data); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	if err := f.before("rename"); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, f.file(tenant)); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := f.before("sync folder"); err != nil {
		return err
	}
	return syncDir(f.dir)
}

func (f folder) fill(temp string, data []byte) error {
	if err := f.before("create"); err != nil {
		return err
	}
	h, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600) // #nosec G304
	if err != nil {
		return err
	}
	err = f.before("write")
	if err == nil {
		_, err = h.Write(data)
	}
	if err == nil {
		err = f.before("sync")
	}
	if err == nil {
		err = h.Sync()
	}
	return errors.Join(err, h.Close())
}

// remove deletes a tenant's file and what a crash left beside it.
func (f folder) remove(tenant string) error {
	if err := f.before("remove"); err != nil {
		return err
	}
	if err := ignoreMissing(os.Remove(filepath.Join(f.dir, tenant+tempSuffix))); err != nil {
		return err
	}
	if err := ignoreMissing(os.Remove(f.file(tenant))); err != nil {
		return err
	}
	if err := f.before("sync folder"); err != nil {
		return err
	}
	return syncDir(f.dir)
}

// lock takes the folder for one process; the kernel gives it back when the process dies.
func (f folder) lock() (unlock func(), err error) {
	h, err := os.OpenFile(filepath.Join(f.dir, lockName), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600) // #nosec G304
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(h.Fd()), unix.LOCK_EX)
	for n := 0; errors.Is(err, unix.EINTR) && n < 100; n++ {
		err = unix.Flock(int(h.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return func() { _ = h.Close() }, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncDir makes a rename or a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes a folder and those above it, each durable in its parent: a key in a folder that a power
// cut takes away is no key.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}
