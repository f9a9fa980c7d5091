package continuity

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"insegel/internal/fault"
	"insegel/internal/id"
)

// Names inside a backup.
const (
	manifestName = "manifest.json"
	sealName     = "manifest.sig"
	databases    = "databases"
	files        = "files"
	lists        = "lists"
	keys         = "keys"

	format      = 1
	maxManifest = 64 << 20
	sealedText  = "insegel-backup-v1\n"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format   int       `json:"format"`
	At       time.Time `json:"at"` // when it was begun: what was acknowledged before is in it
	Version  string    `json:"version"`
	Engine   string    `json:"engine"`
	Schema   int       `json:"schema"`
	Root     string    `json:"root_key"` // public fingerprint of the root key that is needed
	Operator string    `json:"operator"`
	Tenants  []Tenant  `json:"tenants"`
	Lacking  []Lacking `json:"lacking,omitempty"` // could not be copied: they are not in it
}

// Tenant is one tenant's part, by id: what a customer is called is only in the operator's sealed database.
type Tenant struct {
	ID       string `json:"id"`
	Database Piece  `json:"database"`
	Keys     Piece  `json:"keys"`  // wrapped keys, at least as new as the database
	List     Piece  `json:"list"`  // digests of the sealed files, in the form of sha256sum
	Files    int    `json:"files"` // how many, with how many bytes
	Bytes    int64  `json:"bytes"`
	// Checkpoint is the log's signed head just before the database was copied: the copy continues it. Records is the log's size
	// just after, which the copy does not exceed.
	Checkpoint string `json:"checkpoint"`
	Records    int64  `json:"records"`
}

// Piece is one file of a backup.
type Piece struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Lacking is a tenant that could not be copied, and why, by the fault's key.
type Lacking struct {
	ID    string `json:"id"`
	Fault string `json:"fault"`
}

// Size is how much a backup holds.
func (m *Manifest) Size() (n int64) {
	for _, t := range m.Tenants {
		n += t.Database.Size + t.Keys.Size + t.List.Size + t.Bytes
	}
	return n
}

// readManifest reads what a backup says of itself, and refuses a path that leaves it.
func readManifest(backup string) (*Manifest, []byte, error) {
	b, err := readBounded(filepath.Join(backup, manifestName), maxManifest)
	if err != nil {
		return nil, nil, fault.Because(err, fault.Invalid, "fault.backup.manifest", "backup", backup)
	}
	m := &Manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, nil, fault.Because(err, fault.Invalid, "fault.backup.manifest", "backup", backup)
	}
	if m.Format != format {
		return nil, nil, fault.New(fault.Conflict, "fault.backup.format", "backup", backup, "have", m.Format, "know", format)
	}
	for _, t := range m.Tenants {
		if !id.Valid(t.ID) {
			return nil, nil, fault.New(fault.Invalid, "fault.backup.manifest", "backup", backup)
		}
		for _, p := range []Piece{t.Database, t.Keys, t.List} {
			if !filepath.IsLocal(p.Path) {
				return nil, nil, fault.New(fault.Invalid, "fault.backup.manifest", "backup", backup)
			}
		}
	}
	return m, b, nil
}

// write makes the manifest durable, with the operator's signature beside it.
func (m *Manifest) write(dir string, s note.Signer) error {
	b, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	sig, err := note.Sign(&note.Note{Text: sealedText + digestOf(b) + "\n"}, s)
	if err != nil {
		return err
	}
	return errors.Join(writeDurable(filepath.Join(dir, manifestName), b), writeDurable(filepath.Join(dir, sealName), sig), syncPath(dir))
}

// Signed tells whether a manifest is the one that the operator's log has signed; key is the log's, as text.
func Signed(backup, key string) error {
	bad := func(err error) error {
		return fault.Because(err, fault.Conflict, "fault.backup.signature", "backup", backup)
	}
	_, b, err := readManifest(backup)
	if err != nil {
		return err
	}
	sig, err := readBounded(filepath.Join(backup, sealName), 4096)
	if err != nil {
		return bad(err)
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return bad(err)
	}
	n, err := note.Open(sig, note.VerifierList(v))
	if err != nil {
		return bad(err)
	}
	if n.Text != sealedText+digestOf(b)+"\n" {
		return bad(errors.New("it was signed for another manifest"))
	}
	return nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, errors.New("no plain file, or too large: " + path)
	}
	return os.ReadFile(path) // #nosec G304 -- in the folder that the operator named
}
