package app

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/continuity"
	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/tenant"
	"insegel/internal/visit"
)

// Backup copies the whole installation into a folder, and records that it did in the operator's log.
func (a *App) Backup(ctx context.Context, c access.Credential, to string, progress continuity.Progress) (path string, m *continuity.Manifest, err error) {
	v, err := a.Waist.Enter(ctx, Operator, c, access.Backup)
	if err != nil {
		return "", nil, err
	}
	defer v.Leave()
	if err := a.rememberBackups(to); err != nil {
		return "", nil, err
	}
	path, m, err = continuity.Backup(ctx, continuity.Source{Engine: a.Engine, House: a.House, Operator: Operator, Clock: a.Clock, Tenants: a.customers,
		Version: Version(), Schema: len(Migrations()), Root: a.Root.ID(), Data: a.Config.Data}, to, progress)
	if err != nil {
		return "", nil, err
	}
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Object(filepath.Base(path))
		w.Set("tenants", visit.Number(int64(len(m.Tenants))))
		w.Set("lacking", visit.Number(int64(len(m.Lacking))))
		return struct{}{}, nil
	})
	return path, m, err
}

// customers lists all tenants but the operator's, whatever their state.
func (a *App) customers(ctx context.Context) (ids []string, err error) {
	all, err := a.Lookup.All(ctx)
	for _, c := range all {
		if c.ID != Operator {
			ids = append(ids, c.ID)
		}
	}
	return ids, err
}

// maxBackupFolders bounds how many folders of backups are remembered: the ones used last.
const maxBackupFolders = 4

func (a *App) backupsPath() string { return filepath.Join(a.Config.Data, "backups.json") }

// BackupFolders are where backups were made, and where they are by configuration: the wrapped keys are written there before an
// epoch key is destroyed. A restored installation remembers nothing, and yet the folder it came from needs them.
func (a *App) BackupFolders() ([]string, error) {
	folders, err := a.remembered()
	own, absErr := filepath.Abs(a.Config.BackupFolder())
	if err != nil || absErr != nil {
		return nil, errors.Join(err, absErr)
	}
	if info, err := os.Stat(own); err == nil && info.IsDir() && !slices.Contains(folders, own) {
		folders = append(folders, own)
	}
	return folders, nil
}

func (a *App) remembered() ([]string, error) {
	var folders []string
	b, err := os.ReadFile(a.backupsPath())
	if err == nil {
		err = json.Unmarshal(b, &folders)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", a.Config.Data)
	}
	return folders, nil
}

func (a *App) rememberBackups(to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	folders, err := a.remembered()
	if err != nil || len(folders) > 0 && folders[0] == to {
		return err
	}
	folders = append([]string{to}, slices.DeleteFunc(folders, func(f string) bool { return f == to })...)
	b, err := json.Marshal(folders[:min(len(folders), maxBackupFolders)])
	if err != nil {
		return err
	}
	tmp := a.backupsPath() + ".tmp"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return tenant.Full(err)
	}
	return tenant.Full(os.Rename(tmp, a.backupsPath()))
}

// keepKeys is what the house does before it destroys an epoch key.
func (a *App) keepKeys(ctx context.Context, tenantID string, r store.Reader) error {
	folders, err := a.BackupFolders()
	if err != nil || len(folders) == 0 {
		return err // there is no backup that would need them
	}
	// One folder that can be written is enough: a disk that is not mounted must not keep an old epoch key alive.
	var kept int
	for _, f := range folders {
		e := continuity.KeepKeys(ctx, []string{f}, tenantID, r, a.Clock.Now().UTC())
		if e == nil {
			kept++
			continue
		}
		err = errors.Join(err, e)
		a.Logger.Warn("wrapped keys not kept beside the backups", "tenant", tenantID, "folder", f, "err", e)
	}
	if kept > 0 {
		return nil
	}
	return fault.Because(err, fault.Unavailable, "fault.keys.not_kept", "folder", folders[0])
}

// CopyKeys writes the wrapped keys of all tenants into a folder, for a restore that happens beside the running program.
func (a *App) CopyKeys(ctx context.Context, to string) (failed []string, err error) {
	return continuity.ExportKeys(ctx, a.Engine, to, a.Clock.Now().UTC())
}

// Proof is what a check of a whole tenant found.
type Proof struct {
	*tenant.Found
	continuity.Opened
}

// sampled is how many of the newest values of each sealed column a check opens, before it goes on in stretches.
const sampled = 2000

// Prove holds a whole tenant against itself, its log and any checkpoints given, and opens a sample of what is sealed in it.
func (a *App) Prove(ctx context.Context, tenantID string, given [][]byte) (p Proof, err error) {
	fields := func(ctx context.Context, r store.Reader, report *audit.Report) ([]string, error) {
		return continuity.CaseFields(ctx, r, report)
	}
	if p.Found, err = a.House.Check(ctx, tenantID, Counted(), given, fields); err != nil {
		return p, err
	}
	o, faults, err := continuity.Sample(ctx, a.House, tenantID, sampled)
	p.Opened = o
	p.Faults = append(p.Faults, faults...)
	return p, err
}

// LastBackup tells when the newest backup was begun that the operator's log knows of; zero if there is none.
func (a *App) LastBackup(ctx context.Context) (at time.Time, err error) {
	return a.lastAct(ctx, access.Backup, nil)
}
