package tenant

import (
	"context"
	"fmt"
	"sort"

	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/store"
)

// Found is what a check of a whole tenant found.
type Found struct {
	Records int64
	Erased  int64
	Opened  int64
	Rows    map[string]int64 // counted, by table
	Faults  []string         // in words; none if whole
}

// Check holds a whole tenant against itself: the engine's own check, every record's proof, the mark and any checkpoint that
// is given, rows against the log's own counts, clear fields of cases against the last that was recorded, and files
// against their rows. tables are those whose rows the log counts; their names come from the program.
func (h *House) Check(ctx context.Context, tenantID string, tables []string, given [][]byte, more ...func(context.Context, store.Reader, *audit.Report) ([]string, error)) (*Found, error) {
	t, release, err := h.Get(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	defer release()
	f := &Found{Rows: map[string]int64{}}
	if f.Faults, err = t.DB.Check(ctx); err != nil {
		return nil, err
	}
	against, err := t.checkpoints(given)
	if err != nil {
		return nil, err
	}
	defer t.Reading()()
	err = t.DB.View(ctx, func(r store.Reader) error { return f.prove(ctx, t, r, tables, against, more) })
	if err != nil {
		return nil, err
	}
	_, missing, err := t.Sweep(ctx, h.clock.Now())
	for _, m := range missing {
		f.Faults = append(f.Faults, "file "+m+" is named by a row and is not there")
	}
	return f, err
}

// checkpoints are the mark, which every check is held against, and those that were kept elsewhere.
func (t *Tenant) checkpoints(given [][]byte) ([]audit.Checkpoint, error) {
	var all []audit.Checkpoint
	_, mark, err := audit.OpenMark(t.house.marks, t.ID, t.Log.Signer())
	if err != nil {
		return nil, err
	}
	if mark.Size >= 0 {
		all = append(all, mark)
	}
	for _, signed := range given {
		c, err := t.Log.Signer().Open(signed)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (f *Found) prove(ctx context.Context, t *Tenant, r store.Reader, tables []string, against []audit.Checkpoint,
	more []func(context.Context, store.Reader, *audit.Report) ([]string, error)) error {
	// The mark may be ahead of this snapshot only by commits that came after it: it was read before.
	report, err := t.Log.Verify(ctx, r, t.Opener(ctx, r), against, nil)
	if err != nil {
		return err
	}
	f.Records, f.Erased, f.Opened = report.Records, report.Erased, report.Opened
	f.Faults = append(f.Faults, report.Faults...)
	for _, table := range tables {
		if err := f.count(ctx, r, table, report.Made[table]); err != nil {
			return err
		}
	}
	for _, m := range more {
		faults, err := m(ctx, r, report)
		if err != nil {
			return err
		}
		f.Faults = append(f.Faults, faults...)
	}
	sort.Strings(f.Faults)
	return nil
}

func (f *Found) count(ctx context.Context, r store.Reader, table string, logged int64) error {
	if !ValidTable(table) {
		return fault.New(fault.Internal, "fault.internal")
	}
	var n int64
	if err := r.QueryRow(ctx, "SELECT COUNT(*) FROM "+table, nil, &n); err != nil { // #nosec G202 -- a table's name of ours, checked
		return err
	}
	f.Rows[table] = n
	if n != logged {
		f.Faults = append(f.Faults, fmt.Sprintf("table %s has %d rows, the log counts %d", table, n, logged))
	}
	return nil
}

// ValidTable tells whether s is a plain table name.
func ValidTable(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != ""
}
