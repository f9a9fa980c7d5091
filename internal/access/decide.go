package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
)

// Limits of sessions, explicit and configurable.
type Limits struct {
	SessionIdle time.Duration // ends unused: ASVS 7.3.1
	SessionLife time.Duration // ends whatever happens: ASVS 7.3.2
}

// DefaultLimits are eight hours idle (a working day) and thirty days in all.
func DefaultLimits() Limits {
	return Limits{SessionIdle: 8 * time.Hour, SessionLife: 30 * 24 * time.Hour}
}

// Decision is what a credential is worth for one action.
type Decision struct {
	Actor    Actor
	Purposes []string // what its keys may be opened for, sorted
	Seen     time.Time
}

// Decide reads who the credential is and what it may do, now. It answers a fault Unknown where nobody is logged
// in, NotFound where a known actor lacks the permission and should not learn that there is something, and
// NotAllowed only where the actor's own rights are no secret (a token's scope).
func Decide(ctx context.Context, r store.Reader, c Credential, a Action, now time.Time, lim Limits) (Decision, error) {
	switch c.kind {
	case KindSystem, KindConsole:
		// The program and who runs it on the machine act on the whole tenant; the record names them.
		if c.kind == KindSystem && a.need != PermSystem {
			return Decision{}, fault.New(fault.NotAllowed, "fault.not_allowed")
		}
		return systemDecision(ctx, r, c, a)
	case KindPublic:
		if !a.public {
			return Decision{}, fault.New(fault.Unknown, "fault.unknown")
		}
		return Decision{Actor: Actor{Kind: KindPublic, Address: c.address}, Purposes: slices.Sorted(slices.Values(a.purposes))}, nil
	case KindAccount:
		return decideBy(ctx, r, sqlBySession, c, a, now, lim)
	case KindToken:
		return decideBy(ctx, r, sqlByToken, c, a, now, lim)
	}
	return Decision{}, fault.New(fault.Unknown, "fault.unknown")
}

func systemDecision(ctx context.Context, r store.Reader, c Credential, a Action) (Decision, error) {
	d := Decision{Actor: Actor{Kind: c.kind, Name: c.name, Address: c.address}}
	if a.purposes != nil {
		d.Purposes = slices.Sorted(slices.Values(a.purposes))
		return d, nil
	}
	rows, err := r.Query(ctx, sqlPurposes)
	if err != nil {
		return Decision{}, err
	}
	defer rows.Close()
	for rows.Next() {
		var p string
		if err := rows.Scan(&p); err != nil {
			return Decision{}, err
		}
		d.Purposes = append(d.Purposes, p)
	}
	slices.Sort(d.Purposes)
	return d, rows.Err()
}

func decideBy(ctx context.Context, r store.Reader, sql string, c Credential, a Action, now time.Time, lim Limits) (Decision, error) {
	rows, err := r.Query(ctx, sql, c.hash)
	if err != nil {
		return Decision{}, err
	}
	defer rows.Close()
	var d Decision
	var scopes string
	var seen, expires int64
	found := false
	for rows.Next() {
		var role, purpose, readers string
		act := Actor{Kind: c.kind, Address: c.address}
		if err := rows.Scan(&act.Account, &act.Token, &scopes, &seen, &expires, &role, &purpose, &readers); err != nil {
			return Decision{}, err
		}
		act.Role = Role(role)
		if !found {
			d.Actor, found = act, true
		}
		if reads(readers, act.Role) {
			d.Purposes = append(d.Purposes, purpose)
		}
	}
	if err := rows.Err(); err != nil {
		return Decision{}, err
	}
	if !found {
		return Decision{}, fault.New(fault.Unknown, "fault.unknown")
	}
	d.Seen, d.Actor.Expires = clock.FromMicros(seen), clock.FromMicros(expires)
	slices.Sort(d.Purposes)
	if c.kind == KindAccount {
		d.Actor.Token, d.Actor.Session = "", c.hash
	}
	return d, worth(d, scopes, c, a, now, lim)
}

// worth refuses what has run out, what the role may not do, and what the token's scope leaves out.
func worth(d Decision, scopes string, c Credential, a Action, now time.Time, lim Limits) error {
	if !now.Before(d.Actor.Expires) || c.kind == KindAccount && now.Sub(d.Seen) >= lim.SessionIdle {
		return fault.New(fault.Unknown, "fault.unknown")
	}
	if !d.Actor.Role.May(a) {
		return fault.New(fault.NotFound, "fault.not_found")
	}
	if c.kind == KindToken && !scoped(scopes, a.name) {
		return fault.New(fault.NotAllowed, "fault.scope", "scope", a.name)
	}
	return nil
}

// reads tells whether a purpose's readers (roles, separated by spaces) have the role among them.
func reads(readers string, role Role) bool {
	return slices.Contains(strings.Fields(readers), string(role))
}

// scoped tells whether a token's scopes allow an action: by its name, by its room ("case.*"), or all ("*").
func scoped(scopes, action string) bool {
	room, _, _ := strings.Cut(action, ".")
	for s := range strings.FieldsSeq(scopes) {
		if s == "*" || s == action || s == room+".*" {
			return true
		}
	}
	return false
}

// OperatorOnly tells whether the action exists in the operator's tenant only.
func OperatorOnly(a Action) bool { return a.operator }
