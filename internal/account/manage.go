package account

import (
	"context"
	"slices"
	"time"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
)

// Unlock lifts the lock of an account, by its address, in a visit of access.UnlockAccount.
func Unlock(ctx context.Context, v *visit.Visit, mail string) error {
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		who, err := find(ctx, &w.Reader, sqlByMail, w.Lookup("login", mailmsg.NormalizeAddress(mail)))
		if err == nil && who.id == "" {
			err = errNobody
		}
		w.Object(who.id)
		w.Was("failed", visit.Number(who.failed))
		w.Set("failed", visit.Number(0))
		w.Put(sqlUnlock, who.id)
		return struct{}{}, err
	})
	return err
}

// SetRole gives an account another role, from its next visit on, in a visit of access.ChangeAccount. The last administrator
// stays one.
func SetRole(ctx context.Context, v *visit.Visit, accountID string, role access.Role) error {
	return change(ctx, v, accountID, func(w *visit.Writer, m access.Member) error {
		w.Was("role", string(m.Role))
		w.Set("role", string(role))
		return access.SetMember(w, accountID, role, m.Active, v.Now())
	}, role)
}

// Deactivate ends an account's sessions, tokens and links, and lets it in no more, in a visit of access.ChangeAccount. What it did
// keeps its name.
func Deactivate(ctx context.Context, v *visit.Visit, accountID string) error {
	return change(ctx, v, accountID, func(w *visit.Writer, m access.Member) error {
		access.EndSessions(w, accountID)
		access.EndTokens(w, accountID)
		n, err := w.Exec(ctx, sqlLinksEnd, accountID)
		if err != nil {
			return err
		}
		w.Made("link", -n)
		w.Set("state", "inactive")
		return access.SetMember(w, accountID, m.Role, false, v.Now())
	}, "")
}

// change does something to a member, unless it would leave the tenant without an administrator.
func change(ctx context.Context, v *visit.Visit, accountID string, fn func(*visit.Writer, access.Member) error, becomes access.Role) error {
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		all, err := access.Members(ctx, w)
		if err != nil {
			return struct{}{}, err
		}
		i := slices.IndexFunc(all, func(m access.Member) bool { return m.Account == accountID })
		if i < 0 {
			return struct{}{}, errNobody
		}
		others := slices.ContainsFunc(all, func(m access.Member) bool {
			return m.Active && m.Role == access.Administrator && m.Account != accountID
		})
		if all[i].Active && all[i].Role == access.Administrator && becomes != access.Administrator && !others {
			return struct{}{}, fault.New(fault.Conflict, "fault.account.last_administrator")
		}
		w.Object(accountID)
		return struct{}{}, fn(w, all[i])
	})
	return err
}

// TokenPrefix begins every API token, so that scanners for leaked secrets find it.
const TokenPrefix = "insegel_"

// MaxTokenLife is how long a token may live.
const MaxTokenLife = 366 * 24 * time.Hour

// CreateToken makes an API token for an account, in a visit of access.CreateToken. It is told once; only its hash is stored.
func CreateToken(ctx context.Context, v *visit.Visit, mail string, scopes []string, life time.Duration) (token string, err error) {
	if life <= 0 || life > MaxTokenLife {
		return "", fault.New(fault.Invalid, "fault.account.token_life", "count", int(MaxTokenLife/(24*time.Hour)))
	}
	token = TokenPrefix + v.Token()
	return visit.Update(ctx, v, func(w *visit.Writer) (string, error) {
		who, err := find(ctx, &w.Reader, sqlActiveByMail, w.Lookup("login", mailmsg.NormalizeAddress(mail)))
		if err != nil {
			return "", err
		}
		if who.id == "" {
			return "", errNobody
		}
		tokenID := v.NewID()
		w.Object(tokenID)
		w.Set("account", who.id)
		w.Made("token", 1)
		return token, access.OpenToken(w, id.TokenHash(token), tokenID, who.id, scopes, v.Now(), v.Now().Add(life))
	})
}
