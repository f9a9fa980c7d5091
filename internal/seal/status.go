package seal

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"insegel/internal/fault"
)

// CopyState says how one copy of a tenant's epoch keys is.
type CopyState string

// The states of a copy. Only CopyWhole is good.
const (
	CopyWhole      CopyState = "whole"
	CopyBehind     CopyState = "behind" // whole, and older than another
	CopyMissing    CopyState = "missing"
	CopyDamaged    CopyState = "damaged"
	CopyOtherRoot  CopyState = "other_root"
	CopyUnreadable CopyState = "unreadable" // the folder or the file cannot be read
)

// Copy is one folder's copy.
type Copy struct {
	Dir   string
	State CopyState
}

// TenantStatus is how a tenant's epoch keys are kept. Current and Next are 0 where no copy is whole or
// the tenant is being removed.
type TenantStatus struct {
	Tenant        string
	Current, Next uint64
	Copies        []Copy // in the order of the folders
}

// Whole tells whether every folder has the newest copy.
func (s TenantStatus) Whole() bool {
	return s.Current != 0 && !slices.ContainsFunc(s.Copies, func(c Copy) bool { return c.State != CopyWhole })
}

// maxListed bounds what Status reads of one folder.
const maxListed = 100_000

// Status reads all copies of all tenants and changes nothing. It fails only if no folder can be listed.
func (p *Places) Status() ([]TenantStatus, error) {
	names := map[string]bool{}
	var failed error
	listed := 0
	for _, f := range p.folders {
		if err := tenantsIn(f.dir, names); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		listed++
	}
	if listed == 0 {
		return nil, inDirs(failed, fault.Unavailable, keyEpochRead, "", p.Dirs())
	}
	all := make([]TenantStatus, 0, len(names))
	for name := range names {
		all = append(all, p.StatusOf(name))
	}
	slices.SortFunc(all, func(a, b TenantStatus) int { return strings.Compare(a.Tenant, b.Tenant) })
	return all, nil
}

// StatusOf reads the copies of one tenant and changes nothing.
func (p *Places) StatusOf(tenant string) TenantStatus {
	s := TenantStatus{Tenant: tenant}
	if !fileTenant(tenant) {
		return s
	}
	copies := p.read(tenant)
	best, err := newest(tenant, copies)
	if err == nil {
		s.Current, s.Next = best.current, best.next
	}
	for _, c := range copies {
		state := c.state
		if state == CopyWhole && best != nil && c.keys.generation != best.generation {
			state = CopyBehind
		}
		s.Copies = append(s.Copies, Copy{Dir: c.dir, State: state})
	}
	return s
}

// Dirs names the folders in their order.
func (p *Places) Dirs() []string {
	dirs := make([]string, len(p.folders))
	for i, f := range p.folders {
		dirs[i] = f.dir
	}
	return dirs
}

func tenantsIn(dir string, names map[string]bool) error {
	d, err := os.Open(dir) // #nosec G304 -- a folder that was configured
	if err != nil {
		return err
	}
	defer d.Close()
	entries, err := d.Readdirnames(maxListed)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, e := range entries {
		if tenant, ok := strings.CutSuffix(e, epochSuffix); ok && fileTenant(tenant) {
			names[tenant] = true
		}
	}
	return nil
}
