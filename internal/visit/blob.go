package visit

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Draft is bytes that were taken in and wait for the change that names them.
type Draft = tenant.Draft

// Content is stored bytes, ready to be read after the view has ended.
type Content = tenant.Content

// Spool takes bytes in before a change, large ones in a sealed and fsynced file. More than limit bytes is TooLarge, and nothing is left.
func (v *Visit) Spool(body io.Reader, limit int64) (*Draft, error) {
	return v.tenant.Spool(body, limit)
}

// doubt remembers that nobody knows whether a change was committed.
type doubt struct{ atomic.Bool }

func (d *doubt) note(err error) {
	if errors.Is(err, store.Uncertain(nil)) {
		d.Store(true)
	}
}

// Discard forgets a draft that no change will name. After a change that may have been committed it is left to the sweep.
func (v *Visit) Discard(d *Draft) {
	if !v.doubt.Load() {
		v.tenant.Discard(d)
	}
}

// Keep stores a draft under a key, in the change.
func (w *Writer) Keep(k Key, d *Draft) {
	v := w.v
	v.tenant.Keep(w.w, k.bound, d)
	w.Made("blob", 1)
}

// Rekey moves stored bytes from one thing to another, as when a letter becomes part of a case.
func (w *Writer) Rekey(ctx context.Context, blobID string, from, to Key) error {
	b, err := tenant.GetBlob(ctx, w.w, blobID)
	if err != nil {
		return err
	}
	w.opens(from.name)
	return w.v.tenant.Rekey(w.w, b, from.bound, to.bound)
}

// Drop removes stored bytes; a file is swept afterwards.
func (w *Writer) Drop(blobID string) {
	tenant.EndBlob(w.w, blobID)
	w.Made("blob", -1)
}

// Blob opens stored bytes of the thing whose key it is.
func (r *Reader) Blob(ctx context.Context, k Key, blobID string) (Content, error) {
	c, err := r.v.tenant.Content(ctx, r.s, k.bound, blobID)
	if err == nil {
		r.opens(k.name)
	}
	return c, err
}
