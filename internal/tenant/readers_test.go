package tenant_test

import (
	"context"
	"errors"
	"testing"
	"time"
)

// An old epoch key is destroyed only when nobody reads a snapshot in which rows still are wrapped under it.
func TestARotationWaitsForWhoReads(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		s, err := n.make("kept")
		n.ok(err)
		row, err := n.row("kept")
		n.ok(err)
		done := n.tenant.Reading()
		steps := n.steps()
		for _, step := range steps[:len(steps)-1] {
			n.ok(step())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := n.tenant.FinishRotation(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("finished under a reader: %v", err)
		}
		if _, err := n.tenant.Unwrap(row); err != nil {
			t.Fatalf("the reader's row does not open: %v", err)
		}
		done()
		n.ok(n.tenant.FinishRotation(t.Context()))
		_, err = n.tenant.Unwrap(row)
		n.want(err, "fault.seal.erased")
		n.ok(n.opens(s))
	})
}
