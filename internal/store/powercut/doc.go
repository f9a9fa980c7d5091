// Package powercut cuts the power under SQLite: the embedded engine's SQL and pragmas run over a file system that
// forgets what was not synced, at random moments, and nothing acknowledged may be missing afterwards.
//
// It is tests only, and a binary of its own: modernc.org/sqlite takes no file system written in Go, so the
// same SQLite runs here through github.com/ncruces/go-sqlite3, in exclusive mode since only one connection is needed.
// What it owns is the simulated disk; what it proves is the choice of pragmas, not the driver.
package powercut
