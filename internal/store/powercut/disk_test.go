package powercut

import (
	"io"
	"math/rand/v2"
	"sort"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

const sector = 512

// disk is a file system that keeps what was written in a volatile cache until it is synced, and loses power after a
// given number of writes, syncs and truncations.
type disk struct {
	mu    sync.Mutex
	files map[string]*content
	left  int // operations until the power goes; below 0 it is gone
}

// content is a file as the program sees it and as it would be found after a power cut.
type content struct {
	now     []byte
	stable  []byte
	pending []op
	named   bool // its name is on the disk: SQLite's unix VFS syncs the folder with a new file's first sync
}

// op is one write, or one truncation where data is nil, since the last sync.
type op struct {
	at   int64
	data []byte
}

func newDisk(left int) *disk { return &disk{files: make(map[string]*content), left: left} }

// spend counts an operation and tells whether there is still power.
func (d *disk) spend() error {
	if d.left--; d.left < 0 {
		return sqlite3.IOERR
	}
	return nil
}

func (d *disk) out() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.left < 0 }

// after is the disk as it is found when the power is back: of what was not synced, any sectors may have come
// through, in any order, each whole or not at all.
func (d *disk) after(r *rand.Rand) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := newDisk(1 << 30)
	names := make([]string, 0, len(d.files))
	for n := range d.files {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, name := range names {
		f := d.files[name]
		if !f.named && r.IntN(2) == 0 {
			continue
		}
		b := append([]byte(nil), f.stable...)
		chance := r.IntN(101)
		for _, o := range f.pending {
			b = o.partly(b, r, chance)
		}
		found.files[name] = &content{now: b, stable: append([]byte(nil), b...), named: true}
	}
	return found
}

func (o op) partly(b []byte, r *rand.Rand, chance int) []byte {
	if o.data == nil {
		if r.IntN(100) < chance {
			return resize(b, o.at)
		}
		return b
	}
	for from := 0; from < len(o.data); from += sector {
		if r.IntN(100) < chance {
			b = writeAt(b, o.data[from:min(from+sector, len(o.data))], o.at+int64(from))
		}
	}
	return b
}

func resize(b []byte, n int64) []byte {
	if int64(len(b)) >= n {
		return b[:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

func writeAt(b, p []byte, at int64) []byte {
	if end := at + int64(len(p)); int64(len(b)) < end {
		b = resize(b, end)
	}
	copy(b[at:], p)
	return b
}

// Open implements vfs.VFS.
func (d *disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, ok := d.files[name]
	if !ok {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, sqlite3.CANTOPEN
		}
		f = &content{}
		d.files[name] = f
	}
	return &file{d: d, c: f}, flags, nil
}

// Delete implements vfs.VFS.
func (d *disk) Delete(name string, _ bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.files[name]; !ok {
		return sqlite3.IOERR_DELETE_NOENT
	}
	if err := d.spend(); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

// Access implements vfs.VFS.
func (d *disk) Access(name string, _ vfs.AccessFlag) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.files[name]
	return ok, nil
}

// FullPathname implements vfs.VFS.
func (d *disk) FullPathname(name string) (string, error) { return name, nil }

type file struct {
	d *disk
	c *content
}

func (f *file) Close() error { return nil }

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if at >= int64(len(f.c.now)) {
		return 0, io.EOF
	}
	n := copy(p, f.c.now[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	data := append([]byte(nil), p...)
	f.c.pending = append(f.c.pending, op{at: at, data: data}) // the write under way when the power goes may land in part
	if err := f.d.spend(); err != nil {
		return 0, err
	}
	f.c.now = writeAt(f.c.now, data, at)
	return len(p), nil
}

func (f *file) Truncate(n int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.spend(); err != nil {
		return err
	}
	f.c.pending = append(f.c.pending, op{at: n})
	f.c.now = resize(f.c.now, n)
	return nil
}

func (f *file) Sync(vfs.SyncFlag) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.spend(); err != nil {
		return err
	}
	f.c.stable, f.c.pending, f.c.named = append([]byte(nil), f.c.now...), nil, true
	return nil
}

func (f *file) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.c.now)), nil
}

// One connection in exclusive mode: locks and the shared index are not what is tried here.
func (f *file) Lock(vfs.LockLevel) error         { return nil }
func (f *file) Unlock(vfs.LockLevel) error       { return nil }
func (f *file) CheckReservedLock() (bool, error) { return false, nil }
func (f *file) SectorSize() int                  { return sector }

// DeviceCharacteristics is what SQLite's unix VFS says by default.
func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE | vfs.IOCAP_SUBPAGE_READ
}
