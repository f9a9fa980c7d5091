package app

import (
	"context"
	"time"

	"insegel/internal/access"
	"insegel/internal/jobs"
	"insegel/internal/visit"
)

// lastAct tells when an action was last done in the operator's tenant, and hands its record to look.
func (a *App) lastAct(ctx context.Context, action access.Action, look func(visit.Line)) (at time.Time, err error) {
	v, err := a.Waist.Enter(ctx, Operator, access.System("house", visit.From("")), access.KeepHouse)
	if err != nil {
		return at, err
	}
	defer v.Leave()
	lines, err := visit.View(ctx, v, func(r *visit.Reader) ([]visit.Line, error) { return r.LogOf(ctx, action, 0, 1) })
	if err != nil || len(lines) == 0 {
		return at, err
	}
	if look != nil {
		look(lines[0])
	}
	return lines[0].At, nil
}

// KeysCopied tells when somebody last said that copies of this root key and these epoch keys exist elsewhere.
func (a *App) KeysCopied(ctx context.Context) (at time.Time, err error) {
	root := ""
	at, err = a.lastAct(ctx, access.ConfirmKeys, func(l visit.Line) { root = l.Act.Set["root"] })
	if root != a.Root.ID() {
		at = time.Time{}
	}
	return at, err
}

// ConfirmKeys records that somebody says so.
func (a *App) ConfirmKeys(ctx context.Context, c access.Credential) error {
	v, err := a.Waist.Enter(ctx, Operator, c, access.ConfirmKeys)
	if err != nil {
		return err
	}
	defer v.Leave()
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Set("root", a.Root.ID())
		return struct{}{}, nil
	})
	return err
}

// Accept makes a tenant's present log the one that every later one is held against, after all of it was proved: for a mark
// that was lost, or a past that is knowingly given up. It is recorded in that log.
func (a *App) Accept(ctx context.Context, c access.Credential, tenantID string, given [][]byte) (faults []string, err error) {
	report, err := a.House.Adopt(ctx, tenantID, given)
	if err != nil || len(report.Faults) > 0 {
		if report != nil {
			faults = report.Faults
		}
		return faults, err
	}
	v, err := a.Waist.Enter(ctx, tenantID, c, access.AcceptLog)
	if err != nil {
		return nil, err
	}
	defer v.Leave()
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Set("records", visit.Number(report.Records))
		return struct{}{}, nil
	})
	return nil, err
}

// Resume ends what a restored installation waits for. Letters that wait to be filed are filed again; what was about to be
// sent is sent only if wished, for the installation that was backed up may have sent it since.
func (a *App) Resume(ctx context.Context, c access.Credential, send bool) (tenants int, err error) {
	all, err := a.tenants(ctx)
	if err != nil {
		return 0, err
	}
	for _, t := range all {
		if err := a.resumeOne(ctx, c, t, send); err != nil {
			return tenants, err
		}
		tenants++
	}
	a.Held = false
	return tenants, a.WriteNote()
}

func (a *App) resumeOne(ctx context.Context, c access.Credential, tenantID string, send bool) error {
	v, err := a.Waist.Enter(ctx, tenantID, c, access.Resume)
	if err != nil {
		return err
	}
	defer v.Leave()
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Set("send", map[bool]string{true: "yes", false: "no"}[send])
		return struct{}{}, nil
	})
	if err != nil {
		return err
	}
	now := a.Clock.Now()
	return visit.Upkeep(ctx, v, func(_ context.Context, k *visit.Keeper) error {
		for name, kind := range a.kinds() {
			if send || kind.Action.Name() == access.FileMail.Name() {
				jobs.Release(k, name, now)
			}
		}
		return nil
	})
}
