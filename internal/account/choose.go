package account

import (
	"context"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/id"
	"insegel/internal/visit"
)

// Choice is a password chosen by who holds a link.
type Choice struct {
	Token    string
	Password string
	Words    []string // what the tenant and the product are called: easy to guess here
}

// ChoosePassword sets an account's password, once for each link, in a visit of access.ChoosePassword. All sessions of the
// account end (A2), a lock is lifted, every other link of it is spent, and nobody is logged in by it.
func (d *Door) ChoosePassword(ctx context.Context, v *visit.Visit, c Choice) error {
	hash := id.TokenHash(c.Token)
	who, err := visit.View(ctx, v, func(r *visit.Reader) (Person, error) {
		l, err := linkBy(ctx, r, sqlLinkByHash, hash)
		if err != nil {
			return Person{}, err
		}
		if err := l.usable(v.Now()); err != nil {
			return Person{}, err
		}
		p, _, err := person(ctx, r, l.account)
		return p, err
	})
	if err != nil {
		return err
	}
	password, err := d.rules.accept(c.Password, append(c.Words, who.Name, who.Mail))
	if err != nil {
		return err
	}
	stored, err := d.hash.make(ctx, password)
	if err != nil {
		return err
	}
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) { return struct{}{}, choose(ctx, w, hash, stored) })
	return err
}

// choose looks at the link again, under the writer's lock: of two who use it at once, one is too late.
func choose(ctx context.Context, w *visit.Writer, hash []byte, stored string) error {
	now := w.Visit().Now()
	l, err := linkBy(ctx, &w.Reader, sqlLinkByHash, hash)
	if err != nil {
		return err
	}
	if err := l.usable(now); err != nil {
		return err
	}
	w.Put(sqlLinkUsed, clock.Micros(now), l.account)
	w.Put(sqlChosen, stored, l.account)
	access.EndSessions(w, l.account)
	w.Object(l.account)
	w.Set("password", "chosen")
	return nil
}
