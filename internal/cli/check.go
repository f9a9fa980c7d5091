package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/fault"
	"insegel/internal/visit"
)

type checkCmd struct {
	Tenant     string   `help:"Check this customer whole: its database, its log, its rows, its files, a sample of what is sealed." placeholder:"SLUG"`
	Accept     bool     `help:"With --tenant: make the present log the one that later ones are held against, after a mark was lost. It is proved first, and recorded."`
	Checkpoint []string `help:"With --tenant: a signed checkpoint that was kept elsewhere; the log must continue it." placeholder:"FILE"`
	JSON       bool     `help:"Print JSON." name:"json"`
}

func (*checkCmd) Help() string {
	return `Every fault is a line that says what to do; warnings are no faults. Ends with 1 where there is a fault.

Examples:
  insegel check
  insegel check --tenant acme
  insegel check --tenant acme --accept`
}

type checkLine struct {
	Fault   string `json:"fault"`
	Text    string `json:"text"`
	Warning bool   `json:"warning"`
}

// Broken tells what can be told where the program does not even start.
func (c *checkCmd) Broken(m Machine, all []app.Finding, cause error, log *slog.Logger) error {
	if c.Tenant != "" {
		return cause
	}
	said := func(f app.Finding) bool { // the cause says it better
		key := fault.Of(f.Err).Key
		return key == fault.Of(cause).Key || key == "fault.seal.root_missing" && fault.Of(cause).Key == "fault.app.key_missing"
	}
	return c.tell(m, append(slices.DeleteFunc(all, said), app.Finding{Err: cause}), log)
}

// Work checks.
func (c *checkCmd) Work(ctx context.Context, s *Session) error {
	if c.Tenant == "" {
		if c.Accept || len(c.Checkpoint) > 0 {
			return fault.New(fault.Invalid, "fault.check.tenant")
		}
		inside, err := s.App.Inside(ctx)
		if err != nil {
			return err
		}
		return c.tell(s.Machine, append(app.Surroundings(s.App.Config), inside...), s.App.Logger)
	}
	t, err := s.customer(ctx, c.Tenant)
	if err != nil {
		return err
	}
	given, err := s.checkpoints(c.Checkpoint)
	if err != nil {
		return err
	}
	if c.Accept {
		faults, err := s.App.Accept(ctx, access.Console(s.User), t.ID, given)
		if err != nil {
			return err
		}
		if len(faults) > 0 {
			return c.tellProof(s, app.Proof{}, faults)
		}
	}
	return c.prove(ctx, s, t.ID, given)
}

func (c *checkCmd) prove(ctx context.Context, s *Session, tenantID string, given [][]byte) error {
	p, err := s.App.Prove(ctx, tenantID, given)
	if err != nil {
		return err
	}
	v, err := s.App.Waist.Enter(ctx, tenantID, access.Console(s.User), access.CheckTenant)
	if err != nil {
		return err
	}
	defer v.Leave()
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Set("faults", visit.Number(int64(len(p.Faults))))
		return struct{}{}, nil
	})
	if err != nil {
		return err
	}
	return c.tellProof(s, p, p.Faults)
}

func (c *checkCmd) tell(m Machine, all []app.Finding, log *slog.Logger) error {
	faults := 0
	lines := []checkLine{}
	for _, f := range all {
		if !f.Warning {
			faults++
		}
		lines = append(lines, checkLine{fault.Of(f.Err).Key, sentence(f.Err, log), f.Warning})
	}
	var err error
	if c.JSON {
		err = printJSON(m.Out, lines)
	} else {
		err = printFindings(m.Out, lines)
	}
	if err == nil && faults > 0 {
		return fault.New(fault.Conflict, "fault.check.found", "count", faults)
	}
	return err
}

func printFindings(w io.Writer, lines []checkLine) error {
	for _, l := range lines {
		kind := "fault:   "
		if l.Warning {
			kind = "warning: "
		}
		if _, err := fmt.Fprintln(w, kind+l.Text); err != nil {
			return err
		}
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is wrong.")
		return err
	}
	return nil
}

func (c *checkCmd) tellProof(s *Session, p app.Proof, faults []string) error {
	var err error
	switch {
	case c.JSON && p.Found != nil:
		err = printJSON(s.Out, map[string]any{"proved": len(faults) == 0, "records": p.Records, "erased": p.Found.Erased, "rows": p.Rows,
			"values_opened": p.Values, "files_read": p.Files, "faults": faults})
	case c.JSON:
		err = printJSON(s.Out, map[string]any{"proved": false, "faults": faults})
	default:
		for _, f := range faults {
			fmt.Fprintln(s.Out, "does not prove: "+f)
		}
		if p.Found != nil {
			_, err = fmt.Fprintf(s.Out, "%d records, %d tables counted, %d sealed values opened, %d files read, %d faults.\n", p.Records, len(p.Rows), p.Values, p.Files, len(faults))
		}
	}
	if err == nil && len(faults) > 0 {
		return fault.New(fault.Conflict, "fault.check.log", "count", len(faults), "tenant", c.Tenant)
	}
	return err
}
