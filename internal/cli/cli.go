// Package cli is the program's door: commands, what they print, and how they end (0 done, 1 failed, 2 wrong usage).
//
// It owns the grammar of the command line, the file of settings, the socket by which commands reach the running program, and
// the one line in which an error is told. It holds no rule: a command enters a tenant as everybody does, by the waist, and calls
// a feature.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"

	"insegel/internal/config"
	"insegel/internal/fault"
)

// Machine is where the program was called: its streams and the folder that paths are meant from.
type Machine struct {
	Out, Err io.Writer
	Folder   string
	Terminal bool // a person watches: progress is shown
}

// ThisMachine is the real one.
func ThisMachine() Machine {
	folder, err := os.Getwd()
	if err != nil {
		folder = "/"
	}
	return Machine{Out: os.Stdout, Err: os.Stderr, Folder: folder, Terminal: isatty.IsTerminal(os.Stderr.Fd())}
}

// grammar is the whole command line; its tags are the help.
type grammar struct {
	config.Store
	Config string `help:"File of settings (TOML), with the same names as the options." env:"INSEGEL_CONFIG" placeholder:"FILE"`

	Serve   serveCmd   `cmd:"" help:"Run everything: pages, API, mail in and out."`
	Demo    demoCmd    `cmd:"" help:"Serve two sample customers."`
	Tenant  tenantCmd  `cmd:"" help:"Customers."`
	Account accountCmd `cmd:"" help:"Who can log in."`
	Token   tokenCmd   `cmd:"" help:"Tokens for the API."`
	Queue   queueCmd   `cmd:"" help:"Where cases arrive."`
	Audit   auditCmd   `cmd:"" help:"Prove and read the log."`
	Keys    keysCmd    `cmd:"" help:"Keys and their copies."`
	Backup  backupCmd  `cmd:"" help:"Copies of everything."`
	Restore restoreCmd `cmd:"" help:"Load a backup into a new installation, and prove it."`
	Resume  resumeCmd  `cmd:"" help:"Let a restored installation work again."`
	Check   checkCmd   `cmd:"" help:"Tell all faults of configuration and surroundings at once."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// Codes with which the program ends.
const (
	done   = 0
	failed = 1
	usage  = 2
)

// ended is the wish of --help to end the program, as kong asks for it.
type ended int

// parsed is a command line that was understood.
type parsed struct {
	grammar *grammar
	ctx     *kong.Context
	command any // pointer to the command's struct
}

// parse reads a command line. With file, what it does not say is looked up in the environment and the file of settings.
func parse(args []string, out io.Writer, settings *file) (p parsed, err error) {
	g := &grammar{}
	options := []kong.Option{
		kong.Name("insegel"),
		kong.Description("A case desk whose cases are sealed, handled, answered and one day erased."),
		kong.Writers(out, out),
		kong.Exit(func(code int) { panic(ended(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: false, WrapUpperBound: 110}),
		kong.UsageOnError(),
	}
	if settings != nil {
		options = append(options, kong.Resolvers(settings))
	}
	k, err := kong.New(g, options...)
	if err != nil {
		return p, fmt.Errorf("grammar: %w", err)
	}
	ctx, err := k.Parse(args)
	if err != nil {
		return p, err
	}
	return parsed{grammar: g, ctx: ctx, command: ctx.Selected().Target.Addr().Interface()}, nil
}

// Main runs one command line and gives the program's exit code.
func Main(ctx context.Context, args []string, m Machine) (code int) {
	defer func() {
		if e := recover(); e != nil {
			end, ok := e.(ended)
			if !ok {
				panic(e)
			}
			code = int(end)
		}
	}()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p, err := m.understand(args)
	var wrong *kong.ParseError
	switch {
	case errors.As(err, new(*fault.Error)): // of the file of settings
		return m.fail(err, nil)
	case errors.As(err, &wrong):
		return m.wrongUsage(wrong)
	case err != nil:
		return m.fail(err, nil)
	}
	return m.run(ctx, p, args)
}

// understand parses twice where a file of settings is named: the first time tells which.
func (m Machine) understand(args []string) (parsed, error) {
	p, err := parse(args, m.Out, nil)
	if err != nil || p.grammar.Config == "" {
		return p, err
	}
	settings, err := readFile(m.path(p.grammar.Config))
	if err != nil {
		return p, err
	}
	return parse(args, m.Out, settings)
}

// path is a path as the caller meant it.
func (m Machine) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(m.Folder, p)
}
