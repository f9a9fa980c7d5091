package api

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/visit"
)

// Record is a line of the log.
type Record struct {
	Seq     int64             `json:"seq" doc:"Its place in the log"`
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	Action  string            `json:"action"`
	Actor   string            `json:"actor" doc:"account:ID, token:ID, or a part of the program"`
	Role    string            `json:"role,omitempty"`
	Object  string            `json:"object,omitempty" doc:"id of what was touched"`
	Opened  []string          `json:"opened,omitempty" doc:"What was unsealed"`
	Set     map[string]string `json:"set,omitempty"`
	Was     map[string]string `json:"was,omitempty"`
	Result  string            `json:"result,omitempty"`
	Address string            `json:"address,omitempty" doc:"Where from, for who may see it, for 90 days"`
	Changes []Changed         `json:"changes,omitempty" doc:"Sealed fields, before and after, as long as the case is not erased"`
}

// Changed is a sealed field before and after.
type Changed struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

type recordsIn struct {
	CasePath
	Page
}

type recordsOut struct{ Body List[Record] }

// listRecords lists what the log says of a case.
func (s *server) listRecords(ctx context.Context, c *call, in *recordsIn) (*recordsOut, error) {
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	below := int64(0)
	if in.Cursor != "" {
		if below, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || below <= 0 {
			return nil, fault.New(fault.Invalid, "fault.list.cursor")
		}
	}
	l, err := visit.View(ctx, c.v, func(r *visit.Reader) (List[Record], error) {
		l := List[Record]{Items: []Record{}}
		if _, err := cases.Get(ctx, r, n); err != nil {
			return l, err
		}
		lines, err := r.Log(ctx, n, below, in.Limit+1)
		if len(lines) > in.Limit {
			lines = lines[:in.Limit]
			l.Next = next(strconv.FormatInt(lines[in.Limit-1].Seq, 10))
		}
		for _, line := range lines {
			l.Items = append(l.Items, record(line))
		}
		return l, err
	})
	return &recordsOut{l}, err
}

func record(l visit.Line) Record {
	out := Record{Seq: l.Seq, ID: l.ID, At: l.At, Action: l.Action, Actor: l.Actor, Role: l.Act.Role, Object: l.Act.Object, Opened: l.Act.Opened,
		Set: l.Act.Set, Was: l.Act.Was, Result: l.Act.Result, Address: l.Address}
	for _, field := range slices.Sorted(maps.Keys(l.Changes)) {
		c := l.Changes[field]
		out.Changes = append(out.Changes, Changed{Field: field, Before: c[0], After: c[1]})
	}
	return out
}
