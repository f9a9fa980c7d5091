package accountpages

import (
	"time"

	"insegel/internal/web/kit"
)

// Purpose tells why somebody holds a link.
type Purpose string

// The links: a new account's, and one for who forgot the password.
const (
	Invitation Purpose = "invitation"
	Reset      Purpose = "reset"
)

// Choose is the page behind a link that is still good.
type Choose struct {
	kit.Page
	Purpose   Purpose
	Email     string
	Action    string // where the form goes: the link itself
	MinLength int
	Until     time.Time // the link's end
	Errors    kit.Errors
}

// Gone is the page behind a link that is used up, too old, or was never one of ours.
type Gone struct {
	kit.Page
	Purpose Purpose
	Why     Why
	Renew   string // where the button goes that sends a new link to the address of the old one; empty: no button
	Sent    bool   // it was just pressed
}

// Why a link is no longer good.
type Why string

// The reasons.
const (
	Used    Why = "used"
	Expired Why = "expired"
	Unknown Why = "unknown"
)

// Login is the page to log in.
type Login struct {
	kit.Page
	Email   string
	Next    string // the path to go on to
	Failure Failure
	Retry   time.Duration // with Throttled
	LogOut  bool          // arrived here by logging out
	Keep    kit.Resume    // a form that was sent when the session had ended
	Errors  kit.Errors
}

// Resumed is the page after logging in again, with what was typed before.
type Resumed struct {
	kit.Page
	Keep kit.Resume
}

// Failure tells why logging in did not work. It is the same for an address that nobody has (ASVS 6.3.8).
type Failure string

// The failures.
const (
	Wrong     Failure = "wrong"
	Locked    Failure = "locked"
	Throttled Failure = "throttled"
)

// Forgotten is the page to ask for a reset link, and the answer to it.
type Forgotten struct {
	kit.Page
	Email  string
	Sent   bool // the answer, the same whether the address has an account or not
	Errors kit.Errors
}

// Plain is the page that refuses a log-in over plain HTTP from another machine.
type Plain struct {
	kit.Page
	Secure string // the same address by https; empty where it is not known to answer
	Port   string // of the plain listener, for the tunnel
	Host   string // as the browser asked for it, without port
}

func minutes(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }
