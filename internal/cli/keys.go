package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/fault"
	"insegel/internal/tenant"
)

type keysCmd struct {
	Status keysStatus `cmd:"" help:"Tell how the keys are kept, and when they were changed."`
	Rotate keysRotate `cmd:"" help:"Change the epoch keys now: what was erased is gone from all copies after it."`
	Copied keysCopied `cmd:"" help:"Say that copies of the root key and the epoch keys exist elsewhere."`
}

type keysStatus struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (*keysStatus) Help() string {
	return "Ends with 1 where a copy is lacking.\n\nExample:\n  insegel keys status"
}

type keyLine struct {
	Tenant  string            `json:"tenant"`
	ID      string            `json:"id"`
	Epoch   uint64            `json:"epoch"`
	Changed *time.Time        `json:"changed,omitempty"`
	Under   bool              `json:"change_unfinished"`
	Copies  map[string]string `json:"copies"`
	whole   bool
}

// Work tells.
func (c *keysStatus) Work(ctx context.Context, s *Session) error {
	lines, err := s.keyLines(ctx)
	if err != nil {
		return err
	}
	copied, err := s.App.KeysCopied(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(s.Out, map[string]any{"root_key": s.App.Root.ID(), "file": s.App.Config.RootKey(), "copies_confirmed": zeroIsNil(copied), "tenants": lines})
	} else {
		err = c.print(s, lines, copied)
	}
	for _, l := range lines {
		if err == nil && !l.whole {
			return fault.New(fault.Conflict, "fault.keys.lacking", "tenant", l.Tenant)
		}
	}
	return err
}

func (c *keysStatus) print(s *Session, lines []keyLine, copied time.Time) error {
	fmt.Fprintf(s.Out, "Root key %s in %s\n", s.App.Root.ID(), s.App.Config.RootKey())
	head := []string{"TENANT", "EPOCH", "CHANGED"}
	rows := [][]string{append(head, s.App.Places.Dirs()...)}
	for _, l := range lines {
		changed := "never"
		if l.Changed != nil {
			changed = l.Changed.UTC().Format("2006-01-02 15:04Z")
		}
		if l.Under {
			changed += " (unfinished)"
		}
		row := []string{l.Tenant, fmt.Sprint(l.Epoch), changed}
		for _, dir := range s.App.Places.Dirs() {
			row = append(row, l.Copies[dir])
		}
		rows = append(rows, row)
	}
	if err := table(s.Out, rows); err != nil {
		return err
	}
	if copied.IsZero() {
		return nag(s.Out, s.App)
	}
	_, err := fmt.Fprintf(s.Out, "Copies elsewhere were confirmed on %s.\n", copied.UTC().Format(time.DateOnly))
	return err
}

// nag is said until somebody has confirmed that copies exist: losing the keys is losing everything.
func nag(w io.Writer, a *app.App) error {
	_, err := fmt.Fprintf(w, "Nobody has confirmed that copies of the keys exist elsewhere. If %s or all of %s are lost, everything is lost.\n"+
		"Copy the root key to a safe place, keep a folder of epoch keys on another disk (--key-copy), and then say: insegel keys copied\n",
		a.Config.RootKey(), places(a.Config))
	return err
}

func (s *Session) keyLines(ctx context.Context) ([]keyLine, error) {
	all, err := s.App.Lookup.All(ctx)
	if err != nil {
		return nil, err
	}
	lines := []keyLine{}
	for _, t := range all {
		if t.State == tenant.Pending {
			continue
		}
		st := s.App.Places.StatusOf(t.ID)
		l := keyLine{Tenant: t.Slug, ID: t.ID, Epoch: max(st.Current, st.Next), Copies: map[string]string{}, whole: st.Whole()}
		for _, c := range st.Copies {
			l.Copies[c.Dir] = string(c.State)
		}
		if err := s.rotated(ctx, &l); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func (s *Session) rotated(ctx context.Context, l *keyLine) error {
	v, err := s.App.Waist.Enter(ctx, l.ID, access.Console(s.User), access.RotateKeys)
	if err != nil {
		return err
	}
	defer v.Leave()
	at, unfinished, err := v.Rotated(ctx)
	l.Changed, l.Under = zeroIsNil(at), unfinished
	return err
}

func zeroIsNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type keysRotate struct {
	Tenant string `help:"Only this customer; default all." placeholder:"SLUG"`
}

func (*keysRotate) Help() string {
	return `Every key of every case is wrapped anew, then the old epoch key is destroyed in every folder. May be
stopped and started again. Older backups stay readable with the wrapped keys of a newer one.

Example:
  insegel keys rotate --tenant acme`
}

// Work rotates, tenant by tenant.
func (c *keysRotate) Work(ctx context.Context, s *Session) error {
	all, err := s.App.Lookup.All(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, t := range all {
		if t.State == tenant.Pending || c.Tenant != "" && t.Slug != c.Tenant {
			continue
		}
		found = true
		if err := s.rotate(ctx, t); err != nil {
			return err
		}
	}
	if !found {
		return fault.New(fault.NotFound, "fault.tenant.not_found")
	}
	return nil
}

func (s *Session) rotate(ctx context.Context, t tenant.Customer) error {
	v, err := s.App.Waist.Enter(ctx, t.ID, access.Console(s.User), access.RotateKeys)
	if err != nil {
		return err
	}
	defer v.Leave()
	if err := v.Rotate(ctx, s.progress(t.Slug)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "%s: epoch %d\n", t.Slug, s.App.Places.StatusOf(t.ID).Current)
	return err
}

type keysCopied struct{}

func (*keysCopied) Help() string {
	return `It is recorded who said so and when. Epoch keys change every week: a copy of their folder helps only as
long as it is renewed, best by --key-copy.

Example:
  insegel keys copied`
}

// Work records it.
func (c *keysCopied) Work(ctx context.Context, s *Session) error {
	if err := s.App.ConfirmKeys(ctx, access.Console(s.User)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.Out, "Recorded: copies of root key %s and of the epoch keys exist elsewhere.\n", s.App.Root.ID())
	return err
}
