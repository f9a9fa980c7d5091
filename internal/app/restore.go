package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/config"
	"insegel/internal/continuity"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/seal"
	"insegel/internal/store"
	"insegel/internal/store/postgres"
	"insegel/internal/store/sqlite"
	"insegel/internal/tenant"
	"insegel/internal/visit"
)

// Restore is what to restore, and where to.
type Restore struct {
	Live    config.Config // the installation that was backed up: its root key, its folders of epoch keys
	Backups string        // folder of backups
	At      time.Time     // the newest backup begun then or before; zero: the newest
	To      string        // data folder of the new installation; must not be there
	ToKey   string        // its root key; a copy is made unless it is Live's own
	ToURL   string        // its PostgreSQL, with a name that has no databases yet
	Keys    []string      // further folders of wrapped keys: Live's own, taken just now
}

// Restored tells what came of it.
type Restored struct {
	Backup  string
	Lacking []continuity.Lacking
	Tenants []RestoredTenant
}

// RestoredTenant is one tenant, with what the check found.
type RestoredTenant struct {
	continuity.Restored
	Proof Proof
}

// Faults counts what does not prove.
func (r *Restored) Faults() (n int) {
	for _, t := range r.Tenants {
		n += len(t.Proof.Faults)
	}
	return n
}

// NewInstallation restores everything into a new folder. The folder gets its name only when all that is in it was proved; until
// then, and if it does not prove, it is called TO.unproved. What was restored is held: it takes no mail, sends none and runs no
// job until it is resumed.
func NewInstallation(ctx context.Context, r Restore, out Outside, progress func(what string) continuity.Progress) (*Restored, error) {
	if err := r.free(); err != nil {
		return nil, err
	}
	found, err := continuity.At(r.Backups, r.At)
	if err != nil {
		return nil, err
	}
	root, err := r.root(found)
	if err != nil {
		return nil, err
	}
	to := r.target()
	clk := out.Clock
	if clk == nil {
		clk = clock.System{}
	}
	if err := r.prepare(to, root, found.Manifest, id.NewSource(clk, out.Random).New()); err != nil {
		return nil, errors.Join(err, r.sweep(to))
	}
	all, err := r.load(ctx, found, to, root, clk, out, progress("restoring"))
	if err != nil {
		return nil, errors.Join(err, r.sweep(to))
	}
	res := &Restored{Backup: found.Path, Lacking: found.Manifest.Lacking}
	for _, t := range all {
		res.Tenants = append(res.Tenants, RestoredTenant{Restored: t})
	}
	if err := res.prove(ctx, to, found, out, progress("checking")); err != nil {
		return res, errors.Join(err, r.drop(ctx, to), r.sweep(to))
	}
	if res.Faults() > 0 {
		return res, nil
	}
	if err := os.Rename(to.Data, r.To); err != nil {
		return res, tenant.Full(err)
	}
	return res, nil
}

// target is the new installation under the name that it has until it is proved.
func (r Restore) target() config.Config {
	c := r.Live
	c.Data, c.Key, c.KeyCopy, c.Database = filepath.Clean(r.To)+".unproved", r.ToKey, nil, r.ToURL
	return c
}

// free sees that nothing is there yet that would be written over.
func (r Restore) free() error {
	for _, dir := range []string{r.To, r.target().Data} {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return fault.New(fault.Conflict, "fault.restore.not_empty", "folder", dir)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Because(err, fault.Conflict, "fault.restore.not_empty", "folder", dir)
		}
	}
	if r.ownKey() {
		return nil
	}
	for _, path := range []string{r.ToKey, r.ToKey + ".epochs"} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fault.Because(err, fault.Conflict, "fault.restore.key_there", "file", path)
		}
	}
	return nil
}

// ownKey tells that the new installation takes over the old one's root key and its folder of epoch keys: the old one is gone.
func (r Restore) ownKey() bool { return filepath.Clean(r.ToKey) == filepath.Clean(r.Live.RootKey()) }

