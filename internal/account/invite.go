package account

import (
	"context"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/lang"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
)

// Invite is somebody who shall be able to log in.
type Invite struct {
	Name   string // empty: the address's first part
	Mail   string
	Lang   lang.Lang
	Role   access.Role
	NoMail bool // the link is handed over in another way, as at first start
}

// Invite makes an account and the link with which its password is chosen, in a visit of access.InviteAccount, and has the link
// mailed. An address that has an account already is a Conflict.
func (d *Door) Invite(ctx context.Context, v *visit.Visit, in Invite) (accountID, token string, err error) {
	mail := mailmsg.NormalizeAddress(in.Mail)
	if mail == "" {
		return "", "", fault.New(fault.Invalid, "fault.account.mail")
	}
	h := head{Mail: mail, Lang: in.Lang}
	if _, known := lang.Parse(string(in.Lang)); !known {
		h.Lang = lang.En
	}
	if h.Name, err = cleanName(in.Name, mail); err != nil {
		return "", "", err
	}
	accountID = v.NewID()
	l := d.newLink(v, v.NewID(), Invitation, !in.NoMail)
	token, err = visit.Update(ctx, v, func(w *visit.Writer) (string, error) {
		if l.mail {
			w.Job(JobNotice, l.id, v.Now())
		}
		return l.token, invite(ctx, w, accountID, l, h, in.Role)
	})
	if err != nil {
		return "", "", err
	}
	return accountID, token, nil
}

func invite(ctx context.Context, w *visit.Writer, accountID string, l newLink, h head, role access.Role) error {
	hash, now := w.Lookup("login", h.Mail), w.Visit().Now()
	there, err := find(ctx, &w.Reader, sqlByMail, hash)
	if err != nil {
		return err
	}
	if there.id != "" {
		return fault.New(fault.Conflict, "fault.account.taken")
	}
	k, err := w.NewKey(accountID, "account", access.PurposeAccounts)
	if err != nil {
		return err
	}
	sealedHead, err := h.seal(w, k, accountID)
	if err != nil {
		return err
	}
	w.Put(sqlNew, accountID, hash, sealedHead, clock.Micros(now))
	if err := access.SetMember(w, accountID, role, true, now); err != nil {
		return err
	}
	l.put(w, k)
	w.Object(accountID)
	w.Made("account", 1)
	w.Set("role", string(role))
	return nil
}
