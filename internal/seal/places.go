package seal

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"insegel/internal/fault"
)

// Places are the folders, at least two, in which the tenants' epoch keys are kept: outside every
// database and backup, and without history. All have the same files. Safe for use by several
// goroutines, and by several processes that share the folders.
type Places struct {
	folders []folder
	root    *Root
	rand    io.Reader
	mu      sync.Mutex // before the folders' own locks: those are between processes
}

// OpenPlaces takes at least two different folders and makes those that are not there yet. It goes on
// with a folder that cannot be reached, as long as one can: Load and Status say what is lacking.
func OpenPlaces(dirs []string, root *Root, random io.Reader) (*Places, error) {
	root.must()
	p := &Places{root: root, rand: orSystem(random)}
	var known []os.FileInfo
	var broken error
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fault.Because(err, fault.Invalid, keyPlacesFew)
		}
		p.folders = append(p.folders, folder{dir: abs})
		info, err := folderInfo(abs)
		if err != nil {
			broken = errors.Join(broken, err)
			continue
		}
		for _, other := range known {
			if os.SameFile(other, info) {
				return nil, fault.Because(fmt.Errorf("%s is named twice", abs), fault.Invalid, keyPlacesFew)
			}
		}
		known = append(known, info)
	}
	if len(dirs) < 2 {
		return nil, fault.New(fault.Invalid, keyPlacesFew)
	}
	if len(known) == 0 {
		return nil, inDirs(broken, fault.Unavailable, keyEpochRead, "", dirs)
	}
	return p, nil
}

func folderInfo(dir string) (os.FileInfo, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	return os.Stat(dir)
}

// Create makes the first epoch key of a tenant in every folder. It never replaces one.
func (p *Places) Create(tenant string) (*Ring, error) {
	var ring *Ring
	err := p.exclusively(tenant, func() error {
		for _, c := range p.read(tenant) {
			if c.state == CopyUnreadable {
				return inDirs(c.err, fault.Unavailable, keyEpochWrite, tenant, []string{c.dir})
			}
			if c.state != CopyMissing {
				return inDirs(c.err, fault.Conflict, keyEpochExists, tenant, []string{c.dir})
			}
		}
		e := first(p.rand)
		if err := p.writeAll(tenant, e); err != nil {
			// Nobody has used the key yet: take it back, so that the same tenant can be tried again.
			for _, f := range p.folders {
				err = errors.Join(err, f.remove(tenant))
			}
			return err
		}
		ring = e.ring(tenant, p.rand)
		return nil
	})
	return ring, err
}

// Load reads a tenant's keyring from all folders. The newest whole copy counts; a copy that is
// missing, damaged or behind is written anew, and the Ring says where. A copy under another root key
// is never touched.
func (p *Places) Load(tenant string) (*Ring, error) {
	if !fileTenant(tenant) {
		return nil, fault.New(fault.Invalid, keyTenantName)
	}
	copies := p.read(tenant)
	best, err := newest(tenant, copies)
	if err == nil && !best.removed() && len(needing(copies, best)) == 0 {
		return best.ring(tenant, p.rand), nil
	}
	var ring *Ring
	err = p.exclusively(tenant, func() error { // look again: somebody may have been writing just now
		ring, _, err = p.mend(tenant)
		return err
	})
	return ring, err
}

// Begin adds the next epoch key in every folder; from its Ring on everything is wrapped under it. All
// folders must be whole, so that no key ever has only one copy. A rotation that was begun already is
// simply continued.
func (p *Places) Begin(tenant string) (*Ring, error) {
	return p.turn(tenant, func(e *epochs) *epochs {
		if e.next != 0 {
			return e
		}
		return e.begun(p.rand)
	})
}

// Finish destroys the old epoch key in every folder. Call it when no row is wrapped under it any more:
// whatever still is, is erased. Without a rotation it changes nothing, so it may be called again after
// a crash.
func (p *Places) Finish(tenant string) (*Ring, error) {
	return p.turn(tenant, func(e *epochs) *epochs {
		if e.next == 0 {
			return e
		}
		return e.finished()
	})
}

func (p *Places) turn(tenant string, step func(*epochs) *epochs) (*Ring, error) {
	var ring *Ring
	err := p.exclusively(tenant, func() error {
		r, e, err := p.mend(tenant)
		if err != nil {
			return err
		}
		if len(r.Lacking) > 0 {
			return inDirs(nil, fault.Unavailable, keyEpochWrite, tenant, r.Lacking)
		}
		n := step(e)
		if n != e {
			if err := p.writeAll(tenant, n); err != nil {
				return err
			}
		}
		ring = n.ring(tenant, p.rand)
		ring.Healed = r.Healed
		return nil
	})
	return ring, err
}

// Remove destroys a tenant's epoch keys in every folder, and with them all its content. A folder that
// cannot be reached makes it fail after the others were done; calling it again goes on. A damaged copy
// is destroyed too; one under another root key stops it before anything is done.
func (p *Places) Remove(tenant string) error {
	return p.exclusively(tenant, func() error {
		copies := p.read(tenant)
		missing := 0
		for _, c := range copies {
			if c.state == CopyOtherRoot {
				return inDirs(c.err, fault.Unavailable, keyEpochRoot, tenant, []string{c.dir})
			}
			if c.state == CopyMissing {
				missing++
			}
		}
		if missing == len(copies) {
			return nil
		}
		return p.bury(tenant)
	})
}

