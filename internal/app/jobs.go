package app

import (
	"context"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/cases"
	"insegel/internal/intake"
	"insegel/internal/tenant"
	"insegel/internal/worker"
)

// kinds is the list of jobs: news goes upward as these.
func (a *App) kinds() map[string]worker.Kind {
	return map[string]worker.Kind{
		intake.JobFile:    {Action: access.FileMail, Do: a.Channel.File},
		cases.JobSend:     {Action: access.SendMail, Away: true, Do: a.Channel.Send},
		account.JobNotice: {Action: access.SendNotice, Away: true, Do: a.Channel.Notify},
	}
}

// tenants lists whose jobs are run.
func (a *App) tenants(ctx context.Context) ([]string, error) {
	all, err := a.Lookup.All(ctx)
	var ids []string
	for _, c := range all {
		if c.State == tenant.Active {
			ids = append(ids, c.ID)
		}
	}
	return ids, err
}

// site is what a tenant calls itself in the program's own letters, and where its links lead.
func (a *App) site(ctx context.Context, tenantID string) (account.Site, error) {
	c, err := a.Lookup.ByID(ctx, tenantID)
	return account.Site{Name: c.Name, Link: a.LinkURL(c.Slug, "")}, err
}
