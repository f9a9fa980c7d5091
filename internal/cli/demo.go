package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"insegel/internal/app"
	"insegel/internal/config"
)

type demoCmd struct {
	config.Serve
	Verbose bool `help:"Show the program's log."`
}

// Help is shown under the command's line.
func (*demoCmd) Help() string {
	return `Serves two sample customers with people, queues and letters, which it sends through its own
SMTP door, and prints who can log in. Its data are in ./demo-data unless --data says otherwise; delete
the folder (and demo-data.key*) to begin anew. Its answers go nowhere.

Example:
  insegel demo`
}

// Here serves the demo until it is told to stop.
func (c *demoCmd) Here(ctx context.Context, m Machine, p parsed) error {
	to := io.Discard
	if c.Verbose {
		to = m.Err
	}
	log := slog.New(slog.NewTextHandler(to, nil))
	sink, end, err := app.DemoMail(ctx, log)
	if err != nil {
		return known(err, log)
	}
	defer end()
	settings := config.Config{Store: p.grammar.Store, Serve: c.Serve}
	settings.Smarthost, settings.SmarthostTLS = sink, "plain"
	if settings.Data == "data" {
		settings.Data = app.DemoData
	}
	a, err := app.Build(ctx, settings, app.Outside{Logger: log})
	if err != nil {
		return known(err, log)
	}
	serve := &serveCmd{Serve: c.Serve, Admin: "operator@localhost"}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err = serve.run(ctx, a, func(at app.Ready) {
		if err := a.Demo(ctx, at, m.Out, demoProgress(m)); err != nil {
			stop(err)
		}
	})
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	if err := errors.Join(err, a.Close(context.WithoutCancel(ctx))); err != nil {
		return known(err, log)
	}
	return nil
}

func demoProgress(m Machine) func(done, all int) {
	if !m.Terminal {
		return nil
	}
	return func(done, all int) { fmt.Fprintf(m.Err, "\rsending letters %d of %d ", done, all) }
}
