package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/idempotency"
	"insegel/internal/visit"
)

// keepHouse does the installation's own chores: every hour it ends sessions that ran out and finishes what crashes left
// between directory and tenants; every day it sweeps files that no row names; and when it is time it changes the epoch keys.
func (a *App) keepHouse(ctx context.Context) {
	for tick := 0; ; tick++ {
		a.eachTenant(ctx, func(v *visit.Visit) error {
			if err := a.tidy(ctx, v); err != nil {
				return err
			}
			if tick%24 == 1 {
				return v.Sweep(ctx)
			}
			return nil
		})
		if err := a.rotateDue(ctx); err != nil && ctx.Err() == nil {
			a.Logger.Error("keys not rotated", "fault", fault.Of(err).Key, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Hour):
		}
	}
}

func (a *App) tidy(ctx context.Context, v *visit.Visit) error {
	if err := v.Reconcile(ctx); err != nil {
		return err
	}
	if err := idempotency.Tidy(ctx, v); err != nil {
		return err
	}
	return a.Door.Tidy(ctx, v)
}

// eachTenant visits every active tenant; a fault in one is logged and does not keep the others waiting.
func (a *App) eachTenant(ctx context.Context, do func(*visit.Visit) error) {
	ids, err := a.tenants(ctx)
	if err != nil && ctx.Err() == nil {
		a.Logger.Error("chores not done", "fault", fault.Of(err).Key, "err", err)
	}
	for _, t := range ids {
		if ctx.Err() != nil {
			return
		}
		v, err := a.Waist.Enter(ctx, t, access.System("house", visit.From("")), access.KeepHouse)
		if err == nil {
			err = do(v)
			v.Leave()
		}
		if err != nil && ctx.Err() == nil {
			a.Logger.Error("chores not done", "tenant", t, "fault", fault.Of(err).Key, "err", err)
		}
	}
}

// rotateDue changes the epoch key of each tenant whose time has come, and finishes what a crash left half done. One that
// cannot be turned must not keep the others' old keys alive: what was erased there is to be gone within the week.
func (a *App) rotateDue(ctx context.Context) error {
	ids, err := a.tenants(ctx)
	for _, t := range ids {
		if ctx.Err() != nil {
			break
		}
		if e := a.rotateOne(ctx, t); e != nil {
			err = errors.Join(err, fmt.Errorf("tenant %s: %w", t, e))
		}
	}
	return err
}

func (a *App) rotateOne(ctx context.Context, tenantID string) error {
	v, err := a.Waist.Enter(ctx, tenantID, access.System("house", visit.From("")), access.RotateKeys)
	if err != nil {
		return err
	}
	defer v.Leave()
	at, unfinished, err := v.Rotated(ctx)
	if err != nil || !unfinished && a.Clock.Now().Sub(at) < a.Config.Rotate {
		return err
	}
	return v.Rotate(ctx, nil)
}
