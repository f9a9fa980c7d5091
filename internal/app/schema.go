package app

import (
	"slices"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/audit"
	"insegel/internal/cases"
	"insegel/internal/idempotency"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/purpose"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Migrations is the one numbered list, gathered from the rooms that own the tables. A step is never changed once
// released; the next one takes the next number, whichever room it belongs to.
func Migrations() []store.Migration {
	all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations,
		account.Migrations, queue.Migrations, intake.Migrations, cases.Migrations, idempotency.Migrations)
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

// Counted lists the tables whose rows the log itself counts: a check holds one against the other. A rewrite that the log does not
// know of shows here.
func Counted() []string {
	return []string{"account", "attachment", "blob", "cases", "delivery", "directory", "letter", "message", "queue"}
}
