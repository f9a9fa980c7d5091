package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/fault"
)

type restoreCmd struct {
	All              bool   `help:"Everything, into a new data folder." required:""`
	From             string `help:"Folder of the backups; default as --backups." placeholder:"DIR"`
	At               string `help:"As it was then: the newest backup begun at that time or before, as 2026-11-23T14:00:00Z. Default: the newest." placeholder:"TIME"`
	To               string `help:"The new data folder; it must not be there, or be empty." required:"" placeholder:"DIR"`
	ToKey            string `help:"Where the new installation's root key shall be; default DIR.key, a copy. Name the present one to take it over, when the old installation is gone." placeholder:"FILE"`
	ToDatabase       string `help:"PostgreSQL for the new installation, with a name that is not in use yet. Default: as --database." placeholder:"URL"`
	KeysFrom         string `help:"Data folder of the installation that was backed up, for its newest wrapped keys; 'none' if it is lost. Default: as --data." placeholder:"DIR"`
	KeysFromDatabase string `help:"PostgreSQL of the installation that was backed up, where it does not run; default as --database, if --to-database is given." placeholder:"URL"`
	JSON             bool   `help:"Print JSON." name:"json"`
}

func (*restoreCmd) Help() string {
	return `--data, --key and --key-copy name the installation that was backed up: its keys are needed. The
wrapped keys are taken from the newest copy there is, which is that installation itself if it can
be reached, so what was erased since the backup stays erased. Everything is proved before the new
folder gets its name. It takes no mail, sends none and runs no job until "insegel resume".

Example:
  insegel restore --all --data /srv/insegel --key /etc/insegel/root.key --from /mnt/backups/insegel --at 2026-11-23T14:00:00Z --to /srv/restored`
}

// Here restores.
func (c *restoreCmd) Here(ctx context.Context, m Machine, p parsed) error {
	r, err := c.plan(m, p)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(r.To) {
		return fault.New(fault.Invalid, "fault.restore.not_empty", "folder", r.To)
	}
	log := commandLogger(r.Live.Data)
	defer log.end()
	out := app.Outside{Logger: log.Logger}
	end, failed, err := c.liveKeys(ctx, m, &r, out)
	if err != nil {
		return known(err, log.Logger)
	}
	defer end()
	done, err := app.NewInstallation(ctx, r, out, m.progress)
	if err != nil {
		return known(err, log.Logger)
	}
	return c.report(m, r, done, failed)
}

func (c *restoreCmd) plan(m Machine, p parsed) (r app.Restore, err error) {
	conf, err := m.settings(p)
	if err != nil {
		return r, err
	}
	conf.Data = m.path(conf.Data)
	conf.Key = m.path(conf.RootKey())
	for i := range conf.KeyCopy {
		conf.KeyCopy[i] = m.path(conf.KeyCopy[i])
	}
	r = app.Restore{Live: conf, Backups: m.path(c.From), To: m.path(c.To), ToKey: m.path(c.ToKey), ToURL: c.ToDatabase}
	if r.Backups == "" {
		r.Backups = m.path(conf.BackupFolder())
	}
	if r.ToURL == "" {
		r.ToURL, r.Live.Database = conf.Database, ""
	}
	if r.ToKey == "" {
		r.ToKey = filepath.Clean(r.To) + ".key"
	}
	if c.At != "" {
		if r.At, err = moment(c.At); err != nil {
			return r, err
		}
	}
	return r, nil
}

// moment reads a time; one without a zone is UTC, which the names of backups are in.
func moment(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly, "20060102T150405.000Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "fault.restore.time", "time", s)
}

// liveKeys takes the newest wrapped keys of the installation that was backed up into a folder of our own: from the running
// program, or from its databases if it does not run. It must be said if that cannot be: keys of a backup do not know what was
// erased after it.
func (c *restoreCmd) liveKeys(ctx context.Context, m Machine, r *app.Restore, out app.Outside) (end func(), failed []string, err error) {
	from := r.Live
	if c.KeysFrom == "none" {
		return func() {}, nil, nil
	}
	if c.KeysFrom != "" {
		from.Data = m.path(c.KeysFrom)
	}
	if c.KeysFromDatabase != "" {
		from.Database = c.KeysFromDatabase
	}
	if _, err := os.Stat(filepath.Join(from.Data, "installation.json")); err != nil {
		return nil, nil, fault.Because(err, fault.NotFound, "fault.restore.keys_unreachable", "folder", from.Data)
	}
	err = os.MkdirAll(filepath.Dir(r.To), 0o700)
	dir := ""
	if err == nil {
		dir, err = os.MkdirTemp(filepath.Dir(r.To), ".insegel-keys-")
	}
	if err != nil {
		return nil, nil, fault.Because(err, fault.Unavailable, "fault.store.folder", "folder", filepath.Dir(r.To))
	}
	end = func() { _ = os.RemoveAll(dir) }
	r.Keys = []string{dir}
	var told strings.Builder
	quiet := Machine{Out: &told, Err: io.Discard, Folder: m.Folder}
	for try := 1; ; try++ {
		if code, ok := ask(ctx, from.Socket(), quiet, []string{"backup", "copy-keys", "--to", dir}); ok {
			if code != done {
				end()
				return nil, nil, fault.New(fault.Unavailable, "fault.restore.keys_unreachable", "folder", from.Data)
			}
			return end, strings.Fields(told.String()), nil
		}
		failed, err = app.LiveKeys(ctx, from, dir, out)
		if err == nil {
			return end, failed, nil
		}
		if fault.Of(err).Key != "fault.app.locked" || try == lockTries || ctx.Err() != nil {
			end()
			return nil, nil, fault.Because(err, fault.Unavailable, "fault.restore.keys_unreachable", "folder", from.Data)
		}
		pause(ctx, lockPause)
	}
}

