package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"insegel/internal/fault"
)

// slotSize is the room for one signed checkpoint; two slots lie in one file and are written in turn, so that
// a write torn by a power cut leaves the other.
const slotSize = 512

// Mark is the high-water mark of a tenant's log, kept outside its database and written after every commit, before
// anybody is answered. A database whose past is shorter, as after a truncated write-ahead log, is found by it.
// It is not fsynced: a process that is killed leaves it whole, and after a power cut an older one still proves.
type Mark struct {
	path   string
	signer *Signer
	mu     sync.Mutex
	file   *os.File
	slot   int64
	size   int64
}

// OpenMark opens or makes the mark file of a tenant in dir.
func OpenMark(dir, tenantID string, s *Signer) (*Mark, Checkpoint, error) {
	m := &Mark{path: filepath.Join(dir, tenantID+".mark"), signer: s, size: -1}
	b, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, Checkpoint{Size: -1}, nil
	}
	if err != nil {
		return nil, Checkpoint{}, fault.Because(err, fault.Unavailable, "fault.log.mark_unreadable", "tenant", tenantID)
	}
	best, found := Checkpoint{Size: -1}, false
	for i := int64(0); i < 2 && int64(len(b)) >= (i+1)*slotSize; i++ {
		if c, err := s.Open(trimSlot(b[i*slotSize : (i+1)*slotSize])); err == nil && c.Size > best.Size {
			best, found, m.slot = c, true, 1-i
		}
	}
	if !found {
		return nil, Checkpoint{}, fault.New(fault.Conflict, "fault.log.mark_damaged", "tenant", tenantID, "file", m.path)
	}
	m.size = best.Size
	return m, best, nil
}

// Set writes a new checkpoint. A smaller one than the last is ignored: two commits may come out of order.
func (m *Mark) Set(size int64, root [32]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if size <= m.size {
		return nil
	}
	signed, err := m.signer.sign(size, root)
	if err != nil {
		return fmt.Errorf("sign mark: %w", err)
	}
	if len(signed) > slotSize {
		return fmt.Errorf("mark of %d bytes does not fit its slot", len(signed))
	}
	if m.file == nil {
		if m.file, err = os.OpenFile(m.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return fmt.Errorf("open mark: %w", err)
		}
	}
	var slot [slotSize]byte
	copy(slot[:], signed)
	if _, err := m.file.WriteAt(slot[:], m.slot*slotSize); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	m.slot, m.size = 1-m.slot, size
	return nil
}

// Close closes the file.
func (m *Mark) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	err := errors.Join(m.file.Sync(), m.file.Close())
	m.file = nil
	return err
}

func trimSlot(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// EndMark removes a tenant's mark: the next one begins anew.
func EndMark(dir, tenantID string) error {
	if err := os.Remove(filepath.Join(dir, tenantID+".mark")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Because(err, fault.Unavailable, "fault.log.mark_unreadable", "tenant", tenantID)
	}
	return nil
}
