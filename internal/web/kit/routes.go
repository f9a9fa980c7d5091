package kit

import (
	"net/http"
	"slices"

	"insegel/internal/access"
)

// Handler answers one request. An error becomes a problem page by its kind; a handler never writes one itself.
type Handler func(*Request) error

// Route is one line of the table of routes, which is the access list: there is no route without an action.
type Route struct {
	Method string
	Path   string
	Action access.Action
	Also   []access.Action // what the handler may do besides, as the same person: showing the case again after a fault
	Public bool
	handle Handler
	limit  int64 // bytes of a request's body
}

// Routes is where the areas mount their pages.
type Routes struct{ d *Desk }

// The limits of bodies, explicit. A form is short; one with a text or with files says so by its route.
const (
	maxForm   = 64 << 10
	maxText   = 4 << 20   // 1 MiB of text grows threefold on its way
	maxUpload = 150 << 20 // read to its end even where a file is too large, so that the answer arrives with what was typed
)

// Get is a page.
func (r Routes) Get(path string, a access.Action, h Handler, also ...access.Action) {
	r.add(Route{Method: http.MethodGet, Path: path, Action: a, Also: also, handle: h})
}

// Post is a form.
func (r Routes) Post(path string, a access.Action, h Handler, also ...access.Action) {
	r.add(Route{Method: http.MethodPost, Path: path, Action: a, Also: also, handle: h, limit: maxForm})
}

// Upload is a form with long text and files.
func (r Routes) Upload(path string, a access.Action, h Handler, also ...access.Action) {
	r.add(Route{Method: http.MethodPost, Path: path, Action: a, Also: also, handle: h, limit: maxUpload})
}

// Public is a page or form for everybody.
func (r Routes) Public(method, path string, a access.Action, h Handler, also ...access.Action) {
	r.add(Route{Method: method, Path: path, Action: a, Also: also, Public: true, handle: h, limit: maxText})
}

// add refuses, when the program starts, a route that says something else than its action.
func (r Routes) add(rt Route) {
	for _, a := range append([]access.Action{rt.Action}, rt.Also...) {
		if a.Name() == "" || a.Public() != rt.Public {
			panic("kit: " + rt.Method + " " + rt.Path + ": the action " + a.Name() + " does not fit the route")
		}
	}
	r.d.table = append(r.d.table, rt)
	r.d.mux.Handle(rt.Method+" "+rt.Path, r.d.serve(rt))
}

// Table lists the routes in the order in which they were mounted.
func (d *Desk) Table() []Route { return slices.Clone(d.table) }
