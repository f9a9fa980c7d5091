package seal

import (
	"strings"

	"insegel/internal/fault"
)

// The faults of this room. What the operator can mend is Unavailable, so that mail meanwhile gets a
// 451 and is kept by its sender; only what was destroyed on purpose is NotFound.
const (
	keyErased       = "fault.seal.erased"        // NotFound: the key was destroyed
	keyDamaged      = "fault.seal.damaged"       // Internal: does not authenticate: changed, moved, or another key
	keyAhead        = "fault.seal.ahead"         // Unavailable: wrapped under an epoch newer than the key files
	keyRootMissing  = "fault.seal.root_missing"  // Unavailable
	keyRootOpen     = "fault.seal.root_open"     // Unavailable: group or others can read it
	keyRootDamaged  = "fault.seal.root_damaged"  // Unavailable
	keyRootExists   = "fault.seal.root_exists"   // Conflict
	keyRootWrite    = "fault.seal.root_write"    // Unavailable
	keyRootRead     = "fault.seal.root_read"     // Unavailable
	keyEpochMissing = "fault.seal.epoch_missing" // Unavailable: in none of the folders
	keyEpochRoot    = "fault.seal.epoch_root"    // Unavailable: sealed under another root key
	keyEpochDamaged = "fault.seal.epoch_damaged" // Unavailable
	keyEpochRead    = "fault.seal.epoch_read"    // Unavailable: the folders cannot be read
	keyEpochSplit   = "fault.seal.epoch_split"   // Unavailable: two copies of one generation differ
	keyEpochExists  = "fault.seal.epoch_exists"  // Conflict
	keyEpochWrite   = "fault.seal.epoch_write"   // Unavailable: a folder cannot be written, or is not the tenant's
	keyPlacesFew    = "fault.seal.places_few"    // Invalid: fewer than two different folders
	keyTenantName   = "fault.seal.tenant_name"   // Invalid: not a name that may become a file's
)

func erased() error { return fault.New(fault.NotFound, keyErased) }

func damaged(err error) error { return fault.Because(err, fault.Internal, keyDamaged) }

// inDirs says which folders a fault is about.
func inDirs(err error, kind fault.Kind, key, tenant string, dirs []string) error {
	return fault.Because(err, kind, key, "tenant", tenant, "dirs", strings.Join(dirs, ", "))
}
