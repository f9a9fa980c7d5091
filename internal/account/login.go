package account

import (
	"context"
	"errors"
	"time"

	"golang.org/x/text/unicode/norm"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/mailmsg"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Attempt is somebody at the door.
type Attempt struct {
	Mail, Password string
	Previous       string // secret of the session that the browser had, if any: it ends, and a new one begins (ASVS 7.2.4)
}

// Session is what a log-in gives. Secret is for the cookie and stored nowhere.
type Session struct {
	Secret  string
	Account string
	Expires time.Time
}

// Why a log-in fails. The answer to who tried is always the first; the log has the true one.
var (
	errWrong  = fault.New(fault.Unknown, "fault.signin.wrong")
	errLocked = fault.New(fault.Unknown, "fault.signin.locked")
)

// credentials is an account as the door sees it; the zero value is nobody.
type credentials struct {
	id       string
	password string
	failed   int64
	locked   int64
}

func find(ctx context.Context, r *visit.Reader, sql string, key any) (c credentials, err error) {
	err = r.QueryRow(ctx, sql, []any{key}, &c.id, &c.password, &c.failed, &c.locked)
	if errors.Is(err, store.ErrNoRows) {
		return credentials{}, nil
	}
	return c, err
}

// Login tries an address and a password, in a visit of access.Login, and opens a session. Unknown address, wrong password and locked
// account cost the same work (one read, one hash, one change) and get the same answer. Every try is a record.
func (d *Door) Login(ctx context.Context, v *visit.Visit, a Attempt) (Session, error) {
	from := source(v.Actor().Address)
	if err := d.allow(ctx, v, d.guesses, from); err != nil {
		return Session{}, err
	}
	hash := v.Lookup("login", mailmsg.NormalizeAddress(a.Mail))
	who, err := visit.View(ctx, v, func(r *visit.Reader) (credentials, error) { return find(ctx, r, sqlActiveByMail, hash) })
	if err != nil {
		return Session{}, err
	}
	password, usable := normalise(a.Password)
	ok, weak, err := d.hash.check(ctx, who.password, password)
	if err != nil {
		return Session{}, err
	}
	better := who.password
	if ok && weak { // A4: raised at the next log-in
		if better, err = d.hash.make(ctx, password); err != nil {
			return Session{}, err
		}
	}
	t := &try{door: d, hash: hash, who: who, right: ok && usable, better: better, secret: v.Token(), previous: a.Previous}
	s, err := visit.Update(ctx, v, func(w *visit.Writer) (Session, error) { return t.decide(ctx, w) })
	switch {
	case err != nil:
		return Session{}, err
	case s.Secret == "":
		return Session{}, errWrong
	}
	d.guesses.giveBack(from)
	return s, nil
}

// try is a log-in after its password was checked.
type try struct {
	door     *Door
	hash     []byte
	who      credentials
	right    bool
	better   string // what to store now
	secret   string
	previous string
}

// decide counts and decides under the writer's lock, so that of many guesses at the same moment not one is missed.
func (t *try) decide(ctx context.Context, w *visit.Writer) (Session, error) {
	now, err := find(ctx, &w.Reader, sqlActiveByMail, t.hash)
	if err != nil {
		return Session{}, err
	}
	w.Object(now.id)
	switch {
	case now.id == "":
		return Session{}, w.Refused(errWrong)
	case now.locked != 0:
		return Session{}, w.Refused(errLocked)
	case !t.right || now.password != t.who.password: // it was changed while this one was being checked
		return Session{}, t.count(w, now)
	}
	v := w.Visit()
	w.Put(sqlEntered, clock.Micros(v.Now()), t.better, now.id)
	if t.previous != "" {
		access.EndSession(w, id.TokenHash(t.previous))
	}
	limits := t.door.c.Limits
	access.OpenSession(w, id.TokenHash(t.secret), now.id, v.Now(), limits)
	return Session{Secret: t.secret, Account: now.id, Expires: v.Now().Add(limits.SessionLife)}, nil
}

// count adds a failed attempt and locks the password at the last one (A5).
func (t *try) count(w *visit.Writer, now credentials) error {
	now.failed++
	if now.failed >= t.door.c.Attempts {
		now.locked = clock.Micros(w.Visit().Now())
		w.Set("locked", "true")
	}
	w.Put(sqlFailed, now.failed, now.locked, now.id)
	w.Set("failed", visit.Number(now.failed))
	return w.Refused(errWrong)
}

// allow takes a try of a throttle, or refuses. Only the first refusal in a row is a record.
func (d *Door) allow(ctx context.Context, v *visit.Visit, t *throttle, key string) error {
	ok, wait, first := t.take(key)
	if ok {
		return nil
	}
	refusal := fault.New(fault.TooMany, "fault.signin.throttled", "count", int((wait+time.Second-1)/time.Second))
	if first {
		if _, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) { return struct{}{}, w.Refused(refusal) }); err != nil {
			return err
		}
	}
	return refusal
}

// RetryAfter tells how long to wait after a fault of kind TooMany from this room.
func RetryAfter(err error) time.Duration {
	if f := fault.Of(err); f.Kind == fault.TooMany {
		if n, ok := f.Args["count"].(int); ok {
			return time.Duration(n) * time.Second
		}
	}
	return 0
}

// maxTyped bounds what is normalised: in bytes, before it is known how many characters they are.
const maxTyped = 4 << 10

// normalise gives the form of a password that is hashed: NFKC (NIST SP 800-63B-4 3.1.1.2), so that the same keys pressed on another
// machine are the same password. Not usable is what no account can have.
func normalise(typed string) (password string, usable bool) {
	if len(typed) > maxTyped {
		return "", false
	}
	return norm.NFKC.String(typed), true
}

// Logout ends the session of the visit, which is one of access.Logout.
func Logout(ctx context.Context, v *visit.Visit) error {
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Object(v.Actor().Account)
		access.EndSession(w, v.Actor().Session)
		return struct{}{}, nil
	})
	return err
}

// touchEvery is how often a session in use is noted as seen.
const touchEvery = time.Minute

// Touch notes that the visit's session is in use, at most once a minute. It is upkeep.
func Touch(ctx context.Context, v *visit.Visit) error {
	a := v.Actor()
	if a.Kind != access.KindAccount || v.Now().Sub(v.Seen()) < touchEvery {
		return nil
	}
	return visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
		access.Touch(k, a.Session, v.Now())
		return nil
	})
}
