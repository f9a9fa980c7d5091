package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/config"
	"insegel/internal/continuity"
	"insegel/internal/fault"
)

type backupCmd struct {
	Now      backupNow    `cmd:"" help:"Copy everything into a folder, while the service runs."`
	Status   backupStatus `cmd:"" help:"List the backups of a folder."`
	Verify   backupVerify `cmd:"" help:"Read a backup through and compare every byte with its digest."`
	CopyKeys backupKeys   `cmd:"" hidden:"" help:"Write the wrapped keys into a folder; restore asks for it."`
}

type backupNow struct {
	To   string `help:"Folder of the backups; default as --backups." placeholder:"DIR"`
	JSON bool   `help:"Print JSON." name:"json"`
}

func (*backupNow) Help() string {
	return `A backup holds every database, every sealed file and the wrapped keys. Neither the root key nor
the epoch keys are in it: without both of them it cannot be read, so keep copies of them elsewhere.

Example:
  insegel backup now --to /mnt/backups/insegel`
}

// Work copies everything.
func (c *backupNow) Work(ctx context.Context, s *Session) error {
	to := s.path(c.To)
	if to == "" {
		to = s.App.Config.BackupFolder()
	}
	path, m, err := s.App.Backup(ctx, access.Console(s.User), to, s.progress("copying"))
	if err != nil {
		return err
	}
	files := 0
	for _, t := range m.Tenants {
		files += t.Files
	}
	if c.JSON {
		err = printJSON(s.Out, map[string]any{"path": path, "at": m.At, "tenants": len(m.Tenants), "files": files, "bytes": m.Size(), "lacking": m.Lacking})
	} else {
		_, err = fmt.Fprintf(s.Out, "%s\n%d tenants, %d files, %s. Besides it, keep: the root key %s, and the epoch keys in one of %s.\n",
			path, len(m.Tenants), files, size(m.Size()), s.App.Config.RootKey(), places(s.App.Config))
	}
	if err == nil && len(m.Lacking) > 0 {
		return fault.New(fault.Conflict, "fault.backup.lacking", "count", len(m.Lacking), "tenant", m.Lacking[0].ID, "fault", m.Lacking[0].Fault)
	}
	return err
}

func places(c config.Config) string {
	out := ""
	for i, p := range c.Places() {
		if i > 0 {
			out += ", "
		}
		out += p
	}
	return out
}

func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	f, i := float64(n), -1
	for f >= unit && i < 4 {
		f /= unit
		i++
	}
	return fmt.Sprintf("%.1f %cB", f, "kMGTP"[i])
}

// folder says where backups are, for commands that read them only.
type folder struct {
	To string `help:"Folder of the backups; default as --backups." placeholder:"DIR"`
}

func (f folder) of(m Machine, p parsed) string {
	if f.To != "" {
		return m.path(f.To)
	}
	return m.path(p.grammar.BackupFolder())
}

type backupStatus struct {
	folder `embed:""`
	JSON   bool `help:"Print JSON." name:"json"`
}

func (*backupStatus) Help() string {
	return "Example:\n  insegel backup status --to /mnt/backups/insegel"
}

// Here lists.
func (c *backupStatus) Here(_ context.Context, m Machine, p parsed) error {
	all, err := continuity.List(c.of(m, p))
	if err != nil {
		return err
	}
	type line struct {
		Path    string    `json:"path"`
		At      time.Time `json:"at"`
		Age     string    `json:"age"`
		Engine  string    `json:"engine"`
		Version string    `json:"version"`
		Tenants int       `json:"tenants"`
		Bytes   int64     `json:"bytes"`
		Fault   string    `json:"fault,omitempty"`
	}
	lines, rows := []line{}, [][]string{{"BEGUN", "AGE", "SIZE", "TENANTS", "FOLDER"}}
	now := clock.System{}.Now()
	var bad error
	for _, b := range all {
		if b.Err != nil {
			lines = append(lines, line{Path: b.Path, Fault: fault.Of(b.Err).Key})
			rows = append(rows, []string{"unreadable", "", "", "", b.Path})
			bad = b.Err
			continue
		}
		age := now.Sub(b.Manifest.At).Truncate(time.Minute)
		lines = append(lines, line{Path: b.Path, At: b.Manifest.At, Age: age.String(), Engine: b.Manifest.Engine, Version: b.Manifest.Version,
			Tenants: len(b.Manifest.Tenants), Bytes: b.Manifest.Size()})
		rows = append(rows, []string{b.Manifest.At.UTC().Format("2006-01-02 15:04:05Z"), age.String(), size(b.Manifest.Size()), fmt.Sprint(len(b.Manifest.Tenants)), b.Path})
	}
	if c.JSON {
		err = printJSON(m.Out, lines)
	} else {
		err = table(m.Out, rows)
	}
	if err == nil && len(all) == 0 {
		return fault.New(fault.NotFound, "fault.backup.none", "folder", c.of(m, p))
	}
	if err == nil {
		return bad
	}
	return err
}

type backupVerify struct {
	folder `embed:""`
	Backup string `arg:"" optional:"" help:"The backup's own folder; default the newest."`
	JSON   bool   `help:"Print JSON." name:"json"`
}

func (*backupVerify) Help() string {
	return "Needs no key: it can be done where the backups are kept. Restoring also proves the signature and every log.\n\nExample:\n  insegel backup verify --to /mnt/backups/insegel"
}

// Here reads a backup through.
func (c *backupVerify) Here(ctx context.Context, m Machine, p parsed) error {
	path := m.path(c.Backup)
	if path == "" {
		newest, err := continuity.At(c.of(m, p), time.Time{})
		if err != nil {
			return err
		}
		path = newest.Path
	}
	bad, err := continuity.Verify(ctx, path, m.progress("reading"))
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(m.Out, map[string]any{"path": path, "whole": len(bad) == 0, "damaged": bad})
	} else if len(bad) == 0 {
		_, err = fmt.Fprintf(m.Out, "%s is whole.\n", path)
	} else {
		for _, b := range bad {
			fmt.Fprintln(m.Out, "damaged: "+b)
		}
	}
	if err == nil && len(bad) > 0 {
		return fault.New(fault.Conflict, "fault.backup.damaged", "file", filepath.Join(path, bad[0]))
	}
	return err
}

type backupKeys struct {
	To string `required:""`
}

// Work writes wrapped keys; nothing else of the program's uses it than restore.
func (c *backupKeys) Work(ctx context.Context, s *Session) error {
	failed, err := s.App.CopyKeys(ctx, s.path(c.To))
	for _, id := range failed {
		fmt.Fprintln(s.Out, id)
	}
	return err
}
