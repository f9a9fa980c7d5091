package account

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"insegel/internal/fault"
	"insegel/internal/id"
)

// Params are the costs of Argon2id (RFC 9106 3.1).
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams are RFC 9106's second recommendation (64 MiB, 3 passes), on one thread: a log-in then costs one core's time,
// and not that of all its neighbours.
func DefaultParams() Params { return Params{Memory: 64 << 10, Time: 3, Threads: 1} }

const (
	saltSize = 16 // RFC 9106 3.1
	hashSize = 32
)

// Derive is the function that hashes.
type Derive func(password, salt []byte, p Params) []byte

func argon(password, salt []byte, p Params) []byte {
	return argon2.IDKey(password, salt, p.Time, p.Memory, p.Threads, hashSize)
}

// hasher hashes a bounded number of passwords at once: each takes its memory for a while, and who guesses must not be able to take
// all of it (ASVS 2.4.1).
type hasher struct {
	params Params
	derive Derive
	ids    *id.Source
	turns  chan struct{}
	wait   time.Duration
	rest   *time.Timer // gives the memory of the last hash back to the system
}

// restAfter is how long after the last hash its memory is given back: each leaves 64 MB of garbage, more than the whole
// program holds otherwise.
const restAfter = 5 * time.Second

func newHasher(c Config) *hasher {
	h := &hasher{params: c.Params, derive: c.Derive, ids: c.IDs, turns: make(chan struct{}, c.Hashes), wait: c.Wait}
	if h.derive == nil {
		h.derive = argon
	}
	h.rest = time.AfterFunc(restAfter, debug.FreeOSMemory)
	h.rest.Stop()
	return h
}

// run hashes when it is its turn, or says that there are too many.
func (h *hasher) run(ctx context.Context, password string, salt []byte, p Params) ([]byte, error) {
	limit := time.NewTimer(h.wait)
	defer limit.Stop()
	select {
	case h.turns <- struct{}{}:
	case <-limit.C:
		return nil, fault.New(fault.Unavailable, "fault.signin.busy")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() {
		h.rest.Reset(restAfter)
		<-h.turns
	}()
	return h.derive([]byte(password), salt, p), nil
}

// make hashes a new password and writes it in PHC form.
func (h *hasher) make(ctx context.Context, password string) (string, error) {
	salt := h.ids.Bytes(saltSize)
	sum, err := h.run(ctx, password, salt, h.params)
	if err != nil {
		return "", err
	}
	return phc{h.params, salt, sum}.String(), nil
}

// check tells whether the password is the one that was hashed, and whether it was hashed with less than is asked for now. It hashes
// exactly once whatever is stored: nothing (no such account, no password yet) takes as long and is never right.
func (h *hasher) check(ctx context.Context, stored, password string) (ok, weak bool, err error) {
	want := phc{h.params, make([]byte, saltSize), nil}
	if stored != "" {
		if want, err = parsePHC(stored); err != nil {
			return false, false, err
		}
	}
	got, err := h.run(ctx, password, want.salt, want.params)
	if err != nil {
		return false, false, err
	}
	ok = len(want.sum) == hashSize && subtle.ConstantTimeCompare(got, want.sum) == 1
	return ok, weaker(want.params, h.params), nil
}

func weaker(p, than Params) bool {
	return p.Memory < than.Memory || p.Time < than.Time || p.Threads < than.Threads
}

// phc is a hash as it is stored: $argon2id$v=19$m=65536,t=3,p=1$salt$hash.
type phc struct {
	params Params
	salt   []byte
	sum    []byte
}

func (p phc) String() string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.params.Memory, p.params.Time, p.params.Threads,
		b.EncodeToString(p.salt), b.EncodeToString(p.sum))
}

var errPHC = errors.New("account: a stored password is not in the form that is written here")

// Costs that a stored hash may ask for at most: a damaged row must not take the machine's memory.
const (
	maxMemory = 1 << 20 // KiB: 1 GiB
	maxTime   = 64
)

func parsePHC(s string) (phc, error) {
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errPHC
	}
	var p phc
	if _, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.params.Memory, &p.params.Time, &p.params.Threads); err != nil {
		return phc{}, errPHC
	}
	if c := p.params; c.Memory < 8 || c.Memory > maxMemory || c.Time < 1 || c.Time > maxTime || c.Threads < 1 {
		return phc{}, errPHC
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.DecodeString(f[4])
	p.sum, err2 = base64.RawStdEncoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(p.salt) < saltSize || len(p.sum) != hashSize || p.String() != s {
		return phc{}, errPHC
	}
	return p, nil
}
