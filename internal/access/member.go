package access

import (
	"context"
	"strings"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
)

// SetMember gives an account its role, or takes it away; it counts from the next visit on.
func SetMember(w store.Writer, account string, role Role, active bool, now time.Time) error {
	if !role.Valid() {
		return fault.New(fault.Invalid, "fault.role", "role", string(role))
	}
	w.Put(sqlMemberSet, account, string(role), active, clock.Micros(now))
	return nil
}

// Member is an account's role.
type Member struct {
	Account string
	Role    Role
	Active  bool
}

// Members lists who has a role in the tenant.
func Members(ctx context.Context, r store.Reader) ([]Member, error) {
	rows, err := r.Query(ctx, sqlMembers)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Member
	for rows.Next() {
		var m Member
		if err := rows.Scan(&m.Account, (*string)(&m.Role), &m.Active); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// OpenSession stores a session by its secret's hash.
func OpenSession(w store.Writer, hash []byte, account string, now time.Time, lim Limits) {
	w.Put(sqlSessionNew, hash, account, clock.Micros(now), clock.Micros(now), clock.Micros(now.Add(lim.SessionLife)))
}

// Touch notes that a session is in use. It is upkeep: who calls it does so at most once a minute.
func Touch(w store.Writer, hash []byte, now time.Time) {
	w.Put(sqlSessionSeen, clock.Micros(now), hash)
}

// EndSession ends one session.
func EndSession(w store.Writer, hash []byte) { w.Put(sqlSessionEnd, hash) }

// EndSessions ends all sessions of an account (A2).
func EndSessions(w store.Writer, account string) { w.Put(sqlSessionsEnd, account) }

// ExpireSessions removes what has run out.
func ExpireSessions(w store.Writer, now time.Time, lim Limits) {
	w.Put(sqlSessionsExpire, clock.Micros(now), clock.Micros(now.Add(-lim.SessionIdle)))
}

// OpenToken stores an API token by its secret's hash. Scopes are action names, "room.*" or "*".
func OpenToken(w store.Writer, hash []byte, id, account string, scopes []string, now, expires time.Time) error {
	if len(scopes) == 0 {
		return fault.New(fault.Invalid, "fault.scopes.none")
	}
	for _, s := range scopes {
		if !validScope(s) {
			return fault.New(fault.Invalid, "fault.scopes.unknown", "scope", s)
		}
	}
	w.Put(sqlTokenNew, hash, id, account, strings.Join(scopes, " "), clock.Micros(now), clock.Micros(expires))
	return nil
}

// EndTokens ends all tokens of an account.
func EndTokens(w store.Writer, account string) { w.Put(sqlTokensEnd, account) }

func validScope(s string) bool {
	if s == "*" {
		return true
	}
	for _, name := range Scopes() {
		room, _, _ := strings.Cut(name, ".")
		if s == name || s == room+".*" {
			return true
		}
	}
	return false
}
