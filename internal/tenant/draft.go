package tenant

import (
	"bytes"
	"context"
	"io"

	"insegel/internal/fault"
	"insegel/internal/seal"
	"insegel/internal/store"
)

// Draft is bytes that were taken in and wait for the change that names them. Large ones lie sealed and fsynced in
// a file already; if the change never comes they are swept as an orphan.
type Draft struct {
	ID     string
	Size   int64
	small  []byte
	key    seal.FileKey
	isFile bool
}

// Spool takes bytes in before a change. It reads at most limit bytes; more is a fault TooLarge, and nothing is left.
func (t *Tenant) Spool(body io.Reader, limit int64) (*Draft, error) {
	d := &Draft{ID: t.IDs().New()}
	head := new(bytes.Buffer)
	n, err := io.CopyN(head, body, min(Inline, limit)+1)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if n > limit {
		return nil, fault.New(fault.TooLarge, "fault.too_large", "limit", limit)
	}
	if n <= Inline {
		d.Size, d.small = n, head.Bytes()
		return d, nil
	}
	rest := &io.LimitedReader{R: body, N: limit - n + 1}
	d.isFile, d.key = true, seal.NewFileKey(t.house.random)
	d.Size, err = t.Files().Write(d.ID, d.key, io.MultiReader(head, rest))
	if err == nil && rest.N == 0 {
		err = fault.New(fault.TooLarge, "fault.too_large", "limit", limit)
	}
	if err != nil {
		t.Discard(d)
		return nil, err
	}
	return d, nil
}

// Discard forgets a draft that no change will name.
func (t *Tenant) Discard(d *Draft) {
	if d.isFile {
		_ = t.Files().Remove(d.ID) // what stays is swept
	}
}

// Keep stores a draft under a key, in a change.
func (t *Tenant) Keep(w store.Writer, key Bound, d *Draft) {
	if d.isFile {
		t.PutFile(w, key, d.ID, d.Size, d.key)
		return
	}
	t.PutBlob(w, key, d.ID, d.small)
}

// Content is stored bytes, ready to be read after the transaction has ended.
type Content struct {
	Size  int64
	small []byte
	open  func() (io.ReadCloser, error)
}

// Content opens stored bytes of the thing whose key it is.
func (t *Tenant) Content(ctx context.Context, r store.Reader, key Bound, blobID string) (Content, error) {
	b, err := GetBlob(ctx, r, blobID)
	if err != nil {
		return Content{}, err
	}
	if b.KeyID != key.ID {
		return Content{}, fault.New(fault.NotFound, "fault.not_found")
	}
	c := Content{Size: b.Size}
	if !b.IsFile() {
		c.small, err = t.OpenInline(key, b)
		return c, err
	}
	fk, err := t.OpenFileKey(key, b)
	c.open = func() (io.ReadCloser, error) { return t.Files().Open(b.ID, fk) }
	return c, err
}

// Large tells whether the bytes lie in a file of their own.
func (c Content) Large() bool { return c.open != nil }

// Reader reads the bytes as a stream; a large file is never whole in memory.
func (c Content) Reader() (io.ReadCloser, error) {
	if c.open == nil {
		return io.NopCloser(bytes.NewReader(c.small)), nil
	}
	return c.open()
}
