package account

import (
	"context"
	"errors"
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Kind is what a link is for.
type Kind string

// A link chooses an account's first password, or another one.
const (
	Invitation Kind = "invite"
	Reset      Kind = "reset"
)

// State is what a link is still good for.
type State string

// The states. Only who holds the link is told them; a link that is none of ours is NotFound.
const (
	Valid   State = "valid"
	Used    State = "used"
	Expired State = "expired"
)

// Link is what its holder may know.
type Link struct {
	Kind    Kind
	State   State
	Mail    string // whose password it chooses; only of a valid one
	Expires time.Time
}

// The faults of links.
var (
	errLinkUnknown = fault.New(fault.NotFound, "fault.link.unknown")
	errLinkUsed    = fault.New(fault.Conflict, "fault.link.used")
	errLinkExpired = fault.New(fault.Conflict, "fault.link.expired")
)

// newLink is a link about to be written. Its id and token are made before the change, which may run twice.
type newLink struct {
	id, token string
	kind      Kind
	life      time.Duration
	mail      bool // its token is kept, sealed, until it is mailed
}

func (d *Door) newLink(v *visit.Visit, linkID string, kind Kind, mail bool) newLink {
	l := newLink{id: linkID, token: v.Token(), kind: kind, life: d.c.ResetLife, mail: mail}
	if kind == Invitation {
		l.life = d.c.InviteLife
	}
	return l
}

// put writes the link of the account whose key it is given.
func (l newLink) put(w *visit.Writer, k visit.Key) {
	now := w.Visit().Now()
	var secret []byte
	if l.mail {
		secret = w.SealText(k, "link", "secret", l.id, l.token)
	}
	w.Put(sqlLinkNew, id.TokenHash(l.token), l.id, k.ID(), string(l.kind), clock.Micros(now), clock.Micros(now.Add(l.life)), secret)
	w.Made("link", 1)
}

// JobNotice is the job that mails a link; its argument is what Notice takes.
const JobNotice = "notice.send"

// issue writes a new link for an account: an invitation's until a password was chosen.
func (d *Door) issue(ctx context.Context, w *visit.Writer, who credentials, linkID string, mail bool) (token string, err error) {
	k, err := w.Key(ctx, who.id, "")
	if err != nil {
		return "", err
	}
	kind := Reset
	if who.password == "" {
		kind = Invitation
	}
	l := d.newLink(w.Visit(), linkID, kind, mail)
	l.put(w, k)
	w.Object(who.id)
	return l.token, nil
}

// link is a row.
type link struct {
	id, account   string
	kind          Kind
	expires, used int64
	secret        []byte
}

func linkBy(ctx context.Context, r *visit.Reader, sql string, key any) (l link, err error) {
	var kind string
	err = r.QueryRow(ctx, sql, []any{key}, &l.id, &l.account, &kind, &l.expires, &l.used, &l.secret)
	if errors.Is(err, store.ErrNoRows) {
		return l, errLinkUnknown
	}
	l.kind = Kind(kind)
	return l, err
}

func (l link) state(now time.Time) State {
	switch {
	case l.used != 0:
		return Used
	case clock.Micros(now) >= l.expires:
		return Expired
	}
	return Valid
}

func (l link) usable(now time.Time) error {
	switch l.state(now) {
	case Used:
		return errLinkUsed
	case Expired:
		return errLinkExpired
	}
	return nil
}

// ShowLink tells the holder of a link what it is good for, in a visit of access.ShowLink.
func ShowLink(ctx context.Context, v *visit.Visit, token string) (Link, error) {
	return visit.View(ctx, v, func(r *visit.Reader) (Link, error) {
		l, err := linkBy(ctx, r, sqlLinkByHash, id.TokenHash(token))
		if err != nil {
			return Link{}, err
		}
		out := Link{Kind: l.kind, State: l.state(v.Now()), Expires: clock.FromMicros(l.expires)}
		if out.State == Valid {
			p, _, err := person(ctx, r, l.account)
			if err != nil {
				return Link{}, err
			}
			out.Mail = p.Mail
		}
		return out, nil
	})
}

// Renew mails a new link to the address of one that was used or has run out, in a visit of access.AskReset. It is rate-limited as
// asking for a reset is, and a limit on letters is passed over in silence.
func (d *Door) Renew(ctx context.Context, v *visit.Visit, token string) error {
	if err := d.allow(ctx, v, d.asks, source(v.Actor().Address)); err != nil {
		return err
	}
	l, err := visit.View(ctx, v, func(r *visit.Reader) (link, error) { return linkBy(ctx, r, sqlLinkByHash, id.TokenHash(token)) })
	if err != nil {
		return err
	}
	if ok, _, _ := d.mails.take(v.Tenant() + "/" + l.account); !ok {
		return nil
	}
	linkID := v.NewID()
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (string, error) {
		who, err := find(ctx, &w.Reader, sqlByID, l.account)
		if err != nil {
			return "", err
		}
		w.Job(JobNotice, linkID, v.Now())
		return d.issue(ctx, w, who, linkID, true)
	})
	return err
}

// keepLinks is how long a link that ran out still can say so to who opens it.
const keepLinks = 30 * 24 * time.Hour

// Tidy removes links that ran out long ago, and sessions that ended, in a visit of access.KeepHouse.
func (d *Door) Tidy(ctx context.Context, v *visit.Visit) error {
	err := visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
		access.ExpireSessions(k, v.Now(), d.c.Limits)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		n, err := w.Exec(ctx, sqlLinksOld, clock.Micros(v.Now().Add(-keepLinks)))
		w.Made("link", -n)
		return struct{}{}, err
	})
	return err
}
