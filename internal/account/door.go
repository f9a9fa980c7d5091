package account

import (
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/id"
)

// Config is what a Door is made from. Zero values take the defaults.
type Config struct {
	Clock clock.Clock
	IDs   *id.Source

	Limits access.Limits // of sessions, as the waist has them

	Params    Params        // of new password hashes
	Hashes    int           // how many are computed at once: 2
	Wait      time.Duration // how long a log-in waits for its turn to hash: 5 s
	Derive    Derive        // nil: Argon2id
	MinLength int           // of a password, in characters: 15
	Attempts  int64         // failed ones that lock a password: 5 (A5)

	InviteLife time.Duration // of an invitation's link: 24 h (A1)
	ResetLife  time.Duration // of a reset link: 1 h, at most 72 h (A2)

	Guesses Rate // failed log-ins from one source, before the account's own lock
	Asks    Rate // reset links asked for from one source
	Mails   Rate // letters with a link to one address
}

// MaxResetLife is how long a reset link may be made to live.
const MaxResetLife = 72 * time.Hour

func (c Config) withDefaults() Config {
	if c.Params == (Params{}) {
		c.Params = DefaultParams()
	}
	if c.Limits == (access.Limits{}) {
		c.Limits = access.DefaultLimits()
	}
	c.Hashes = or(c.Hashes, 2)
	c.Wait = or(c.Wait, 5*time.Second)
	c.MinLength = or(c.MinLength, 15)
	c.Attempts = or(c.Attempts, 5)
	c.InviteLife = or(c.InviteLife, 24*time.Hour)
	c.ResetLife = min(or(c.ResetLife, time.Hour), MaxResetLife)
	c.Guesses = orRate(c.Guesses, Rate{Burst: 10, Every: 10 * time.Second})
	c.Asks = orRate(c.Asks, Rate{Burst: 10, Every: time.Minute})
	c.Mails = orRate(c.Mails, Rate{Burst: 3, Every: 10 * time.Minute})
	return c
}

func or[T int | int64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

func orRate(r, def Rate) Rate {
	if r.Burst <= 0 || r.Every <= 0 {
		return def
	}
	return r
}

// Door is where people come in: it holds the limits on guessing, which are in memory, and the hasher of passwords, which
// bounds how much memory guessing can cost. One for the whole process.
type Door struct {
	c       Config
	hash    *hasher
	rules   rules
	guesses *throttle
	asks    *throttle
	mails   *throttle
}

// New makes a Door.
func New(c Config) *Door {
	c = c.withDefaults()
	return &Door{c: c, hash: newHasher(c), rules: newRules(c.MinLength),
		guesses: newThrottle(c.Clock, c.Guesses), asks: newThrottle(c.Clock, c.Asks), mails: newThrottle(c.Clock, c.Mails)}
}

// MinLength is how many characters a password must have, for the page that says so.
func (d *Door) MinLength() int { return d.c.MinLength }