func (r Restore) root(found continuity.Found) (*seal.Root, error) {
	root, err := seal.LoadRoot(r.Live.RootKey())
	if err != nil {
		return nil, err
	}
	if root.ID() != found.Manifest.Root {
		return nil, fault.New(fault.Conflict, "fault.app.key_wrong", "file", r.Live.RootKey(), "want", found.Manifest.Root, "have", root.ID())
	}
	return root, nil
}

// prepare makes the new folders with copies of the newest epoch keys, and a note that says held before anything else is there.
func (r Restore) prepare(to config.Config, root *seal.Root, m *continuity.Manifest, node string) error {
	for _, dir := range []string{to.Data, filepath.Dir(r.ToKey)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", dir)
		}
	}
	if err := WriteNote(to.Data, node, root.ID(), m.Engine, true); err != nil {
		return err
	}
	if err := r.epochs(to, root, m); err != nil {
		return err
	}
	if r.ownKey() {
		return nil
	}
	return tenant.Full(copyPrivate(r.Live.RootKey(), r.ToKey))
}

// epochs copies the newest epoch keys into the new installation's places, without a touch to the old ones: those are read into
// folders of our own first, where healing what lacks a copy is harmless.
func (r Restore) epochs(to config.Config, root *seal.Root, m *continuity.Manifest) error {
	scratch := filepath.Join(to.Data, "scratch")
	dirs := []string{filepath.Join(scratch, "0"), filepath.Join(scratch, "1")}
	for i, from := range r.Live.Places() {
		dir := filepath.Join(scratch, strconv.Itoa(i))
		if i >= len(dirs) {
			dirs = append(dirs, dir)
		}
		if err := copyEpochs(from, dir); err != nil {
			return err
		}
	}
	places, err := seal.OpenPlaces(dirs, root, nil)
	if err != nil {
		return err
	}
	for _, t := range m.Tenants {
		if _, err := places.Load(t.ID); err != nil { // told of the folders that the operator knows
			f := fault.Of(err)
			return fault.Because(err, f.Kind, f.Key, "tenant", t.ID, "dirs", strings.Join(r.Live.Places(), ", "))
		}
	}
	for _, place := range to.Places() {
		if r.ownKey() && place == r.Live.Places()[0] {
			continue
		}
		if err := copyEpochs(dirs[0], place); err != nil {
			return err
		}
	}
	return os.RemoveAll(scratch)
}

func copyEpochs(from, to string) error {
	found, err := filepath.Glob(filepath.Join(from, "*.epoch"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return tenant.Full(err)
	}
	for _, f := range found {
		if err := copyPrivate(f, filepath.Join(to, filepath.Base(f))); err != nil {
			return fault.Because(err, fault.Unavailable, "fault.seal.epoch_read", "dirs", from)
		}
	}
	return nil
}

// copyPrivate copies a small file of keys durably. It never replaces one.
func copyPrivate(from, to string) (err error) {
	in, err := os.Open(from) // #nosec G304 -- folders that the operator named
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, 64<<10))
	return errors.Join(err, out.Sync(), out.Close())
}

func (r Restore) load(ctx context.Context, found continuity.Found, to config.Config, root *seal.Root, clk clock.Clock, out Outside, progress continuity.Progress) (all []continuity.Restored, err error) {
	logger := orDiscard(out.Logger)
	engine, err := engineOf(ctx, to, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	places, err := seal.OpenPlaces(to.Places(), root, out.Random)
	if err != nil {
		return nil, err
	}
	house, err := tenant.NewHouse(tenant.Config{Engine: engine, Places: places, Random: out.Random, Clock: clk, IDs: id.NewSource(clk, out.Random), Logger: logger,
		Migrations: Migrations(), Marks: to.Marks(), Files: to.Files(), MaxOpen: 4, Idle: time.Minute, Wait: time.Minute})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, house.Close(context.WithoutCancel(ctx))) }()
	_, all, err = continuity.Load(ctx, found.Path, continuity.Target{Engine: engine, Places: places, House: house, Files: to.Files(),
		Known: int64(len(Migrations())), Now: clk.Now()}, append([]string{filepath.Join(r.Backups, "keys")}, r.Keys...), progress)
	return all, err
}

