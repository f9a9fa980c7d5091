package gallery

import (
	"time"

	"github.com/a-h/templ"

	"insegel/internal/fault"
	"insegel/internal/lang"
	"insegel/internal/web/accountpages"
	"insegel/internal/web/casepages"
	"insegel/internal/web/kit"
)

// scene is one page in one state.
type scene struct {
	Name  string   `json:"name"`
	Path  string   `json:"path"`
	Open  string   `json:"open,omitempty"`  // details to unfold first
	Looks []string `json:"looks,omitempty"` // empty: all
	page  templ.Component
}

var wideLight = []string{"light-1280"}

func stockholm() *time.Location {
	z, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err)
	}
	return z
}

func now() time.Time { return time.Date(2026, 11, 23, 10, 14, 0, 0, stockholm()) }

func ago(d time.Duration) time.Time { return now().Add(-d) }

// page is the frame for somebody who is logged in.
func page(l lang.Lang, title, path string) kit.Page {
	return kit.Page{
		Lang: l, Now: now(), Tenant: "Västerviks kommun", Title: title, Path: path,
		User: &kit.User{Name: "Anna Lind", Email: "anna.lind@vastervik.example", Role: "Handläggare"},
		Nav: []kit.Link{
			{Href: "/cases", Label: l.T("case.list.title")},
			{Href: "/quarantine", Label: l.T("case.held.title"), Counted: true, Count: 3},
		},
	}
}

// door is the frame for somebody who is not.
func door(l lang.Lang, key, path string) kit.Page {
	return kit.Page{Lang: l, Now: now(), Tenant: "Västerviks kommun", Title: l.T(key), Path: path, Width: kit.Narrow}
}

func scenes() []scene {
	var out []scene
	for _, l := range lang.All() {
		out = append(out, inLanguage(l)...)
	}
	out = append(out, doors(lang.Sv)...)
	out = append(out, lists(lang.Sv)...)
	out = append(out, casesOf(lang.Sv)...)
	out = append(out, problems(lang.Sv)...)
	for i := range out {
		out[i].Path = "/" + out[i].Name
	}
	return out
}

// inLanguage shows the pages with most words in each language.
func inLanguage(l lang.Lang) []scene {
	s := string(l)
	looks := []string{"light-1280", "light-390"}
	return []scene{
		{Name: "list-" + s, Looks: looks, page: casepages.Cases(list(l, rows()))},
		{Name: "case-" + s, Looks: looks, page: casepages.Show(longCase(l))},
		{Name: "log-" + s, Looks: looks, page: casepages.CaseLog(log(l))},
		{Name: "held-" + s, Looks: looks, page: casepages.HeldLetter(heldLetter(l))},
		{Name: "choose-" + s, Looks: looks, page: accountpages.ChoosePassword(choose(l, nil))},
		{Name: "plain-" + s, Looks: looks, page: accountpages.PlainHTTP(accountpages.Plain{Page: door(l, "account.title.plain", "/login"), Secure: "https://vastervik.desk.example/login", Port: "8080", Host: "vastervik.desk.example"})},
		{Name: "login-" + s, Looks: looks, page: accountpages.LogIn(accountpages.Login{Page: door(l, "account.title.login", "/login")})},
	}
}

func choose(l lang.Lang, errs kit.Errors) accountpages.Choose {
	return accountpages.Choose{
		Page: door(l, "account.title.choose", "/link/x"), Purpose: accountpages.Invitation, Email: "anna.lind@vastervik.example",
		Action: "/link/x", MinLength: 15, Until: now().Add(23 * time.Hour), Errors: errs,
	}
}

