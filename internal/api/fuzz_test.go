package api

import (
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	"insegel/internal/store/storetest"
)

// Whatever bytes come as a body: an answer in JSON that is no fault of ours, and what was taken is what was sent.
func FuzzBodies(f *testing.F) {
	d := newDesk(f, storetest.SQLite(f))
	d.serve(Limits{Rate: 1e9, Burst: 1 << 30, Strange: 1e9, Strangle: 1 << 30})
	c := d.makeCase("En")
	for _, b := range bodies {
		f.Add(b)
	}
	for _, b := range []string{`{"kind":"note","body":"x","files":[{"name":"a","content":"YQ=="}]}`, `{"assignee":null,"priority":4}`, `{"from":{"name":"\u0000"}}`, `[[[[`, `{"priority":1e400}`,
		`{"kind":"note","body":"\ud800"}`, `{"state":null,"queue":null}`, `{"queue":"Support","subject":"` + "\u202e" + `","body":"` + "\x7f" + `","from":{"name":"a"}}`, "\xff", ``, `null`, `"x"`} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		d := &desk{House: d.House, t: t, server: d.server, token: d.token}
		for _, x := range [][2]string{{"POST", "/api/v1/cases"}, {"PATCH", fmt.Sprintf("/api/v1/cases/%d", c.Number)}, {"POST", fmt.Sprintf("/api/v1/cases/%d/messages", c.Number)}, {"POST", "/api/v1/queues"}} {
			a := d.ask(x[0], x[1], body)
			if a.status >= 500 || a.status < 200 || !json.Valid(a.body) || !utf8.Valid(a.body) {
				t.Fatalf("%s %s %q: %d %s", x[0], x[1], body, a.status, a.body)
			}
			if a.status == 201 && x[1] == "/api/v1/cases" {
				d.stored(t, body, a)
			}
		}
	})
}

// stored holds a new case against what was sent.
func (d *desk) stored(t *testing.T, body string, a answered) {
	var sent NewCase
	var made Case
	var full Thread
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	a.into(t, &made)
	d.must(200, "GET", a.header.Get("Location"), nil).into(t, &full)
	if len(full.Messages) != 1 || full.Messages[0].Body != sent.Body || full.Number != made.Number || full.Subject != made.Subject {
		t.Fatalf("%q became %+v", body, full)
	}
}
