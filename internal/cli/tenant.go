package cli

import (
	"context"
	"fmt"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/lang"
	"insegel/internal/visit"
)

type tenantCmd struct {
	Create tenantCreate `cmd:"" help:"Make a customer and print its administrator's invitation link."`
	List   tenantList   `cmd:"" help:"List the customers."`
}

type tenantCreate struct {
	Slug  string `arg:"" help:"Short name: the customer's pages are at SLUG.DOMAIN."`
	Name  string `help:"What the customer is called." required:"" placeholder:"NAME"`
	Admin string `help:"Address of its first administrator." required:"" placeholder:"MAIL"`
	Lang  string `help:"Language of the administrator: sv, en, da or nb." enum:"sv,en,da,nb" default:"en"`
	JSON  bool   `help:"Print JSON." name:"json"`
}

func (*tenantCreate) Help() string {
	return "Example:\n  insegel tenant create acme --name \"Acme AB\" --admin karin@acme.example --lang sv"
}

func (*tenantCreate) founds() {}

// Work makes a customer.
func (c *tenantCreate) Work(ctx context.Context, s *Session) error {
	v, err := s.operator(ctx, access.CreateTenant)
	if err != nil {
		return err
	}
	defer v.Leave()
	tenantID, token, err := s.App.NewTenant(ctx, v, c.Slug, c.Name, account.Invite{Mail: c.Admin, Lang: lang.Lang(c.Lang)})
	if err != nil {
		return err
	}
	link := s.App.LinkURL(c.Slug, token)
	if c.JSON {
		return printJSON(s.Out, map[string]string{"id": tenantID, "slug": c.Slug, "link": link})
	}
	_, err = fmt.Fprintf(s.Out, "Customer %s is made. Its administrator %s chooses a password here within 24 hours:\n%s\n", c.Slug, c.Admin, link)
	return err
}

type tenantList struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (*tenantList) Help() string { return "Example:\n  insegel tenant list --json" }

// Work lists the customers.
func (c *tenantList) Work(ctx context.Context, s *Session) error {
	v, err := s.operator(ctx, access.ListTenants)
	if err != nil {
		return err
	}
	defer v.Leave()
	if _, err := visit.View(ctx, v, func(r *visit.Reader) (struct{}, error) { // that it was listed is noted
		r.Object(v.Tenant())
		return struct{}{}, nil
	}); err != nil {
		return err
	}
	all, err := s.App.Lookup.All(ctx)
	if err != nil {
		return err
	}
	type line struct {
		Slug    string `json:"slug"`
		Name    string `json:"name"`
		State   string `json:"state"`
		ID      string `json:"id"`
		Created string `json:"created"`
		URL     string `json:"url"`
	}
	lines, rows := []line{}, [][]string{{"SLUG", "STATE", "CREATED", "NAME", "ID"}}
	for _, t := range all {
		l := line{t.Slug, t.Name, string(t.State), t.ID, t.Created.UTC().Format("2006-01-02"), s.App.Config.BaseURL(t.Slug)}
		lines = append(lines, l)
		rows = append(rows, []string{l.Slug, l.State, l.Created, l.Name, l.ID})
	}
	if c.JSON {
		return printJSON(s.Out, lines)
	}
	return table(s.Out, rows)
}
