package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"insegel/internal/config"
	"insegel/internal/fault"
	"insegel/internal/seal"
	"insegel/internal/tenant"
)

// Finding is one thing that a check tells. A warning is no fault: it can be lived with.
type Finding struct {
	Err     error
	Warning bool
}

// Surroundings looks at what the program stands on without starting it: settings, keys, folders, disk. It reports all it finds.
func Surroundings(c config.Config) (all []Finding) {
	add := func(err error) {
		if err != nil {
			all = append(all, Finding{Err: err})
		}
	}
	for _, err := range unjoin(c.Check()) {
		add(fault.Because(err, fault.Invalid, "fault.config", "what", err.Error()))
	}
	_, err := seal.LoadRoot(c.RootKey())
	add(err)
	for _, dir := range append([]string{c.Data}, c.Places()...) {
		add(private(dir))
	}
	add(sameDisk(c, func(err error) { all = append(all, Finding{Err: err, Warning: true}) }))
	if c.TLSCert != "" {
		_, err := (&App{Config: c}).certificate()
		add(err)
	}
	_, err = (&App{Config: c}).smarthost()
	add(err)
	if c.Database != "" {
		for _, tool := range []string{"pg_dump", "pg_restore"} {
			add(findTool(tool))
		}
	}
	return all
}

// findTool finds a client program of PostgreSQL where the engine looks for it.
func findTool(tool string) error {
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + tool); err == nil && len(found) > 0 {
		return nil
	}
	if _, err := exec.LookPath(tool); err != nil {
		return fault.Because(err, fault.Unavailable, "fault.store.tool", "tool", tool)
	}
	return nil
}

func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// private sees that a folder is there and nobody else's to read.
func private(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Because(err, fault.Unavailable, "fault.check.folder_missing", "folder", dir)
	}
	if err != nil {
		return fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.Unavailable, "fault.check.folder_open", "folder", dir, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	return nil
}

// lowDisk is how much room a disk must have: mail that comes in is refused before the last byte is written.
const lowDisk = 1 << 30

// sameDisk tells where keys lie on the disk of the data (a thief of the disk has both), and whether there is room.
func sameDisk(c config.Config, warn func(error)) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(c.Data, &st); err != nil {
		return nil // that the folder is not there was told
	}
	if device(c.Data) == device(c.RootKey()) {
		warn(fault.New(fault.Conflict, "fault.check.key_beside", "file", c.RootKey()))
	}
	if free := int64(st.Bavail) * st.Bsize; free < lowDisk { // #nosec G115 -- a disk's blocks
		return fault.New(fault.Unavailable, "fault.check.disk", "folder", c.Data, "count", int(free>>20))
	}
	return nil
}

func device(path string) uint64 {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0
	}
	return uint64(st.Dev) // #nosec G115 -- a device's number
}

// certificateSoon is how early a certificate's end is told.
const certificateSoon = 14 * 24 * time.Hour

// Inside looks at what only the program knows: the copies of keys, the backups, and whether every tenant opens.
func (a *App) Inside(ctx context.Context) (all []Finding, err error) {
	tenants, err := a.Lookup.All(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		if t.State == tenant.Pending {
			all = append(all, Finding{Err: fault.New(fault.Conflict, "fault.check.pending", "tenant", t.Slug), Warning: true})
			continue
		}
		if _, release, err := a.House.Get(ctx, t.ID); err != nil {
			all = append(all, Finding{Err: err})
		} else {
			release()
		}
		if !a.Places.StatusOf(t.ID).Whole() {
			all = append(all, Finding{Err: fault.New(fault.Conflict, "fault.keys.lacking", "tenant", t.Slug)})
		}
	}
	more, err := a.lately(ctx)
	if a.Held {
		more = append(more, Finding{Err: fault.New(fault.Conflict, "fault.check.held"), Warning: true})
	}
	return append(append(all, more...), a.certificateEnds()...), err
}

// maxBackupAge is how old the newest backup may be before it is told.
const maxBackupAge = 26 * time.Hour

func (a *App) lately(ctx context.Context) (all []Finding, err error) {
	copied, err := a.KeysCopied(ctx)
	if err != nil {
		return nil, err
	}
	if copied.IsZero() {
		all = append(all, Finding{Err: fault.New(fault.Conflict, "fault.keys.unconfirmed", "file", a.Config.RootKey()), Warning: true})
	}
	last, err := a.LastBackup(ctx)
	switch {
	case err != nil:
		return nil, err
	case last.IsZero():
		all = append(all, Finding{Err: fault.New(fault.Conflict, "fault.check.no_backup"), Warning: true})
	case a.Clock.Now().Sub(last) > maxBackupAge:
		all = append(all, Finding{Err: fault.New(fault.Conflict, "fault.check.old_backup", "time", last.UTC().Format("2006-01-02 15:04Z")), Warning: true})
	}
	return all, nil
}

func (a *App) certificateEnds() []Finding {
	if a.Config.TLSCert == "" {
		return nil
	}
	c, err := a.certificate()
	if err != nil {
		return nil // told already
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return []Finding{{Err: fault.Because(err, fault.Invalid, "fault.app.certificate", "file", a.Config.TLSCert)}}
	}
	if left := leaf.NotAfter.Sub(a.Clock.Now()); left < certificateSoon {
		f := fault.New(fault.Conflict, "fault.check.certificate_ends", "file", a.Config.TLSCert, "time", leaf.NotAfter.UTC().Format(time.DateOnly))
		return []Finding{{Err: f, Warning: left > 0}}
	}
	return nil
}
