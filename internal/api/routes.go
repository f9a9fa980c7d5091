package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/access"
	"insegel/internal/lang"
)

// mount is the route table, and the access list: there is no call without an action.
func (s *server) mount() {
	post(s, "create_case", "/cases", access.CreateCase, s.createCase)
	get(s, "list_cases", "/cases", access.ListCases, s.listCases)
	get(s, "read_case", "/cases/{number}", access.ReadCase, s.readCase)
	patch(s, "change_case", "/cases/{number}", access.ChangeCase, s.changeCase)
	post(s, "write_message", "/cases/{number}/messages", access.Reply, s.writeMessage).orBy(noteOrReply, access.Note).withFiles()
	get(s, "read_file", "/cases/{number}/messages/{message}/files/{file}", access.ReadFile, s.readFile)
	get(s, "read_original", "/cases/{number}/messages/{message}/original", access.ReadMail, s.readOriginal)
	get(s, "list_records", "/cases/{number}/records", access.ShowLog, s.listRecords)

	get(s, "list_held", "/quarantine", access.ListHeld, s.listHeld)
	get(s, "read_held", "/quarantine/{letter}", access.ReadHeld, s.readHeld)
	get(s, "read_held_raw", "/quarantine/{letter}/raw", access.ReadHeld, s.readHeldRaw)
	post(s, "release_held", "/quarantine/{letter}/release", access.ReleaseHeld, s.releaseHeld)
	post(s, "discard_held", "/quarantine/{letter}/discard", access.DiscardHeld, s.discardHeld)

	get(s, "list_queues", "/queues", access.ListQueues, s.listQueues)
	post(s, "create_queue", "/queues", access.CreateQueue, s.createQueue)
	get(s, "list_purposes", "/purposes", access.ListPurposes, s.listPurposes)
	get(s, "list_accounts", "/accounts", access.ListAccounts, s.listAccounts)
}

// base is where the first version of the calls is.
const base = "/api/v1"

// route is one call.
type route struct {
	id      string
	method  string
	path    string
	actions []access.Action
	choose  func(body []byte) access.Action // among actions, where the body decides
	files   bool
	op      *huma.Operation
}

func (r *route) writes() bool { return r.method != http.MethodGet }

// orBy makes the body choose among actions.
func (r *route) orBy(choose func([]byte) access.Action, more ...access.Action) *route {
	r.choose, r.actions = choose, append(r.actions, more...)
	r.op.Description = scopeText(r)
	return r
}

// withFiles lets a call carry files.
func (r *route) withFiles() *route {
	r.files = true
	return r
}

// action is what a call is, and what a token's scope must allow.
func (r *route) action(body []byte) access.Action {
	if r.choose == nil {
		return r.actions[0]
	}
	return r.choose(body)
}

type handler[I, O any] func(context.Context, *call, *I) (*O, error)

func get[I, O any](s *server, name, path string, a access.Action, h handler[I, O]) *route {
	return add(s, http.MethodGet, name, path, a, h)
}

func post[I, O any](s *server, name, path string, a access.Action, h handler[I, O]) *route {
	return add(s, http.MethodPost, name, path, a, h)
}

func patch[I, O any](s *server, name, path string, a access.Action, h handler[I, O]) *route {
	return add(s, http.MethodPatch, name, path, a, h)
}

// add mounts a call and describes it.
func add[I, O any](s *server, method, name, path string, a access.Action, h handler[I, O]) *route {
	r := &route{id: name, method: method, path: base + path, actions: []access.Action{a}}
	status := http.StatusOK
	if strings.HasPrefix(name, "create_") || strings.HasPrefix(name, "write_") {
		status = http.StatusCreated
	}
	r.op = &huma.Operation{OperationID: name, Method: method, Path: base + path, Summary: lang.En.T("api.op." + name), DefaultStatus: status,
		Tags: []string{strings.Split(path, "/")[1]}, Security: []map[string][]string{{"token": {}}}, Description: scopeText(r),
		MaxBodyBytes: -1, BodyReadTimeout: -1, // enter has read the body, within limits of its own
		Metadata: map[string]any{routeKey: r}}
	huma.Register(s.huma, *r.op, func(ctx context.Context, in *I) (*O, error) {
		c := called(ctx)
		out, err := h(ctx, c, in)
		if err != nil {
			return nil, s.problem(c, c.r, err)
		}
		return out, nil
	})
	if item := s.huma.OpenAPI().Paths[r.path]; item != nil {
		r.op = operation(item, method)
	}
	s.describe(r)
	s.routes = append(s.routes, r)
	return r
}

// routeKey is under which an operation holds its route.
const routeKey = "route"

func operation(item *huma.PathItem, method string) *huma.Operation {
	switch method {
	case http.MethodPost:
		return item.Post
	case http.MethodPatch:
		return item.Patch
	}
	return item.Get
}

func scopeText(r *route) string {
	var names []string
	for _, a := range r.actions {
		names = append(names, "`"+a.Name()+"`")
	}
	return "Scope: " + strings.Join(names, " or ") + "."
}
