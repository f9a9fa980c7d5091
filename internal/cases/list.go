package cases

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Filter chooses what a list shows. Zero values mean everything.
type Filter struct {
	Live         *bool // only those that somebody still has to do something about, or only the others
	State        State
	Queue        string // id
	Assignee     string // account id; Nobody for those that nobody has
	UpdatedSince time.Time
}

// Nobody as Filter.Assignee asks for cases that nobody has.
const Nobody = "-"

// MaxPage bounds one page of a list.
const MaxPage = 500

// maxPurposes is how many purposes one statement can filter by.
const maxPurposes = 64

// List gives a page of cases of the visit's purposes, the last changed first, and the cursor of the next page, empty
// at the end. A cursor holds a place in time, so it stays right while cases are made.
func List(ctx context.Context, r *visit.Reader, f Filter, cursor string, limit int) (page []Case, next string, err error) {
	updated, number, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 || limit > MaxPage {
		return nil, "", fault.New(fault.Invalid, "fault.list.limit", "max", MaxPage)
	}
	sql, args, err := f.query(r.Visit().Purposes(), updated, number, limit+1)
	if err != nil {
		return nil, "", err
	}
	rows, err := r.Query(ctx, sql, args...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		c, _, err := scanCase(r, rows.Scan)
		if err != nil {
			return nil, "", err
		}
		page = append(page, c)
	}
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = makeCursor(clock.Micros(last.Updated), last.Number)
	}
	return page, next, rows.Err()
}

// query chooses the index that the page is read along.
func (f Filter) query(purposes []string, updated, number int64, limit int) (string, []any, error) {
	if len(purposes) > maxPurposes {
		return "", nil, fault.New(fault.Invalid, "fault.list.purposes", "max", maxPurposes)
	}
	if f.State != "" && !f.State.Valid() {
		return "", nil, fault.New(fault.Invalid, "fault.case.state", "state", string(f.State))
	}
	rest := []any{updated, number}
	for i := range maxPurposes {
		if i < len(purposes) {
			rest = append(rest, purposes[i])
		} else {
			rest = append(rest, "")
		}
	}
	rest = append(rest, string(f.State), string(f.State), f.Queue, f.Queue, clock.Micros(f.UpdatedSince), limit)
	who := f.Assignee
	if who == Nobody {
		who = ""
	}
	switch live := f.Live == nil || *f.Live; {
	case f.Assignee != "":
		return sqlListWho, append([]any{who, live}, rest...), nil
	case f.State != "":
		return sqlListState, append([]any{string(f.State)}, rest...), nil
	case f.Live != nil:
		return sqlListLive, append([]any{live}, rest...), nil
	case f.Queue != "":
		return sqlListQueue, append([]any{f.Queue}, rest...), nil
	}
	return sqlListAll, rest, nil
}

func makeCursor(updated, number int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", updated, number))
}

func parseCursor(c string) (updated, number int64, err error) {
	if c == "" {
		return 1<<62 - 1, 1<<62 - 1, nil
	}
	bad := fault.New(fault.Invalid, "fault.list.cursor")
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return 0, 0, bad
	}
	u, n, ok := strings.Cut(string(b), ".")
	updated, err1 := strconv.ParseInt(u, 10, 64)
	number, err2 := strconv.ParseInt(n, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, bad
	}
	return updated, number, nil
}

// scanCase reads a row and opens what it may. Of a case whose key was destroyed only the clear part is left.
func scanCase(r *visit.Reader, into func(...any) error) (c Case, key visit.Key, err error) {
	var state string
	var sealed []byte
	var created, updated, closed, due int64
	k := visit.Wrapped{}
	err = into(&c.ID, &c.Number, (*string)(&c.Kind), &c.Class, &c.Queue, &c.Purpose, &state, (*int64)(&c.Priority), &c.Assignee, &sealed,
		&created, &updated, &closed, &due, &c.Version, &c.Messages, &c.MayBelong, &k.Kind, &k.Purpose, &k.Epoch, &k.Wrapped)
	if err != nil {
		return c, key, err
	}
	c.State = State(state)
	c.Created, c.Updated = clock.FromMicros(created), clock.FromMicros(updated)
	c.Closed, c.Due = clock.FromMicros(closed), clock.FromMicros(due)
	if !r.Visit().May(c.Purpose) {
		return Case{}, key, fault.New(fault.NotFound, "fault.case.not_found")
	}
	if len(k.Wrapped) == 0 {
		c.Erased = true
		return c, key, nil
	}
	k.ID, k.Name = c.ID, Name(c.Number)
	if key, err = r.Unwrap(k); err != nil {
		if fault.Of(err).Key == "fault.seal.erased" {
			c.Erased = true
			return c, key, nil
		}
		return c, key, fmt.Errorf("case %d: %w", c.Number, err)
	}
	b, err := key.Open("cases", "head", c.ID, sealed)
	if err != nil {
		return c, key, fmt.Errorf("case %d: %w", c.Number, err)
	}
	c.unpackHead(b)
	return c, key, nil
}

// byNumber reads one case with its key.
func byNumber(ctx context.Context, r *visit.Reader, number int64) (Case, visit.Key, error) {
	c, key, err := scanCase(r, func(dest ...any) error { return r.QueryRow(ctx, sqlByNumber, []any{number}, dest...) })
	if errors.Is(err, store.ErrNoRows) {
		return c, key, fault.New(fault.NotFound, "fault.case.not_found")
	}
	return c, key, err
}
