package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"insegel/internal/app"
	"insegel/internal/config"
)

type serveCmd struct {
	config.Serve
	Admin     string `help:"Address of the operator's first administrator, used at the first start only." default:"operator@localhost" env:"INSEGEL_ADMIN" placeholder:"MAIL"`
	LogFormat string `help:"text or json." enum:"text,json" default:"text" env:"INSEGEL_LOG_FORMAT"`
}

// Help is shown under the command's line.
func (*serveCmd) Help() string {
	return `Without any option the data are in ./data, the root key in ./data.key, the pages on
127.0.0.1:8080 and mail is taken on 127.0.0.1:2525. The first start makes the operator's
tenant and prints the link with which its first administrator chooses a password.

Example:
  insegel serve --data /srv/insegel --key /etc/insegel/root.key --base-domain desk.example.org`
}

// Here serves until it is told to stop.
func (c *serveCmd) Here(ctx context.Context, m Machine, p parsed) error {
	log := c.logger(m.Err)
	a, err := app.Build(ctx, config.Config{Store: p.grammar.Store, Serve: c.Serve}, app.Outside{Logger: log})
	if err != nil {
		return known(err, log)
	}
	err = c.serve(ctx, m, a)
	if err := errors.Join(err, a.Close(context.WithoutCancel(ctx))); err != nil {
		return known(err, log)
	}
	return nil
}

func (c *serveCmd) serve(ctx context.Context, m Machine, a *app.App) error {
	who, link, err := a.FirstLink(ctx, c.Admin)
	if err != nil {
		return err
	}
	copied, err := a.KeysCopied(ctx)
	if err != nil {
		return err
	}
	return c.run(ctx, a, func(at app.Ready) {
		c.ready(m.Out, a, at, who, link)
		if copied.IsZero() {
			_ = nag(m.Out, a) // a terminal that is gone keeps nobody from working
		}
	})
}

// run serves, and lets commands in while it does.
func (c *serveCmd) run(ctx context.Context, a *app.App, ready func(app.Ready)) error {
	door, err := listen(a)
	if err != nil {
		return err
	}
	commands, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { door.serve(commands) })
	err = a.Run(ctx, ready)
	stop()
	err = errors.Join(err, door.close())
	all.Wait()
	return err
}

// ready tells a person where to go.
func (c *serveCmd) ready(w io.Writer, a *app.App, at app.Ready, who, link string) {
	scheme := "http"
	if a.Config.TLSCert != "" {
		scheme = "https"
	}
	fmt.Fprintf(w, "Insegel listens on %s://%s", scheme, at.HTTP)
	if at.SMTP != "" {
		fmt.Fprintf(w, " and takes mail on %s", at.SMTP)
	}
	fmt.Fprintf(w, ".\n")
	if a.Held {
		fmt.Fprintf(w, "This installation was restored: it takes no mail, sends none and runs no job until \"insegel resume\".\n")
	}
	if link != "" {
		fmt.Fprintf(w, "\nThe first administrator (%s) chooses a password here within 24 hours:\n%s\n"+
			"Later a new link comes from: insegel account reset --tenant operator %s\n\n", who, link, who)
	}
}

func (c *serveCmd) logger(w io.Writer) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	o := &slog.HandlerOptions{Level: levels[c.LogLevel]}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
