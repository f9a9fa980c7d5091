package gallery

import (
	"bytes"
	"context"
	"testing"
)

// A page is bounded, so that a line that grows by a kilobyte a row is seen here first.
func TestPagesAreSmall(t *testing.T) {
	for _, s := range scenes() {
		var b bytes.Buffer
		if err := s.page.Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		limit := 30_000
		if s.Name == "list-many" { // 50 rows
			limit = 90_000
			t.Logf("a list of 50 rows: %d bytes", b.Len())
		}
		if b.Len() > limit {
			t.Errorf("%s is %d bytes", s.Name, b.Len())
		}
	}
}
