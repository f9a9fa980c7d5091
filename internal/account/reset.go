package account

import (
	"context"
	"encoding/hex"

	"insegel/internal/mailmsg"
	"insegel/internal/visit"
)

// AskReset has a link mailed to an address if it has an account, in a visit of access.AskReset. It writes the same job and
// the same record whether it has or not: only the job finds out (A2). Too many letters to one address are passed over
// in silence, too many questions from one source are TooMany.
func (d *Door) AskReset(ctx context.Context, v *visit.Visit, mail string) error {
	if err := d.allow(ctx, v, d.asks, source(v.Actor().Address)); err != nil {
		return err
	}
	hash := hex.EncodeToString(v.Lookup("login", mailmsg.NormalizeAddress(mail)))
	if ok, _, _ := d.mails.take(v.Tenant() + "/" + hash); !ok {
		return nil
	}
	linkID := v.NewID()
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Job(JobNotice, linkID+" "+hash, v.Now())
		return struct{}{}, nil
	})
	return err
}

// IssueReset gives a link to hand over where mail is down, in a visit of access.IssueReset.
func (d *Door) IssueReset(ctx context.Context, v *visit.Visit, mail string) (token string, err error) {
	return visit.Update(ctx, v, func(w *visit.Writer) (string, error) {
		who, err := find(ctx, &w.Reader, sqlActiveByMail, w.Lookup("login", mailmsg.NormalizeAddress(mail)))
		if err != nil {
			return "", err
		}
		if who.id == "" {
			return "", errNobody
		}
		return d.issue(ctx, w, who, v.NewID(), false)
	})
}
