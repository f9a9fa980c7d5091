package api

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"insegel/internal/access"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

// scene is one thing of each sort, for calls to be about.
type scene struct {
	number  int64
	message string
	file    string
	letter  string
}

func (d *desk) scene() (s scene) {
	c := d.makeCase("En sak")
	s.number = c.Number
	var w Written
	d.must(201, "POST", fmt.Sprintf("/api/v1/cases/%d/messages", s.number), `{"kind":"note","body":"x","files":[{"name":"a.txt","content":"YQ=="}]}`).into(d.t, &w)
	s.message = w.ID
	var full Thread
	d.must(200, "GET", fmt.Sprintf("/api/v1/cases/%d", s.number), nil).into(d.t, &full)
	s.file = full.Messages[1].Files[0].ID
	s.letter = d.hold("Subject: hej\r\n\r\nhej\r\n")
	return s
}

// path fills a route's path with the scene's things.
func (s scene) path(r *route) string {
	return strings.NewReplacer("{number}", fmt.Sprint(s.number), "{message}", s.message, "{file}", s.file, "{letter}", s.letter).Replace(r.path)
}

// bodies are requests that would be done.
var bodies = map[string]string{
	"create_case":   `{"queue":"Support","subject":"s","body":"b","from":{"email":"a@example.org"}}`,
	"change_case":   `{"state":"open"}`,
	"write_message": `{"kind":"note","body":"b"}`,
	"create_queue":  `{"name":"Second","address":"second@acme.example","purpose":"support"}`,
}

func body(r *route) any {
	if b, ok := bodies[r.id]; ok {
		return b
	}
	return nil
}

// TestEveryRouteHasAnAction holds the table together: actions, documents and what a test can send.
func TestEveryRouteHasAnAction(t *testing.T) {
	s := newServer(Config{})
	if len(s.routes) < 15 {
		t.Fatalf("%d routes", len(s.routes))
	}
	known := map[string]bool{}
	for _, name := range access.Scopes() {
		known[name] = true
	}
	for _, r := range s.routes {
		for _, a := range r.actions {
			if !known[a.Name()] || a.Public() {
				t.Errorf("%s %s: %q is no scope", r.method, r.path, a.Name())
			}
		}
		if len(r.actions) == 0 || r.op.Metadata[routeKey] != r {
			t.Errorf("%s %s has no action", r.method, r.path)
		}
	}
	documented := 0
	for _, item := range s.huma.OpenAPI().Paths {
		for _, op := range []any{item.Get, item.Post, item.Patch, item.Put, item.Delete} {
			if fmt.Sprint(op) != "<nil>" {
				documented++
			}
		}
	}
	if documented != len(s.routes) {
		t.Errorf("%d calls are mounted, %d stand in the table", documented, len(s.routes))
	}
}

// Another tenant's token, nobody's token and a thing that is not there are answered with the same bytes, on every route.
func TestStrangersSeeNothing(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		s := d.scene()
		_, theirs := d.person(d.Operator, "olga@operator.example", access.Administrator, "*")
		missing := d.must(404, "GET", "/api/v1/cases/999999", nil)
		for _, r := range d.api.routes {
			for name, token := range map[string]string{"of another tenant": theirs, "of nobody": "insegel_" + strings.Repeat("x", 43)} {
				a := d.ask(r.method, s.path(r), body(r), "Authorization", "Bearer "+token)
				if a.status != 404 || !bytes.Equal(a.body, missing.body) {
					t.Errorf("%s %s with a token %s: %d %s", r.method, r.path, name, a.status, a.body)
				}
			}
			a := d.ask(r.method, s.path(r), body(r), "Authorization", "")
			if a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") || a.code(t) != "fault.api.no_token" {
				t.Errorf("%s %s without a token: %d %s", r.method, r.path, a.status, a.body)
			}
			if a := d.ask(r.method, s.path(r), body(r), "Host", "nobody.example", "Authorization", "Bearer "+theirs); a.status != 404 {
				t.Errorf("%s %s at another host: %d", r.method, r.path, a.status)
			}
			if a := d.ask(r.method, s.path(r), body(r), "Host", "operator.localhost"); a.status != 404 {
				t.Errorf("%s %s with our token at the operator's: %d", r.method, r.path, a.status)
			}
		}
		for _, header := range []string{"Basic abc", "Bearer", "Bearer ", "Bearer " + strings.Repeat("x", 300), d.token} {
			d.must(401, "GET", "/api/v1/cases", nil, "Authorization", header)
		}
	})
}

// A token does what its scope says on each route, and is told which scope it lacks.
func TestScopes(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		s := d.scene()
		for _, r := range d.api.routes {
			action := r.action([]byte(bodies[r.id])).Name()
			var others []string
			for _, name := range access.Scopes() {
				if name != action {
					others = append(others, name)
				}
			}
			a := d.ask(r.method, s.path(r), body(r), "Authorization", "Bearer "+d.tokenFor(d.Customer, "anna@acme.example", others...))
			if a.status != 403 || a.code(t) != "fault.scope" {
				t.Errorf("%s %s with every scope but %s: %d %s", r.method, r.path, action, a.status, a.body)
			}
			a = d.ask(r.method, s.path(r), body(r), "Authorization", "Bearer "+d.tokenFor(d.Customer, "anna@acme.example", action))
			if a.status >= 400 && !(r.id == "read_original" && a.status == 404) && !(r.id == "discard_held" && a.status == 409) {
				t.Errorf("%s %s with %s alone: %d %s", r.method, r.path, action, a.status, a.body)
			}
		}
	})
}

// Who is outside a purpose sees that nothing is there.
func TestOutsidersSeeNothing(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		s := d.scene()
		_, token := d.person(d.Customer, "hans@acme.example", access.Handler, "*")
		d.closePurpose("support", access.Administrator)
		missing := d.must(404, "GET", "/api/v1/cases/999999", nil)
		for _, r := range d.api.routes {
			a := d.ask(r.method, s.path(r), body(r), "Authorization", "Bearer "+token)
			switch r.id {
			case "list_cases", "list_held", "list_queues":
				if a.status != 200 || !strings.HasPrefix(string(a.body), `{"items":[],"next":null}`) {
					t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
				}
			case "list_purposes", "list_accounts":
				if a.status != 200 || strings.Contains(string(a.body), `"support"`) {
					t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
				}
			case "create_case":
				nowhere := d.ask(r.method, r.path, strings.Replace(bodies[r.id], "Support", "Nowhere", 1), "Authorization", "Bearer "+token)
				if a.status != 404 || !bytes.Equal(a.body, nowhere.body) {
					t.Errorf("%s %s: %d %s, not as for a queue that is not there: %s", r.method, r.path, a.status, a.body, nowhere.body)
				}
			default:
				if a.status != 404 || !bytes.Equal(a.body, missing.body) {
					t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
				}
			}
		}
		if a := d.ask("GET", "/api/v1/queues", nil, "Authorization", "Bearer "+token); strings.Contains(string(a.body), "support@") {
			t.Errorf("%s", a.body)
		}
	})
}

// closePurpose leaves a purpose to some roles. No room offers it yet, so the test writes it.
func (d *desk) closePurpose(id string, role access.Role) {
	d.t.Helper()
	v := d.Enter(d.t, visittest.Console(), access.CreatePurpose)
	_, err := visit.Update(d.t.Context(), v, func(w *visit.Writer) (struct{}, error) {
		_, err := w.Exec(d.t.Context(), `UPDATE purpose SET readers = $1 WHERE id = $2`, string(role), id)
		return struct{}{}, err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}
