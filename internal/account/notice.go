package account

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/visit"
)

// Site is what a letter says about where it comes from. It is the caller's, from configuration: what a request calls the host
// never gets into a link.
type Site struct {
	Name string // of the tenant
	Link string // what a token is appended to: "https://acme.example.org/link/"
}

// Notice is a letter to be sent.
type Notice struct {
	Account       string
	Name, Mail    string // to whom
	Subject, Text string // in the person's language
	Lang          string
	Token         string
}

// Notice writes the letter of a notice.send job from its argument, in a visit of access.SendNotice. Not ok means that there is
// nothing to send: the address has no account, or the link was mailed, used or has run out meanwhile.
func (d *Door) Notice(ctx context.Context, v *visit.Visit, arg string, site Site) (n Notice, ok bool, err error) {
	linkID, asked, _ := strings.Cut(arg, " ")
	if asked != "" {
		if err := d.answer(ctx, v, linkID, asked); err != nil {
			return Notice{}, false, err
		}
	}
	n, err = visit.View(ctx, v, func(r *visit.Reader) (Notice, error) { return letter(ctx, r, linkID, site) })
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return Notice{}, false, nil
	}
	return n, err == nil && n.Token != "", err
}

// answer makes the link that was asked for by the address's hash, once, whatever happens to the letter.
func (d *Door) answer(ctx context.Context, v *visit.Visit, linkID, asked string) error {
	hash, err := hex.DecodeString(asked)
	if err != nil || !id.Valid(linkID) {
		return fault.New(fault.Invalid, "fault.invalid")
	}
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		who, err := find(ctx, &w.Reader, sqlActiveByMail, hash)
		if err != nil || who.id == "" {
			return struct{}{}, err
		}
		if _, err = linkBy(ctx, &w.Reader, sqlLinkByID, linkID); err != nil && fault.KindOf(err) == fault.NotFound {
			_, err = d.issue(ctx, w, who, linkID, true)
		}
		return struct{}{}, err
	})
	return err
}

func letter(ctx context.Context, r *visit.Reader, linkID string, site Site) (Notice, error) {
	l, err := linkBy(ctx, r, sqlLinkByID, linkID)
	if err != nil || len(l.secret) == 0 || l.state(r.Visit().Now()) != Valid {
		return Notice{}, err
	}
	p, k, err := person(ctx, r, l.account)
	if err != nil {
		return Notice{}, err
	}
	token, err := k.Text("link", "secret", l.id, l.secret)
	if err != nil {
		return Notice{}, err
	}
	n := Notice{Account: p.ID, Name: p.Name, Mail: p.Mail, Lang: string(p.Lang), Token: token}
	left := clock.FromMicros(l.expires).Sub(r.Visit().Now())
	n.Subject = p.Lang.T("signin.mail."+string(l.kind)+".subject", "tenant", site.Name)
	n.Text = strings.Join([]string{
		p.Lang.T("signin.mail.hello", "name", p.Name),
		p.Lang.T("signin.mail."+string(l.kind)+".text", "tenant", site.Name),
		site.Link + token,
		p.Lang.T("signin.mail.valid", "count", int((left+time.Hour-1)/time.Hour)),
		p.Lang.T("signin.mail." + string(l.kind) + ".ignore"),
	}, "\n\n") + "\n"
	return n, nil
}

// Noticed says that the letter is on its way: the link's secret is forgotten, and the job, where one is named, is done.
func Noticed(ctx context.Context, v *visit.Visit, arg, jobID string) error {
	linkID, _, _ := strings.Cut(arg, " ")
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Object(linkID)
		w.Put(sqlLinkMailed, linkID)
		if jobID != "" {
			w.Done(jobID)
		}
		return struct{}{}, nil
	})
	return err
}