func (c *restoreCmd) report(m Machine, r app.Restore, d *app.Restored, failed []string) error {
	var err error
	if c.JSON {
		err = printJSON(m.Out, restoreJSON(r, d, failed))
	} else {
		err = c.print(m, r, d, failed)
	}
	if err == nil && d.Faults() > 0 {
		return fault.New(fault.Conflict, "fault.restore.unproved", "count", d.Faults(), "folder", filepath.Clean(r.To)+".unproved")
	}
	return err
}

type restoredLine struct {
	ID       string   `json:"id"`
	Records  int64    `json:"records"`
	Rows     int64    `json:"rows"`
	Values   int64    `json:"values_opened"`
	Files    int      `json:"files"`
	Erased   int64    `json:"keys_erased"`
	Renewed  int64    `json:"keys_renewed"`
	KeysFrom string   `json:"keys_from"`
	Faults   []string `json:"faults,omitempty"`
}

func restoreJSON(r app.Restore, d *app.Restored, failed []string) map[string]any {
	lines := []restoredLine{}
	for _, t := range d.Tenants {
		lines = append(lines, restoredLineOf(r, t))
	}
	return map[string]any{"backup": d.Backup, "data": r.To, "key": r.ToKey, "tenants": lines, "lacking": d.Lacking, "keys_unread": failed, "proved": d.Faults() == 0}
}

func restoredLineOf(r app.Restore, t app.RestoredTenant) restoredLine {
	var rows int64
	for _, n := range t.Proof.Rows {
		rows += n
	}
	from := "a backup"
	if len(r.Keys) > 0 && strings.HasPrefix(t.KeysFrom, r.Keys[0]) {
		from = "the installation itself"
	}
	return restoredLine{ID: t.ID, Records: t.Records, Rows: rows, Values: t.Proof.Values, Files: t.Files, Erased: t.Keys.Erased, Renewed: t.Keys.Renewed,
		KeysFrom: from, Faults: t.Proof.Faults}
}

func (c *restoreCmd) print(m Machine, r app.Restore, d *app.Restored, failed []string) error {
	fmt.Fprintf(m.Out, "Restored from %s.\n", d.Backup)
	rows := [][]string{{"TENANT", "RECORDS PROVED", "ROWS", "VALUES OPENED", "FILES", "KEYS ERASED SINCE", "KEYS FROM"}}
	for _, t := range d.Tenants {
		l := restoredLineOf(r, t)
		rows = append(rows, []string{l.ID, fmt.Sprint(l.Records), fmt.Sprint(l.Rows), fmt.Sprint(l.Values), fmt.Sprint(l.Files), fmt.Sprint(l.Erased), l.KeysFrom})
	}
	if err := table(m.Out, rows); err != nil {
		return err
	}
	for _, t := range d.Tenants {
		for _, f := range t.Proof.Faults {
			fmt.Fprintf(m.Out, "does not prove: tenant %s: %s\n", t.ID, f)
		}
	}
	for _, l := range d.Lacking {
		fmt.Fprintf(m.Out, "not in the backup: tenant %s (%s)\n", l.ID, l.Fault)
	}
	for _, t := range failed {
		fmt.Fprintf(m.Out, "The newest keys of tenant %s could not be read: what was erased in it after the backup may be readable again.\n", t)
	}
	if d.Faults() > 0 {
		return nil
	}
	_, err := fmt.Fprintf(m.Out, "Everything proves. It is held: it takes no mail, sends none and runs no job. Look at it with\n  insegel serve --data %s --key %s%s\nand when it shall work:\n  insegel resume --data %s --key %s%s\n",
		r.To, r.ToKey, databaseFlag(r), r.To, r.ToKey, databaseFlag(r))
	return err
}

func databaseFlag(r app.Restore) string {
	if r.ToURL == "" {
		return ""
	}
	return " --database (the URL that you gave)"
}

type resumeCmd struct {
	Send bool `help:"Also send what was about to be sent when the backup was made. The installation that was backed up may have sent it since."`
}

func (*resumeCmd) Help() string {
	return "Letters that were not filed yet are filed. Make sure first that the old installation does not run any more.\n\nExample:\n  insegel resume --data /srv/restored --key /srv/restored.key"
}

// Work ends what a restored installation waits for.
func (c *resumeCmd) Work(ctx context.Context, s *Session) error {
	if !s.App.Held {
		return fault.New(fault.Conflict, "fault.restore.not_held")
	}
	n, err := s.App.Resume(ctx, access.Console(s.User), c.Send)
	if err != nil {
		return err
	}
	again := ""
	if s.Running {
		again = " Stop the program and start it again."
	}
	_, err = fmt.Fprintf(s.Out, "%d tenants work again.%s\n", n, again)
	return err
}
