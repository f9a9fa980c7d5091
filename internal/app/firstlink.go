package app

import (
	"context"
	"slices"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/tenant"
)

// FirstLink gives the link with which the operator's first administrator chooses a password: at the first start, and again at
// later ones as long as nobody has used it, for the first start may have ended before anybody saw it.
func (a *App) FirstLink(ctx context.Context, mail string) (who, link string, err error) {
	if link, err = a.FirstAdministrator(ctx, mail); err != nil || link != "" {
		return mail, link, err
	}
	v, err := a.Waist.Enter(ctx, Operator, access.Console("first start"), access.IssueReset)
	if err != nil {
		return "", "", err
	}
	defer v.Leave()
	all, err := account.List(ctx, v, "", account.MaxPage)
	if err != nil || slices.ContainsFunc(all, func(p account.Account) bool { return p.Chosen }) {
		return "", "", err
	}
	for _, p := range all {
		if p.Active && p.Role == access.Administrator {
			token, err := a.Door.IssueReset(ctx, v, p.Mail)
			return p.Mail, a.LinkURL(tenant.OperatorSlug, token), err
		}
	}
	return "", "", nil
}
