package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"insegel/internal/fault"
	"insegel/internal/store"
)

// Copy implements store.Engine with pg_dump's custom format, which is one snapshot.
func (e *Engine) Copy(ctx context.Context, name, file string) error {
	there, err := e.Exists(ctx, name)
	if err != nil {
		return err
	}
	if !there {
		return store.Missing(name)
	}
	tmp := file + ".partial"
	err = e.tool(ctx, "pg_dump", e.prefix+name, "--format=custom", "--compress=1", "--no-owner", "--no-privileges", "--file="+tmp)
	if err == nil {
		err = publish(tmp, file)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(tmp)))
	}
	return nil
}

func publish(tmp, file string) error {
	if err := os.Chmod(tmp, 0o600); err != nil {
		return store.Disk(err)
	}
	if err := errors.Join(syncPath(tmp), os.Rename(tmp, file), syncPath(filepath.Dir(file))); err != nil {
		return store.Disk(err)
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path) // #nosec G304 -- the file the operator named
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Load implements store.Engine: the dump goes into a database of another name, which gets its own when all of
// it is there.
func (e *Engine) Load(ctx context.Context, name, file string) error {
	full, err := e.database(name)
	if err != nil {
		return err
	}
	there, err := e.Exists(ctx, name)
	if err != nil {
		return err
	}
	if there {
		return store.Exists(name)
	}
	if err := readable(ctx, e, name, file); err != nil {
		return err
	}
	tmp := e.prefix + partial + name
	drop := func(c *pgx.Conn) error {
		_, err := c.Exec(context.WithoutCancel(ctx), `DROP DATABASE IF EXISTS `+ident(tmp)+` WITH (FORCE)`)
		return err
	}
	err = e.asAdmin(ctx, func(c *pgx.Conn) error {
		if err := drop(c); err != nil {
			return err
		}
		return create(ctx, c, tmp)
	})
	if err == nil {
		err = e.tool(ctx, "pg_restore", tmp, "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", file)
	}
	if err == nil {
		err = e.asAdmin(ctx, func(c *pgx.Conn) error {
			_, err := c.Exec(ctx, `ALTER DATABASE `+ident(tmp)+` RENAME TO `+ident(full))
			if code(err) == duplicateDatabase {
				return store.Exists(name)
			}
			return err
		})
	}
	if err != nil {
		return errors.Join(err, e.asAdmin(context.WithoutCancel(ctx), drop))
	}
	return nil
}

// readable tells a damaged file from a server that is away before anything is made.
func readable(ctx context.Context, e *Engine, name, file string) error {
	f, err := os.Open(file) // #nosec G304 -- the file the operator named
	if err != nil {
		return store.Disk(err)
	}
	head := make([]byte, 5)
	_, err = f.Read(head)
	if cerr := f.Close(); cerr != nil {
		return store.Disk(cerr)
	}
	if err != nil || string(head) != "PGDMP" { // the custom format's first bytes
		return store.Damaged(errors.New("postgres: not a dump in custom format"), name)
	}
	path, err := e.find("pg_restore")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, "--list", file) // #nosec G204 -- found by us, no shell
	if out, err := cmd.CombinedOutput(); err != nil {
		return store.Damaged(fmt.Errorf("pg_restore --list: %w: %s", err, firstLine(out)), name)
	}
	return nil
}

// find finds a program of PostgreSQL: where told, else the newest of the Debian folders, else in the PATH. The
// newest, because pg_dump refuses a server newer than itself.
func (e *Engine) find(tool string) (string, error) {
	if e.opts.BinDir != "" {
		p := filepath.Join(e.opts.BinDir, tool)
		if _, err := os.Stat(p); err != nil {
			return "", fault.Because(err, fault.Unavailable, "fault.store.tool", "tool", tool)
		}
		return p, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + tool)
	if err == nil && len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) }), nil
	}
	p, err := exec.LookPath(tool)
	if err != nil {
		return "", fault.Because(err, fault.Unavailable, "fault.store.tool", "tool", tool)
	}
	return p, nil
}

func major(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

// tool runs pg_dump or pg_restore against a database. The password goes by the environment: a command line is
// everybody's to read.
func (e *Engine) tool(ctx context.Context, tool, database string, args ...string) error {
	path, err := e.find(tool)
	if err != nil {
		return err
	}
	args = append([]string{"--no-password", "--dbname=" + e.address(database)}, args...)
	cmd := exec.CommandContext(ctx, path, args...) // #nosec G204 -- as above
	cmd.Env = append(os.Environ(), "PGPASSWORD="+e.conf.Password, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = fmt.Errorf("%s: %w: %s", tool, err, firstLine(out))
	if bytes.Contains(out, []byte("No space left on device")) {
		return store.Full(err)
	}
	return store.Away(err)
}

// address is the URL with another database, without the password and without what only pgx knows.
func (e *Engine) address(database string) string {
	u := *e.url
	u.Path = "/" + database
	q := url.Values{}
	for _, k := range []string{"host", "port", "user", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs", "connect_timeout"} {
		if v := e.url.Query().Get(k); v != "" {
			q.Set(k, v)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func firstLine(out []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
	return string(line)
}
