package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/config"
	"insegel/internal/fault"
	"insegel/internal/tenant"
	"insegel/internal/visit"
)

// Session is one command at work: on a program of its own, or inside the one that is running.
type Session struct {
	App *app.App
	Machine
	User    string // the system account that called it
	Running bool   // inside the running program
}

// work is a command that needs the program.
type work interface {
	Work(ctx context.Context, s *Session) error
}

// founder is a command that may make an installation where there is none.
type founder interface{ founds() }

// here is a command that does without the program, or makes one in its own way.
type here interface {
	Here(ctx context.Context, m Machine, p parsed) error
}

func (m Machine) run(ctx context.Context, p parsed, args []string) int {
	switch c := p.command.(type) {
	case here:
		if err := c.Here(ctx, m, p); err != nil {
			return m.fail(err, nil)
		}
	case work:
		return m.work(ctx, p, c, args)
	}
	return done
}

// settings are the whole configuration: what serving needs stands in the environment and the file for every command alike.
func (m Machine) settings(p parsed) (config.Config, error) {
	c := config.Config{Store: p.grammar.Store}
	var f *file
	var err error
	if p.grammar.Config != "" {
		if f, err = readFile(m.path(p.grammar.Config)); err != nil {
			return c, err
		}
	}
	s, err := parse([]string{"serve"}, io.Discard, f)
	if err != nil {
		return c, fault.Because(err, fault.Invalid, "fault.config", "what", oneLine(err.Error()))
	}
	c.Serve = s.grammar.Serve.Serve
	return c, nil
}

// The data folder is used by one process. Another command gives it back soon; the running program takes commands by its
// socket, once it is up.
const (
	lockTries = 100
	lockPause = 100 * time.Millisecond
)

func (m Machine) work(ctx context.Context, p parsed, c work, args []string) int {
	conf, err := m.settings(p)
	if err == nil {
		err = installed(conf, c)
	}
	if err != nil {
		return m.fail(err, nil)
	}
	log, end, err := commandLog(conf.Data)
	if err != nil {
		return m.fail(err, nil)
	}
	defer end()
	for try := 1; ; try++ {
		code, err := m.alone(ctx, conf, c, log)
		if err == nil {
			return code
		}
		if fault.Of(err).Key != "fault.app.locked" {
			return m.broken(c, conf, err, log)
		}
		if code, ok := ask(ctx, conf.Socket(), m, args); ok {
			return code
		}
		if try == lockTries || ctx.Err() != nil {
			return m.fail(err, nil)
		}
		pause(ctx, lockPause)
	}
}

// diagnosis is a command that has something to say where the program does not start.
type diagnosis interface {
	Broken(m Machine, all []app.Finding, cause error, log *slog.Logger) error
}

func (m Machine) broken(c work, conf config.Config, err error, log *slog.Logger) int {
	if d, ok := c.(diagnosis); ok {
		err = d.Broken(m, app.Surroundings(conf), err, log)
	}
	return m.fail(err, log)
}

// installed refuses to make an installation because of a misspelt folder.
func installed(c config.Config, command work) error {
	if _, may := command.(founder); may {
		return nil
	}
	if _, err := os.Stat(filepath.Join(c.Data, "installation.json")); err != nil {
		if left, _ := filepath.Glob(filepath.Join(c.Databases(), "*.db")); len(left) > 0 {
			return nil // the program itself says what is missing there
		}
		return fault.Because(err, fault.NotFound, "fault.cli.no_installation", "folder", c.Data)
	}
	return nil
}

// alone does the work in a program of this process's own, which listens nowhere.
func (m Machine) alone(ctx context.Context, c config.Config, w work, log *slog.Logger) (code int, err error) {
	a, err := app.Build(ctx, c, app.Outside{Logger: log})
	if err != nil {
		return failed, err
	}
	s := &Session{App: a, Machine: m, User: userName(os.Getuid())}
	code = s.do(ctx, w, log)
	if err := a.Close(context.WithoutCancel(ctx)); err != nil && code == done {
		return m.fail(err, log), nil
	}
	return code, nil
}

// known says an error now, while there is a log to take its cause.
func known(err error, log *slog.Logger) error {
	return fault.Because(err, fault.KindOf(err), "fault.cli.said", "what", sentence(err, log))
}

func (s *Session) do(ctx context.Context, w work, log *slog.Logger) int {
	if err := w.Work(ctx, s); err != nil {
		return s.fail(err, log)
	}
	return done
}

// maxCommandLog bounds the log of commands that ran alone.
const maxCommandLog = 1 << 20

// commandLog is where commands log that run without the server: ids and causes, in the data folder. The terminal gets one line.
func commandLog(data string) (*slog.Logger, func(), error) {
	path := filepath.Join(data, "commands.log")
	if _, err := os.Stat(data); err != nil {
		return nil, func() {}, nil // the program will make it, or say why not
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxCommandLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, nil, fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", data)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) // #nosec G304 -- in the data folder
	if err != nil {
		return nil, nil, fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", data)
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelInfo})), func() { _ = f.Close() }, nil
}

// userName is the system account of a process, as the log names who gave a command.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}

// customer finds a tenant by its slug.
func (s *Session) customer(ctx context.Context, slug string) (tenant.Customer, error) {
	return s.App.Lookup.BySlug(ctx, slug)
}

// enter visits a tenant by its slug, as who gave the command.
func (s *Session) enter(ctx context.Context, slug string, a access.Action) (*visit.Visit, error) {
	c, err := s.customer(ctx, slug)
	if err != nil {
		return nil, err
	}
	return s.App.Waist.Enter(ctx, c.ID, access.Console(s.User), a)
}

// operator visits the operator's tenant.
func (s *Session) operator(ctx context.Context, a access.Action) (*visit.Visit, error) {
	return s.App.Waist.Enter(ctx, app.Operator, access.Console(s.User), a)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// logging is a log that has an end.
type logging struct {
	*slog.Logger
	end func()
}

// commandLogger is the command's log where the data folder takes one, and none else: restoring may have no old folder left.
func commandLogger(data string) logging {
	l, end, err := commandLog(data)
	if err != nil {
		return logging{nil, func() {}}
	}
	return logging{l, end}
}
