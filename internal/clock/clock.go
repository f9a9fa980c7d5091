// Package clock passes time in, so that a test can hold it still.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time. Everything that decides by time takes one; nothing calls time.Now itself.
type Clock interface{ Now() time.Time }

// System is the machine's clock.
type System struct{}

// Now gives the present time in UTC.
func (System) Now() time.Time { return time.Now().UTC() }

// Manual is a clock for tests: it stands still until it is moved. Safe for use by several goroutines.
type Manual struct {
	mu sync.Mutex
	t  time.Time
}

// At makes a Manual that shows t.
func At(t time.Time) *Manual { return &Manual{t: t.UTC()} }

// Now gives the time shown.
func (m *Manual) Now() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.t }

// Add moves the clock forward.
func (m *Manual) Add(d time.Duration) { m.mu.Lock(); defer m.mu.Unlock(); m.t = m.t.Add(d) }

// Micros is a time as the databases hold it: microseconds since 1970 in UTC, 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
