package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/lang"
)

type accountCmd struct {
	Invite accountInvite `cmd:"" help:"Let somebody in: prints the link with which they choose a password."`
	Reset  accountReset  `cmd:"" help:"Print a link with which somebody chooses a new password, for when mail is down."`
	Unlock accountUnlock `cmd:"" help:"Lift the lock after too many failed attempts."`
	List   accountList   `cmd:"" help:"List who can log in."`
}

// person says who is meant: by argument, or by --account as elsewhere.
type person struct {
	Tenant  string `help:"The customer." required:"" placeholder:"SLUG"`
	Mail    string `arg:"" optional:"" help:"The person's address."`
	Account string `help:"The person's address, in place of the argument." placeholder:"MAIL"`
}

func (p person) mail() (string, error) {
	mail := p.Mail
	if mail == "" {
		mail = p.Account
	}
	if mail == "" || p.Mail != "" && p.Account != "" && p.Mail != p.Account {
		return "", fault.New(fault.Invalid, "fault.account.mail")
	}
	return mail, nil
}

type accountInvite struct {
	person `embed:""`
	Name   string `help:"What the person is called." placeholder:"NAME"`
	Role   string `help:"administrator or handler." enum:"administrator,handler" default:"handler"`
	Lang   string `help:"Language: sv, en, da or nb." enum:"sv,en,da,nb" default:"en"`
	JSON   bool   `help:"Print JSON." name:"json"`
}

func (*accountInvite) Help() string {
	return "The link is mailed too.\n\nExample:\n  insegel account invite --tenant acme omar@acme.example --name \"Omar Haddad\" --role handler --lang sv"
}

// Work invites.
func (c *accountInvite) Work(ctx context.Context, s *Session) error {
	mail, err := c.mail()
	if err != nil {
		return err
	}
	v, err := s.enter(ctx, c.Tenant, access.InviteAccount)
	if err != nil {
		return err
	}
	defer v.Leave()
	accountID, token, err := s.App.Door.Invite(ctx, v, account.Invite{Name: c.Name, Mail: mail, Lang: lang.Lang(c.Lang), Role: access.Role(c.Role)})
	if err != nil {
		return err
	}
	return s.link(c.JSON, c.Tenant, accountID, token)
}

// link prints a link alone on its line, so that a script can take it.
func (s *Session) link(asJSON bool, slug, accountID, token string) error {
	link := s.App.LinkURL(slug, token)
	if asJSON {
		return printJSON(s.Out, map[string]string{"account": accountID, "link": link})
	}
	_, err := fmt.Fprintln(s.Out, link)
	return err
}

type accountReset struct {
	person `embed:""`
	JSON   bool `help:"Print JSON." name:"json"`
}

func (*accountReset) Help() string {
	return "The link lives an hour. Hand it over in another way than by mail.\n\nExample:\n  insegel account reset --tenant acme karin@acme.example"
}

// Work gives a link.
func (c *accountReset) Work(ctx context.Context, s *Session) error {
	mail, err := c.mail()
	if err != nil {
		return err
	}
	v, err := s.enter(ctx, c.Tenant, access.IssueReset)
	if err != nil {
		return err
	}
	defer v.Leave()
	token, err := s.App.Door.IssueReset(ctx, v, mail)
	if err != nil {
		return err
	}
	return s.link(c.JSON, c.Tenant, "", token)
}

type accountUnlock struct {
	person `embed:""`
}

func (*accountUnlock) Help() string {
	return "Example:\n  insegel account unlock --tenant acme karin@acme.example"
}

// Work unlocks.
func (c *accountUnlock) Work(ctx context.Context, s *Session) error {
	mail, err := c.mail()
	if err != nil {
		return err
	}
	v, err := s.enter(ctx, c.Tenant, access.UnlockAccount)
	if err != nil {
		return err
	}
	defer v.Leave()
	return account.Unlock(ctx, v, mail)
}

type accountList struct {
	Tenant string `help:"The customer." required:"" placeholder:"SLUG"`
	JSON   bool   `help:"Print JSON." name:"json"`
}

func (*accountList) Help() string {
	return "That names and addresses were read is recorded in the customer's log.\n\nExample:\n  insegel account list --tenant acme"
}

type accountLine struct {
	ID    string     `json:"id"`
	Mail  string     `json:"mail"`
	Name  string     `json:"name"`
	Role  string     `json:"role"`
	State string     `json:"state"`
	Seen  *time.Time `json:"seen,omitempty"`
}

// Work lists, page by page.
func (c *accountList) Work(ctx context.Context, s *Session) error {
	v, err := s.enter(ctx, c.Tenant, access.ListAccounts)
	if err != nil {
		return err
	}
	defer v.Leave()
	lines := []accountLine{}
	for after := ""; ; {
		page, err := account.List(ctx, v, after, account.MaxPage)
		if err != nil {
			return err
		}
		for _, a := range page {
			lines = append(lines, lineOf(a))
			after = a.ID
		}
		if len(page) < account.MaxPage {
			break
		}
	}
	if c.JSON {
		return printJSON(s.Out, lines)
	}
	rows := [][]string{{"ADDRESS", "ROLE", "STATE", "LAST LOG-IN", "NAME"}}
	for _, l := range lines {
		seen := "never"
		if l.Seen != nil {
			seen = l.Seen.UTC().Format("2006-01-02 15:04Z")
		}
		rows = append(rows, []string{l.Mail, l.Role, l.State, seen, l.Name})
	}
	return table(s.Out, rows)
}

func lineOf(a account.Account) accountLine {
	var state []string
	if !a.Active {
		state = append(state, "inactive")
	}
	if !a.Chosen {
		state = append(state, "invited")
	}
	if a.Locked {
		state = append(state, "locked")
	}
	if state == nil {
		state = []string{"active"}
	}
	l := accountLine{ID: a.ID, Mail: a.Mail, Name: a.Name, Role: string(a.Role), State: strings.Join(state, ", ")}
	if !a.Seen.IsZero() && a.Seen.Unix() > 0 {
		l.Seen = &a.Seen
	}
	return l
}
