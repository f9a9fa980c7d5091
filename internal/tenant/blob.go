package tenant

import (
	"context"
	"errors"

	"insegel/internal/fault"
	"insegel/internal/seal"
	"insegel/internal/store"
)

// Inline is how large bytes may be to lie in their row; above it they are a sealed file, written and
// fsynced before the row commits.
const Inline = 64 << 10

// Blob is a row of sealed bytes. Exactly one of inline and filekey is set.
type Blob struct {
	ID      string
	KeyID   string
	Size    int64 // of the plain bytes
	inline  []byte
	filekey []byte
}

// IsFile tells whether the bytes lie in a file.
func (b Blob) IsFile() bool { return b.filekey != nil }

// PutBlob stores bytes small enough for a row, sealed under key.
func (t *Tenant) PutBlob(w store.Writer, key Bound, blobID string, plain []byte) {
	w.Put(sqlBlobNew, blobID, key.ID, int64(len(plain)), key.seal(t, "blob", "inline", blobID, plain), nil)
}

// PutFile stores the row of a file that was written under fk.
func (t *Tenant) PutFile(w store.Writer, key Bound, blobID string, size int64, fk seal.FileKey) {
	w.Put(sqlBlobNew, blobID, key.ID, size, nil, key.Key.WrapFile(key.ad(t, "blob", "filekey", blobID), fk))
}

// GetBlob reads a row.
func GetBlob(ctx context.Context, r store.Reader, blobID string) (Blob, error) {
	b := Blob{ID: blobID}
	err := r.QueryRow(ctx, sqlBlobGet, []any{blobID}, &b.KeyID, &b.Size, &b.inline, &b.filekey)
	if errors.Is(err, store.ErrNoRows) {
		return b, fault.New(fault.NotFound, "fault.not_found")
	}
	return b, err
}

// OpenInline opens bytes that lie in their row.
func (t *Tenant) OpenInline(key Bound, b Blob) ([]byte, error) {
	return key.Key.Open(key.ad(t, "blob", "inline", b.ID), b.inline)
}

// OpenFileKey opens the key of bytes that lie in a file.
func (t *Tenant) OpenFileKey(key Bound, b Blob) (seal.FileKey, error) {
	return key.Key.UnwrapFile(key.ad(t, "blob", "filekey", b.ID), b.filekey)
}

// Rekey re-seals a blob under another key, as when a letter becomes part of a case. A file keeps its bytes: only
// its key is wrapped anew.
func (t *Tenant) Rekey(w store.Writer, b Blob, from, to Bound) error {
	if b.IsFile() {
		fk, err := t.OpenFileKey(from, b)
		if err != nil {
			return err
		}
		w.Put(sqlBlobRekey, to.ID, nil, to.Key.WrapFile(to.ad(t, "blob", "filekey", b.ID), fk), b.ID)
		return nil
	}
	plain, err := t.OpenInline(from, b)
	if err != nil {
		return err
	}
	w.Put(sqlBlobRekey, to.ID, to.seal(t, "blob", "inline", b.ID, plain), nil, b.ID)
	return nil
}

// EndBlob removes a blob's row; its file is swept as an orphan.
func EndBlob(w store.Writer, blobID string) { w.Put(sqlBlobEnd, blobID) }

// Bound is a key with what it is bound to.
type Bound struct {
	ID      string
	Purpose string
	Key     seal.Key
}

func (b Bound) ad(t *Tenant, table, column, row string) seal.AD {
	return seal.AD{Tenant: t.ID, Purpose: b.Purpose, Table: table, Column: column, Row: row}
}

func (b Bound) seal(t *Tenant, table, column, row string, plain []byte) []byte {
	return b.Key.Seal(nil, b.ad(t, table, column, row), plain)
}

// Seal seals a value for its place in this tenant.
func (t *Tenant) Seal(b Bound, table, column, row string, plain []byte) []byte {
	return b.seal(t, table, column, row, plain)
}

// Open opens a value from its place in this tenant.
func (t *Tenant) Open(b Bound, table, column, row string, sealed []byte) ([]byte, error) {
	return b.Key.Open(b.ad(t, table, column, row), sealed)
}
