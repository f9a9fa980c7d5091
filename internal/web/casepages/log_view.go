package casepages

import (
	"time"

	"insegel/internal/web/kit"
)

// Log is the log of one case.
type Log struct {
	kit.Page
	Number int64
	Rows   []LogRow
	Next   string // address of the next page; empty at the end
	First  string // address of the newest page; empty on it
	Proof  Proof
}

// LogRow is one record in words.
type LogRow struct {
	At         time.Time
	Who        string
	WhoErased  bool // names of logins go after 90 days (D4)
	What       string
	Detail     string // before and after, where the act changed something
	DetailGone bool   // it died with the case's key
	From       string // address, or the program's own channel
	FromErased bool
	Record     int64 // its number in the tenant's log
}

// Proof tells what was just checked: that each of the shown records stands in the tree.
type Proof struct {
	Checked  bool
	Holds    bool
	TreeSize int64
	Root     string // the tree's head, short
	At       time.Time
}
