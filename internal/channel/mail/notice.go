package mail

import (
	"bytes"
	"context"
	"io"
	"time"

	"insegel/internal/account"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
)

// noticeLife is how long a letter with a link is tried: the link's own life bounds its use.
const noticeLife = 24 * time.Hour

// Notify is the job that sends a letter of the program's own to somebody who has an account.
func (c *Channel) Notify(ctx context.Context, v *visit.Visit, j jobs.Job) error {
	site, err := c.c.Site(ctx, v.Tenant())
	if err != nil {
		return err
	}
	n, ok, err := c.c.Door.Notice(ctx, v, j.Arg, site)
	if err != nil || !ok {
		return err
	}
	raw, err := mailmsg.Build(mailmsg.Outgoing{From: mailmsg.Address{Name: site.Name, Mail: c.c.From}, To: []mailmsg.Address{{Name: n.Name, Mail: n.Mail}},
		Subject: n.Subject, Text: n.Text, MessageID: j.ID + "@" + c.c.Hostname, Date: v.Now(), Automatic: "auto-generated"})
	if err != nil {
		return account.Noticed(ctx, v, j.Arg, j.ID) // an address that no letter can be written to: the link was printed too
	}
	res := c.c.Sender.Send(ctx, deliver.Envelope{To: []string{n.Mail}}, int64(len(raw)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })[0]
	if res.Outcome == deliver.Temporary && v.Now().Sub(j.Created) < noticeLife {
		return fault.New(fault.Unavailable, "fault.mail.later", "status", res.Enhanced)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), atLast) // it must not be sent again because the program stops
	defer cancel()
	if res.Outcome != deliver.Delivered {
		c.c.Logger.Warn("notice not delivered", "tenant", v.Tenant(), "account", n.Account, "status", res.Enhanced)
	}
	return account.Noticed(ctx, v, j.Arg, j.ID)
}
