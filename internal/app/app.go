// Package app is the only place that knows everybody: Build makes the program from its configuration, Run serves. It reads
// from top to bottom like a table of contents and holds no rule of its own.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/channel/mail"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/clock"
	"insegel/internal/config"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/mailmsg"
	"insegel/internal/seal"
	"insegel/internal/store"
	"insegel/internal/store/postgres"
	"insegel/internal/store/sqlite"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/worker"
)

// Operator is the id of the operator's tenant, the same in every installation: its database is where the directory is
// looked for.
const Operator = "00000000-0000-7000-8000-000000000001"

// Outside is what is passed in, so that tests build the same program with a fixed clock and a temporary folder. The zero
// value is the real world.
type Outside struct {
	Clock  clock.Clock
	Random io.Reader
	Logger *slog.Logger
	Dial   deliver.DialFunc
}

// App is the program, built and not yet serving.
type App struct {
	Config  config.Config
	Clock   clock.Clock
	IDs     *id.Source
	Logger  *slog.Logger
	Node    string // this data folder's name in leases
	Root    *seal.Root
	Places  *seal.Places
	Engine  store.Engine
	House   *tenant.House
	Lookup  tenant.Lookup
	Waist   *visit.Waist
	Door    *account.Door
	Channel *mail.Channel
	Worker  *worker.Worker
	Held    bool // restored: sends no mail and runs no job until told to

	lock *os.File
}

// Build makes the program: one process a data folder, keys before databases, the log proved before anything is written. It
// creates what a first start needs and never overwrites.
func Build(ctx context.Context, c config.Config, out Outside) (a *App, err error) {
	a = &App{Config: c, Clock: out.Clock, Logger: orDiscard(out.Logger)}
	if a.Clock == nil {
		a.Clock = clock.System{}
	}
	if err := c.Check(); err != nil {
		return nil, fault.Because(err, fault.Invalid, "fault.config", "what", err.Error())
	}
	a.IDs = id.NewSource(a.Clock, out.Random)
	if a.lock, err = lockFolder(c.Data); err != nil {
		return nil, err
	}
	built := a // what is returned with an error is nothing, and what was opened is closed
	defer func() {
		if err != nil {
			err = errors.Join(err, built.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := a.installation(); err != nil {
		return nil, err
	}
	if err := a.keys(out.Random); err != nil {
		return nil, err
	}
	if err := a.engine(ctx); err != nil {
		return nil, err
	}
	if err := a.floors(out.Random); err != nil {
		return nil, err
	}
	if err := a.operator(ctx); err != nil {
		return nil, err
	}
	return a, a.channels(out)
}

// engine opens the place where databases are.
func (a *App) engine(ctx context.Context) (err error) {
	a.Engine, err = engineOf(ctx, a.Config, a.Logger)
	return err
}

func engineOf(ctx context.Context, c config.Config, logger *slog.Logger) (store.Engine, error) {
	if c.Database != "" {
		return postgres.New(ctx, c.Database, postgres.Options{Logger: logger, MaxConns: c.Connections})
	}
	return sqlite.New(c.Databases(), sqlite.Options{Logger: logger})
}

// floors lays the tenants and the waist.
func (a *App) floors(random io.Reader) (err error) {
	a.House, err = tenant.NewHouse(tenant.Config{Engine: a.Engine, Places: a.Places, Random: random, Clock: a.Clock, IDs: a.IDs, Logger: a.Logger,
		Migrations: Migrations(), Marks: a.Config.Marks(), Files: a.Config.Files(), MaxOpen: a.Config.MaxOpen, Idle: a.Config.Idle, Wait: 5 * time.Second,
		KeepKeys: a.keepKeys})
	if err != nil {
		return err
	}
	a.Lookup = tenant.Lookup{House: a.House, Operator: Operator}
	a.Waist = visit.New(visit.Config{House: a.House, Operator: Operator, Clock: a.Clock, IDs: a.IDs, Logger: a.Logger, Limits: access.DefaultLimits(),
		Wake: func(tenantID string, due time.Time) {
			if a.Worker != nil {
				a.Worker.Wake(tenantID, due)
			}
		}})
	a.Door = account.New(account.Config{Clock: a.Clock, IDs: a.IDs, Limits: access.DefaultLimits(), ResetLife: a.Config.ResetLife})
	return nil
}

// channels joins mail in and out, and the jobs.
func (a *App) channels(out Outside) error {
	sender, err := a.sender(out)
	if err != nil {
		return err
	}
	a.Channel = mail.New(mail.Config{Waist: a.Waist, Directory: a.Lookup, Sender: sender, Logger: a.Logger, Jitter: mathrand.Float64,
		Limits: mailmsg.DefaultLimits(), MaxBytes: a.Config.MaxMessage + 64<<10,
		Door: a.Door, Site: a.site, From: a.from(), Hostname: a.hostname()})
	a.Worker = worker.New(worker.Config{Waist: a.Waist, Clock: a.Clock, Logger: a.Logger, Node: a.Node, Parallel: a.Config.Workers,
		Kinds: a.kinds(), Tenants: a.tenants, Hints: a.Lookup.Wakes})
	return nil
}

func (a *App) sender(out Outside) (*deliver.Sender, error) {
	host, err := a.smarthost()
	if err != nil {
		return nil, err
	}
	dial := out.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return deliver.New(deliver.Config{Hostname: a.hostname(), Smarthost: host, Resolver: net.DefaultResolver, Dial: dial, Clock: a.Clock,
		Shuffle: mathrand.Shuffle, Log: a.Logger})
}

// Close closes what Build opened, the databases last.
func (a *App) Close(ctx context.Context) error {
	var errs []error
	if a.House != nil {
		errs = append(errs, a.House.Close(ctx))
	}
	if a.Engine != nil {
		errs = append(errs, a.Engine.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}

func orRandom(r io.Reader) io.Reader {
	if r == nil {
		return rand.Reader
	}
	return r
}

func orDiscard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