// prove builds the program on what was restored, holds every tenant against itself and against what the backup's manifest
// was signed with, and records that it was restored.
func (r *Restored) prove(ctx context.Context, c config.Config, found continuity.Found, out Outside, progress continuity.Progress) (err error) {
	a, err := Build(ctx, c, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	if err := a.signed(ctx, found.Path); err != nil {
		return err
	}
	given := map[string][]byte{}
	for _, t := range found.Manifest.Tenants {
		given[t.ID] = []byte(t.Checkpoint)
	}
	for i := range r.Tenants {
		t := &r.Tenants[i]
		if t.Proof, err = a.Prove(ctx, t.ID, [][]byte{given[t.ID]}); err != nil {
			return err
		}
		if err := a.recordRestore(ctx, *t, found.Path); err != nil {
			return err
		}
		if progress != nil {
			progress(int64(i+1), int64(len(r.Tenants)))
		}
	}
	return nil
}

func (a *App) signed(ctx context.Context, backup string) error {
	op, release, err := a.House.Get(ctx, Operator)
	if err != nil {
		return err
	}
	defer release()
	return continuity.Signed(backup, op.Log.Key())
}

func (a *App) recordRestore(ctx context.Context, t RestoredTenant, backup string) error {
	v, err := a.Waist.Enter(ctx, t.ID, access.Console("restore"), access.Restore)
	if err != nil {
		return err
	}
	defer v.Leave()
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Object(filepath.Base(backup))
		w.Set("erased", visit.Number(t.Keys.Erased))
		return struct{}{}, nil
	})
	return err
}

// sweep takes back what was made, none of which was there before.
func (r Restore) sweep(to config.Config) error {
	errs := []error{os.RemoveAll(to.Data)}
	if !r.ownKey() {
		errs = append(errs, os.RemoveAll(r.ToKey), os.RemoveAll(r.ToKey+".epochs"))
	}
	return errors.Join(errs...)
}

// drop takes back the databases of PostgreSQL, under whose name there were none before; the embedded ones lie in the folder.
func (r Restore) drop(ctx context.Context, to config.Config) (err error) {
	if to.Database == "" {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	engine, err := engineOf(ctx, to, orDiscard(nil))
	if err != nil {
		return err
	}
	names, err := engine.List(ctx)
	for _, n := range names {
		err = errors.Join(err, engine.Drop(ctx, n))
	}
	return errors.Join(err, engine.Close())
}

// LiveKeys writes the wrapped keys of an installation that does not run into a folder: of the embedded engine from a plain copy
// of its databases, which nobody writes while its lock is held here; of PostgreSQL by asking it. It tells of which tenants it
// could not.
func LiveKeys(ctx context.Context, c config.Config, to string, out Outside) (failed []string, err error) {
	lock, err := lockFolder(c.Data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	var engine store.Engine
	logger := orDiscard(out.Logger)
	if c.Database != "" {
		engine, err = postgres.New(ctx, c.Database, postgres.Options{Logger: logger})
	} else {
		scratch := filepath.Join(to, "databases")
		if err := copyDatabases(c.Databases(), scratch); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
		engine, err = sqlite.New(scratch, sqlite.Options{Logger: logger})
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	clk := out.Clock
	if clk == nil {
		clk = clock.System{}
	}
	return continuity.ExportKeys(ctx, engine, to, clk.Now().UTC())
}

// copyDatabases copies databases with their write-ahead logs, so that opening the copies leaves the originals as they are.
func copyDatabases(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return tenant.Full(err)
	}
	for _, pattern := range []string{"*.db", "*.db-wal"} {
		found, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := copyWhole(f, filepath.Join(to, filepath.Base(f))); err != nil {
				return tenant.Full(err)
			}
		}
	}
	return nil
}

func copyWhole(from, to string) (err error) {
	in, err := os.Open(from) // #nosec G304 -- the data folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
