package tenant

import (
	"context"

	"insegel/internal/audit"
	"insegel/internal/store"
)

// look holds what a crash left behind against its mark before the engine repairs it: where its end is lost, or the schema is newer
// than the program, nothing is changed, so that the right files can still be put back.
func (h *House) look(ctx context.Context, tenantID string) error {
	l, ok := h.engine.(store.Looker)
	if !ok {
		return nil
	}
	return l.Look(ctx, tenantID, func(r store.Reader) error {
		version, err := store.VersionOf(ctx, r)
		newest := int64(len(h.migrations))
		if err == nil && version > newest {
			err = store.NewerSchema(version, newest)
		}
		if err != nil || version < newest {
			return err // an older one is read by who knows how: the opening, after it was brought up
		}
		t := &Tenant{ID: tenantID, house: h}
		if err := t.reload(); err != nil {
			return err
		}
		signer, err := t.signerOf(ctx, r)
		if err != nil {
			return err
		}
		mark, last, err := audit.OpenMark(h.marks, tenantID, signer)
		if err != nil {
			return err
		}
		return audit.NewLog(tenantID, signer, mark).ProveMark(ctx, r, last)
	})
}
