package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/tenant"
	"insegel/internal/visit"
)

type auditCmd struct {
	Verify auditVerify `cmd:"" help:"Prove every record of a customer's log."`
	Show   auditShow   `cmd:"" help:"Show the log of a case."`
}

type auditVerify struct {
	Tenant     string   `help:"The customer." required:"" placeholder:"SLUG"`
	Checkpoint []string `help:"A signed checkpoint that was kept elsewhere; the log must continue it." placeholder:"FILE"`
	JSON       bool     `help:"Print JSON." name:"json"`
}

func (*auditVerify) Help() string {
	return `Prints the log's present checkpoint, signed. Keep it elsewhere: without one, whoever holds the signing
key could write the log anew. Ends with 0 only where everything proves.

Example:
  insegel audit verify --tenant acme --checkpoint acme-2026-11.checkpoint`
}

// Work proves the log.
func (c *auditVerify) Work(ctx context.Context, s *Session) error {
	given, err := s.checkpoints(c.Checkpoint)
	if err != nil {
		return err
	}
	v, err := s.enter(ctx, c.Tenant, access.VerifyLog)
	if err != nil {
		return err
	}
	defer v.Leave()
	found, err := s.App.House.Check(ctx, v.Tenant(), nil, given)
	if err != nil {
		return err
	}
	if _, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		w.Set("records", visit.Number(found.Records))
		w.Set("faults", visit.Number(int64(len(found.Faults))))
		return struct{}{}, nil
	}); err != nil {
		return err
	}
	signed, _, key, err := v.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(s.Out, map[string]any{"proved": len(found.Faults) == 0, "records": found.Records, "opened": found.Opened, "erased": found.Erased,
			"faults": found.Faults, "checkpoint": string(signed), "key": key})
	} else {
		err = c.print(s.Out, found, signed, key)
	}
	if err == nil && len(found.Faults) > 0 {
		return fault.New(fault.Conflict, "fault.check.log", "count", len(found.Faults), "tenant", c.Tenant)
	}
	return err
}

func (c *auditVerify) print(w io.Writer, found *tenant.Found, signed []byte, key string) error {
	for _, f := range found.Faults {
		fmt.Fprintln(w, "does not prove: "+f)
	}
	_, err := fmt.Fprintf(w, "%d records: each has its place, its bytes and its proof", found.Records)
	if len(found.Faults) > 0 {
		_, err = fmt.Fprintf(w, "%d records read", found.Records)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "; %d sealed parts fit what was committed to, %d are erased.\nKey: %s\n\n%s", found.Opened, found.Erased, key, signed)
	}
	return err
}

// maxCheckpoint bounds a file that should hold some 200 bytes.
const maxCheckpoint = 4096

func (s *Session) checkpoints(files []string) (given [][]byte, err error) {
	for _, f := range files {
		path := s.path(f)
		info, err := os.Stat(path)
		if err == nil && info.Size() > maxCheckpoint {
			return nil, fault.New(fault.Invalid, "fault.log.checkpoint")
		}
		var b []byte
		if err == nil {
			b, err = os.ReadFile(path) // #nosec G304 -- who gives the command may read it
		}
		if err != nil {
			return nil, fault.Because(err, fault.Invalid, "fault.cli.file", "file", path)
		}
		given = append(given, b)
	}
	return given, nil
}

type auditShow struct {
	Case   int64  `help:"The case's number." required:"" placeholder:"N"`
	Tenant string `help:"The customer." required:"" placeholder:"SLUG"`
	JSON   bool   `help:"Print JSON." name:"json"`
}

func (*auditShow) Help() string {
	return "Who did what when, and from where as long as that is kept. That it was shown is recorded too.\n\nExample:\n  insegel audit show --tenant acme --case 17"
}

type logLine struct {
	Seq     int64                `json:"seq"`
	At      string               `json:"at"`
	Action  string               `json:"action"`
	Actor   string               `json:"actor"`
	Role    string               `json:"role,omitempty"`
	From    string               `json:"from,omitempty"`
	Object  string               `json:"object,omitempty"`
	Opened  []string             `json:"opened,omitempty"`
	Was     map[string]string    `json:"was,omitempty"`
	Set     map[string]string    `json:"set,omitempty"`
	Changes map[string][2]string `json:"changes,omitempty"`
	Erased  bool                 `json:"erased,omitempty"`
	Result  string               `json:"result,omitempty"`
}

// showPage is how many records are read in one view; each view is a record itself.
const showPage = 1000

// Work shows the log of a case.
func (c *auditShow) Work(ctx context.Context, s *Session) error {
	v, err := s.enter(ctx, c.Tenant, access.ShowLog)
	if err != nil {
		return err
	}
	defer v.Leave()
	lines := []logLine{}
	for below := int64(0); ; {
		page, err := visit.View(ctx, v, func(r *visit.Reader) ([]visit.Line, error) {
			page, err := r.Log(ctx, c.Case, below, showPage)
			if err == nil && len(page) == 0 && below == 0 {
				err = fault.New(fault.NotFound, "fault.case.not_found") // and no record of a look at nothing
			}
			r.Case(c.Case)
			return page, err
		})
		if err != nil {
			return err
		}
		for _, l := range page {
			lines = append(lines, logLineOf(l))
			below = l.Seq
		}
		if len(page) < showPage || below == 0 {
			break
		}
	}
	if c.JSON {
		return printJSON(s.Out, lines)
	}
	rows := [][]string{{"RECORD", "TIME", "WHAT", "WHO", "FROM", "HOW"}}
	for _, l := range lines {
		rows = append(rows, []string{fmt.Sprint(l.Seq), l.At, l.Action, l.Actor, l.From, l.how()})
	}
	return table(s.Out, rows)
}

func logLineOf(l visit.Line) logLine {
	from := l.Address
	if l.AddressErased {
		from = "erased"
	}
	return logLine{Seq: l.Seq, At: l.At.UTC().Format("2006-01-02T15:04:05.000Z"), Action: l.Action, Actor: l.Actor, Role: l.Act.Role, From: from,
		Object: l.Act.Object, Opened: l.Act.Opened, Was: l.Act.Was, Set: l.Act.Set, Changes: l.Changes, Erased: l.ChangesErased, Result: l.Act.Result}
}

func (l logLine) how() string {
	var parts []string
	for k, v := range l.Set {
		if was, there := l.Was[k]; there {
			v = was + "→" + v
		}
		parts = append(parts, k+"="+v)
	}
	sort.Strings(parts)
	if len(l.Opened) > 0 {
		parts = append(parts, "opened "+strings.Join(l.Opened, " "))
	}
	if l.Result != "" {
		parts = append(parts, l.Result)
	}
	return strings.Join(parts, ", ")
}
