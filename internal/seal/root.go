package seal

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"insegel/internal/fault"
)

const (
	rootMagic   = "insegel-root-v1"
	maxRootFile = 4096
	sumSize     = 8
)

// Root is the root key of an installation. It only wraps and unwraps the tenants' epoch keyrings,
// always with associated data: what a key service in its place (Vault, a cloud KMS) can do too.
type Root struct{ in *rootInner }

type rootInner struct {
	box
	id [8]byte
}

// LoadRoot reads the root key. Every fault says what to do; nothing is ever written.
func LoadRoot(path string) (*Root, error) {
	// O_NONBLOCK: a named pipe in place of the file must not hang the start.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // #nosec G304 -- the operator's own choice
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Because(err, fault.Unavailable, keyRootMissing, "path", path)
	}
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, keyRootRead, "path", path)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, fault.Because(err, fault.Unavailable, keyRootRead, "path", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Unavailable, keyRootOpen, "path", path, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRootFile+1))
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, keyRootRead, "path", path)
	}
	raw, err := parseRoot(text)
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, keyRootDamaged, "path", path)
	}
	return rootOf(raw, nil), nil
}

// CreateRoot makes a new root key at path, mode 0600, and never replaces a file that is there. When it
// returns, file and folder are on disk. A nil reader means crypto/rand.
func CreateRoot(path string, random io.Reader) (*Root, error) {
	random = orSystem(random)
	var raw [keySize]byte
	mustRead(random, raw[:])
	err := publishNew(path, formatRoot(raw))
	if errors.Is(err, fs.ErrExist) {
		return nil, fault.Because(err, fault.Conflict, keyRootExists, "path", path)
	}
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, keyRootWrite, "path", path)
	}
	return rootOf(raw, random), nil
}

// publishNew makes the whole file appear at once: a crash leaves no half key at path, and the link
// fails if a file is there, as O_EXCL would.
func publishNew(path string, text []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".insegel-root-*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return err
	}
	return syncDir(dir) // the new name and the end of the temporary one
}

func rootOf(raw [keySize]byte, random io.Reader) *Root {
	in := &rootInner{box: newBox(derive(raw[:], "insegel root wrap v1"), orSystem(random))}
	copy(in.id[:], derive(raw[:], "insegel root id v1"))
	return &Root{in}
}

// ID is a short public fingerprint: 16 hexadecimal digits that say which root key this is and nothing else.
func (r *Root) ID() string { return hex.EncodeToString(r.must().id[:]) }

// Wrap seals a keyring for its place.
func (r *Root) Wrap(ad AD, plain []byte) []byte {
	return r.must().seal(nil, ad.encode(nil, forRoot), plain)
}

// Unwrap opens what Wrap sealed for the same place.
func (r *Root) Unwrap(ad AD, sealed []byte) ([]byte, error) {
	plain, err := r.must().open(ad.encode(nil, forRoot), sealed)
	if err != nil {
		return nil, damaged(err)
	}
	return plain, nil
}

func (r *Root) must() *rootInner {
	if r == nil || r.in == nil {
		panic("seal: use of the zero root key")
	}
	return r.in
}

func formatRoot(raw [keySize]byte) []byte {
	return fmt.Appendf(nil, "%s %s %s\n", rootMagic, base64.StdEncoding.EncodeToString(raw[:]), hex.EncodeToString(rootSum(raw)))
}

// parseRoot tells a damaged file from a wrong one: what passes here is a key as it was written.
func parseRoot(text []byte) (raw [keySize]byte, err error) {
	if len(text) > maxRootFile {
		return raw, errors.New("the file is too long")
	}
	fields := strings.Split(strings.TrimRight(string(text), "\r\n"), " ")
	if len(fields) != 3 || fields[0] != rootMagic {
		return raw, errors.New("the file is not one line of three words that starts with " + rootMagic)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil || len(b) != keySize || strings.ContainsAny(fields[1], "\r\n") {
		return raw, errors.New("the key is not 32 bytes of base64") // the cause could quote the key
	}
	sum, err := hex.DecodeString(fields[2])
	copy(raw[:], b)
	if err != nil || subtle.ConstantTimeCompare(sum, rootSum(raw)) != 1 {
		return [keySize]byte{}, errors.New("the checksum does not fit the key")
	}
	return raw, nil
}

func rootSum(raw [keySize]byte) []byte {
	sum := sha256.Sum256(append([]byte(rootMagic+" "), raw[:]...))
	return sum[:sumSize]
}
