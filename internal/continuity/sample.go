package continuity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// sealed is a column whose values are sealed: how a sample of them is read, with the row that each is bound to and the key it is
// under.
type sealed struct {
	table, column string
	sql           string // row, key id, value; $1 how many, after $2 others, the newest first
}

// Sealed lists every sealed column. A test holds the list against the schema, so that no column is forgotten.
func Sealed() [][2]string {
	var all [][2]string
	for _, s := range samples() {
		all = append(all, [2]string{s.table, s.column})
	}
	return append(all, [2]string{"blob", "inline"}, [2]string{"blob", "filekey"})
}

func samples() []sealed {
	return []sealed{
		{"account", "head", `SELECT id, id, head FROM account ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"attachment", "head", `SELECT id, case_id, head FROM attachment ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"cases", "head", `SELECT id, id, head FROM cases ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"delivery", "detail", `SELECT d.message || ' ' || d.place, c.id, d.detail FROM delivery d JOIN cases c ON c.number = d.case_no ORDER BY d.message DESC, d.place DESC LIMIT $1 OFFSET $2`},
		{"directory", "name", `SELECT id, 'settings', name FROM directory ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"letter", "envelope", `SELECT id, id, envelope FROM letter ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"link", "secret", `SELECT id, account, secret FROM link ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"message", "head", `SELECT id, case_id, head FROM message ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"message", "body", `SELECT id, case_id, body FROM message ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"message", "html", `SELECT id, case_id, html FROM message ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"queue", "address", `SELECT id, 'settings', address FROM queue ORDER BY id DESC LIMIT $1 OFFSET $2`},
		{"queue", "name", `SELECT id, 'settings', name FROM queue ORDER BY id DESC LIMIT $1 OFFSET $2`},
	}
}

const (
	sqlBlobs = `SELECT id, key_id FROM blob ORDER BY id DESC LIMIT $1 OFFSET $2`
	sqlCases = `SELECT number, state, queue, priority, assignee FROM cases WHERE number > $1 ORDER BY number LIMIT $2`
)

// Opened counts what a sample opened.
type Opened struct {
	Values, Files, Erased int64
}

// Sample opens values of every sealed column of a tenant, up to a number of each, spread over the table, and reads sealed files to
// their end. It shows them to nobody: it tells in words what does not open and is not erased.
func Sample(ctx context.Context, h *tenant.House, tenantID string, each int) (o Opened, faults []string, err error) {
	t, release, err := h.Get(ctx, tenantID)
	if err != nil {
		return o, nil, err
	}
	defer release()
	var contents []tenant.Content
	err = t.DB.View(ctx, func(r store.Reader) error {
		p := probe{t: t, r: r, o: &o, keys: map[string]*tenant.Bound{}}
		for _, s := range samples() {
			if err := p.column(ctx, s, each); err != nil {
				return err
			}
		}
		err := p.blobs(ctx, each)
		faults, contents = p.faults, p.contents
		return err
	})
	for _, c := range contents {
		if err != nil {
			return o, faults, err
		}
		if e := readThrough(ctx, c); e != nil {
			faults = append(faults, "a sealed file does not open: "+fault.Of(e).Key)
		}
		o.Files++
	}
	return o, faults, err
}

func readThrough(ctx context.Context, c tenant.Content) error {
	in, err := c.Reader()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, reading{ctx, in})
	return errors.Join(err, in.Close())
}

// probe is one sampling, on one snapshot.
type probe struct {
	t        *tenant.Tenant
	r        store.Reader
	o        *Opened
	keys     map[string]*tenant.Bound // nil: erased
	faults   []string
	contents []tenant.Content
}

type value struct {
	row, key string
	sealed   []byte
}

// stretch is how many values are opened at each further place of a large table.
const stretch = 100

// places tells where a table is looked into: its newest values, as many as wished, and then stretches further and further apart
// back to its beginning.
func (p *probe) places(each int, look func(limit, offset int) (n int, err error)) error {
	n, err := look(each, 0)
	for offset := each; err == nil && n > 0; offset *= 2 {
		n, err = look(stretch, offset)
	}
	return err
}

// column opens values of one column.
func (p *probe) column(ctx context.Context, s sealed, each int) error {
	err := p.places(each, func(limit, offset int) (int, error) {
		values, err := p.read(ctx, s.sql, limit, offset, true)
		for _, v := range values {
			if len(v.sealed) > 0 {
				p.open(ctx, s, v)
			}
		}
		return len(values), err
	})
	if err != nil {
		return fmt.Errorf("sample %s.%s: %w", s.table, s.column, err)
	}
	return nil
}

func (p *probe) open(ctx context.Context, s sealed, v value) {
	k, err := p.key(ctx, v.key)
	if err != nil {
		p.fault("the key of %s %s does not open", s.table, v.row)
		return
	}
	if k == nil {
		p.o.Erased++
		return
	}
	if _, err := p.t.Open(*k, s.table, s.column, v.row, v.sealed); err != nil {
		p.fault("%s of %s %s does not open", s.column, s.table, v.row)
		return
	}
	p.o.Values++
}

func (p *probe) read(ctx context.Context, sql string, limit, offset int, withValue bool) (all []value, err error) {
	rows, err := p.r.Query(ctx, sql, limit, offset)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v value
		into := []any{&v.row, &v.key}
		if withValue {
			into = append(into, &v.sealed)
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func (p *probe) key(ctx context.Context, keyID string) (*tenant.Bound, error) {
	if k, known := p.keys[keyID]; known {
		return k, nil
	}
	row, err := tenant.GetKey(ctx, p.r, keyID)
	if fault.Of(err).Key == "fault.seal.erased" && err != nil {
		p.keys[keyID] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k, err := p.t.Unwrap(row)
	if err != nil {
		return nil, err
	}
	b := &tenant.Bound{ID: keyID, Purpose: row.Purpose, Key: k}
	p.keys[keyID] = b
	return b, nil
}

func (p *probe) blobs(ctx context.Context, each int) error {
	return p.places(each, func(limit, offset int) (int, error) {
		values, err := p.read(ctx, sqlBlobs, limit, offset, false)
		for _, v := range values {
			p.blob(ctx, v)
		}
		return len(values), err
	})
}

func (p *probe) blob(ctx context.Context, v value) {
	k, err := p.key(ctx, v.key)
	if err != nil {
		p.fault("the key of blob %s does not open", v.row)
		return
	}
	if k == nil {
		p.o.Erased++
		return
	}
	c, err := p.t.Content(ctx, p.r, *k, v.row)
	if err != nil {
		p.fault("blob %s does not open", v.row)
		return
	}
	p.o.Values++
	if c.Large() {
		p.contents = append(p.contents, c)
	}
}

// maxFaults bounds a report.
const maxFaults = 100

func (p *probe) fault(format string, args ...any) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, fmt.Sprintf(format, args...))
	}
}

// CaseFields holds the clear fields of each case against the last that was recorded of them: a row that was changed past the log
// shows here. It is a further check of tenant.House.Check.
func CaseFields(ctx context.Context, r store.Reader, report *audit.Report) (faults []string, err error) {
	for last := int64(0); ; {
		page, err := casePage(ctx, r, last)
		if err != nil || len(page) == 0 {
			return faults, err
		}
		for _, c := range page {
			last = c.number
			said := report.Cases[c.number]
			for field, is := range c.fields {
				if was, recorded := said[field]; recorded && was != is && len(faults) < maxFaults {
					faults = append(faults, fmt.Sprintf("case %d has %s %q, its last record says %q", c.number, field, is, was))
				}
			}
		}
	}
}

type caseRow struct {
	number int64
	fields map[string]string
}

func casePage(ctx context.Context, r store.Reader, after int64) (page []caseRow, err error) {
	rows, err := r.Query(ctx, sqlCases, after, 1000)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		c := caseRow{fields: map[string]string{}}
		var state, queue, assignee string
		var priority int64
		if err := rows.Scan(&c.number, &state, &queue, &priority, &assignee); err != nil {
			return nil, err
		}
		c.fields["state"], c.fields["queue"], c.fields["assignee"] = state, queue, assignee
		c.fields["priority"] = strconv.FormatInt(priority, 10)
		page = append(page, c)
	}
	return page, rows.Err()
}
