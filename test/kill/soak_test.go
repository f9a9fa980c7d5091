//go:build soak

package kill

import (
	"testing"

	"insegel/internal/store/storetest"
)

// TestSoakKilled kills the program hundreds of times under load.
func TestSoakKilled(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killed(t, "", 150) })
	t.Run("postgres", func(t *testing.T) { killed(t, storetest.OwnCluster(t).URL("killed"), 150) })
}
