package casepages

import (
	"net/url"
	"time"

	"insegel/internal/web/kit"
)

// List is the page of cases.
type List struct {
	kit.Page
	View      View
	Counts    map[View]int // a view without an entry shows no count
	Filter    Filter
	Queues    []kit.Option // value is the queue's id
	Assignees []kit.Option
	Rows      []Row
	Next      string // the cursor of the next page; empty at the end
	Cursor    string // the cursor of this page; empty on the first
	CanCreate bool
	FirstRun  bool   // there is no case at all yet
	Address   string // of a queue, for the first run: where a first letter can be sent
}

// View is a tab of the list.
type View string

// The views.
const (
	Mine       View = "mine"
	Unassigned View = "unassigned"
	AllOpen    View = "open"
	All        View = "all"
)

// Views lists the tabs in their order.
func Views() []View { return []View{Mine, Unassigned, AllOpen, All} }

// Filter narrows a view. Empty is everything.
type Filter struct {
	Queue    string
	State    string
	Assignee string
}

func (f Filter) any() bool { return f != Filter{} }

// Row is one case in the list.
type Row struct {
	Number   int64
	Subject  string
	Erased   bool   // its key is destroyed: there is no subject and no sender to show
	From     string // name, else address
	Queue    string
	State    State
	Priority Priority
	Assignee string // name; empty is nobody
	Updated  time.Time
	Due      time.Time
}

// url is the address of the list with a view, the present filters and a cursor.
func (v List) url(view View, cursor string) string {
	q := url.Values{}
	for name, value := range map[string]string{
		"view": string(view), "queue": v.Filter.Queue, "state": v.Filter.State, "assignee": v.Filter.Assignee, "cursor": cursor,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/cases?" + q.Encode()
}

func (v List) tabs() []kit.Link {
	var out []kit.Link
	for _, view := range Views() {
		n, counted := v.Counts[view]
		out = append(out, kit.Link{Href: v.url(view, ""), Label: v.T("case.view." + string(view)), Count: n, Counted: counted, Current: view == v.View})
	}
	return out
}

func (v List) first() string {
	if v.Cursor == "" {
		return ""
	}
	return v.url(v.View, "")
}

func (v List) next() string {
	if v.Next == "" {
		return ""
	}
	return v.url(v.View, v.Next)
}

func anyOption(label string, options []kit.Option) []kit.Option {
	return append([]kit.Option{{Value: "", Label: label}}, options...)
}