// bury writes "removed" over every copy and deletes the files only when it stands everywhere, so that
// no crash leaves an old copy from which Load would bring the tenant back.
func (p *Places) bury(tenant string) error {
	var failed error
	grave := &epochs{generation: removedGeneration}
	for _, f := range p.folders {
		failed = errors.Join(failed, p.write(f, tenant, grave))
	}
	if failed != nil {
		return failed
	}
	for _, f := range p.folders {
		if err := f.remove(tenant); err != nil {
			return inDirs(err, fault.Unavailable, keyEpochWrite, tenant, []string{f.dir})
		}
	}
	return nil
}

// mend gives the newest keyring after writing it where it is needed. It runs under the lock.
func (p *Places) mend(tenant string) (*Ring, *epochs, error) {
	copies := p.read(tenant)
	best, err := newest(tenant, copies)
	if err != nil {
		return nil, nil, err
	}
	if best.removed() {
		// Finish the removal if it can be; that it was begun is enough to know.
		if err := p.bury(tenant); err != nil {
			return nil, nil, fault.Because(err, fault.NotFound, keyErased)
		}
		return nil, nil, erased()
	}
	ring := best.ring(tenant, p.rand)
	for _, i := range needing(copies, best) {
		f, c := p.folders[i], copies[i]
		if c.state == CopyOtherRoot || c.state == CopyUnreadable || p.write(f, tenant, best) != nil {
			ring.Lacking = append(ring.Lacking, f.dir)
			continue
		}
		ring.Healed = append(ring.Healed, f.dir)
	}
	return ring, best, nil
}

// exclusively runs fn with the folders locked, always in the same order. A folder that cannot be
// locked is one that cannot be written either; the reading and writing say so.
func (p *Places) exclusively(tenant string, fn func() error) error {
	if !fileTenant(tenant) {
		return fault.New(fault.Invalid, keyTenantName)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.folders {
		if unlock, err := f.lock(); err == nil {
			defer unlock()
		}
	}
	return fn()
}

func (p *Places) writeAll(tenant string, e *epochs) error {
	for _, f := range p.folders {
		if err := p.write(f, tenant, e); err != nil {
			return err
		}
	}
	return nil
}

func (p *Places) write(f folder, tenant string, e *epochs) error {
	if err := f.write(tenant, sealEpochs(p.root, tenant, e)); err != nil {
		return inDirs(err, fault.Unavailable, keyEpochWrite, tenant, []string{f.dir})
	}
	return nil
}

// found is one folder's copy as it was read.
type found struct {
	dir   string
	state CopyState
	keys  *epochs // nil unless the copy is whole
	err   error
}

func (p *Places) read(tenant string) []found {
	copies := make([]found, len(p.folders))
	for i, f := range p.folders {
		copies[i] = p.readOne(f, tenant)
	}
	return copies
}

func (p *Places) readOne(f folder, tenant string) found {
	data, err := f.read(tenant)
	if errors.Is(err, fs.ErrNotExist) {
		return found{dir: f.dir, state: CopyMissing, err: err}
	}
	if err != nil {
		return found{dir: f.dir, state: CopyUnreadable, err: err}
	}
	e, err := openEpochs(p.root, tenant, data)
	switch {
	case errors.Is(err, errOtherRoot):
		return found{dir: f.dir, state: CopyOtherRoot, err: err}
	case err != nil:
		return found{dir: f.dir, state: CopyDamaged, err: err}
	}
	return found{dir: f.dir, state: CopyWhole, keys: e}
}

// newest gives the copy with the highest generation, or the fault that says what to do.
func newest(tenant string, copies []found) (*epochs, error) {
	var best *epochs
	for _, c := range copies {
		switch {
		case c.keys == nil:
		case best == nil || c.keys.generation > best.generation:
			best = c.keys
		case c.keys.generation == best.generation && !same(c.keys, best):
			return nil, inDirs(nil, fault.Unavailable, keyEpochSplit, tenant, dirsOf(copies))
		}
	}
	if best == nil {
		return nil, noneWhole(tenant, copies)
	}
	return best, nil
}

// noneWhole names the worst reason: a wrong root key explains all; a damaged copy says that there was
// one; an unreadable folder may hold it; only then are they simply missing.
func noneWhole(tenant string, copies []found) error {
	for _, try := range [...]struct {
		state CopyState
		key   string
	}{{CopyOtherRoot, keyEpochRoot}, {CopyDamaged, keyEpochDamaged}, {CopyUnreadable, keyEpochRead}} {
		var dirs []string
		var cause error
		for _, c := range copies {
			if c.state == try.state {
				dirs, cause = append(dirs, c.dir), errors.Join(cause, c.err)
			}
		}
		if len(dirs) > 0 {
			return inDirs(cause, fault.Unavailable, try.key, tenant, dirs)
		}
	}
	return inDirs(nil, fault.Unavailable, keyEpochMissing, tenant, dirsOf(copies))
}

// needing gives the places whose copy is not best.
func needing(copies []found, best *epochs) []int {
	var which []int
	for i, c := range copies {
		if c.keys == nil || c.keys.generation != best.generation {
			which = append(which, i)
		}
	}
	return which
}

func same(a, b *epochs) bool {
	return subtle.ConstantTimeCompare(a.encode(), b.encode()) == 1
}

func dirsOf(copies []found) []string {
	dirs := make([]string, len(copies))
	for i, c := range copies {
		dirs[i] = c.dir
	}
	return dirs
}