func doors(l lang.Lang) []scene {
	login := func(f accountpages.Failure) accountpages.Login {
		return accountpages.Login{Page: door(l, "account.title.login", "/login"), Email: "anna.lind@vastervik.example", Failure: f, Retry: 4 * time.Minute}
	}
	out := login("")
	out.LogOut, out.Email = true, ""
	missing := login("")
	missing.Errors = kit.Errors{{Name: "email", Text: l.T("account.error.email")}, {Name: "password", Text: l.T("account.error.password")}}
	reset := choose(l, kit.Errors{{Name: "password", Text: l.T("account.error.short", "count", 15)}, {Name: "repeat", Text: l.T("account.error.repeat")}})
	reset.Purpose = accountpages.Reset
	gone := func(p accountpages.Purpose, w accountpages.Why, renew string) accountpages.Gone {
		return accountpages.Gone{Page: door(l, "account.title.gone", "/link/x"), Purpose: p, Why: w, Renew: renew}
	}
	sent := gone(accountpages.Invitation, accountpages.Expired, "/link/x/new")
	sent.Sent = true
	keep := kit.Resume{Action: "/cases/1186/reply", Files: true, Fields: []kit.Typed{{Name: "body", Value: "Hej Maja,\n\ndu behöver ett samordningsnummer först.\n\nHälsningar\nAnna"}, {Name: "kind", Value: "reply"}}}
	ended := login("")
	ended.Keep = keep
	return []scene{
		{Name: "login-ended", page: accountpages.LogIn(ended)},
		{Name: "resume", page: accountpages.Resume(accountpages.Resumed{Page: door(l, "desk.resume.title", "/login"), Keep: keep})},
		{Name: "login-wrong", page: accountpages.LogIn(login(accountpages.Wrong))},
		{Name: "login-locked", Looks: wideLight, page: accountpages.LogIn(login(accountpages.Locked))},
		{Name: "login-throttled", Looks: wideLight, page: accountpages.LogIn(login(accountpages.Throttled))},
		{Name: "login-missing", page: accountpages.LogIn(missing)},
		{Name: "logged-out", Looks: wideLight, page: accountpages.LogIn(out)},
		{Name: "choose-errors", page: accountpages.ChoosePassword(reset)},
		{Name: "gone-used", Looks: wideLight, page: accountpages.LinkGone(gone(accountpages.Invitation, accountpages.Used, "/link/x/new"))},
		{Name: "gone-expired", page: accountpages.LinkGone(gone(accountpages.Reset, accountpages.Expired, ""))},
		{Name: "gone-unknown", Looks: wideLight, page: accountpages.LinkGone(gone(accountpages.Reset, accountpages.Unknown, ""))},
		{Name: "gone-sent", Looks: wideLight, page: accountpages.LinkGone(sent)},
		{Name: "forgotten", page: accountpages.AskReset(accountpages.Forgotten{Page: door(l, "account.title.forgotten", "/forgotten")})},
		{Name: "forgotten-sent", Looks: wideLight, page: accountpages.AskReset(accountpages.Forgotten{Page: door(l, "account.title.sent", "/forgotten"), Sent: true})},
	}
}

func problems(l lang.Lang) []scene {
	problem := func(name string, looks []string, err error) scene {
		p := page(l, "", "/cases/9")
		pr := kit.ProblemOf(p, err, "01936f2e-8c1a-7c3e-9d1f-2b6a4e0d9c11")
		p.Title, p.Width = pr.Title, kit.Narrow
		return scene{Name: name, Looks: looks, page: kit.ProblemPage(p, pr)}
	}
	return []scene{
		problem("problem-403", wideLight, fault.New(fault.NotAllowed, "fault.not_allowed")),
		problem("problem-404", nil, fault.New(fault.NotFound, "fault.not_found")),
		problem("problem-409", wideLight, fault.New(fault.Conflict, "fault.conflict")),
		problem("problem-429", wideLight, fault.New(fault.TooMany, "fault.too_many")),
		problem("problem-500", nil, fault.New(fault.Internal, "fault.internal")),
		problem("problem-503", wideLight, fault.New(fault.Unavailable, "fault.unavailable")),
	}
}
