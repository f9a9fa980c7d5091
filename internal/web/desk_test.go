package web_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/cases"
	"insegel/internal/web/webtest"
)

// atDesk is a desk with one letter in it and one handler at it.
func atDesk(t *testing.T, s *webtest.Site) *webtest.Browser {
	t.Helper()
	s.Arrive("anna@example.org", "support@acme.example", letter)
	s.Work()
	_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	return b
}

func says(t *testing.T, a webtest.Answer, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(a.Text, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

func with(v url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestReplyIsSentOnce(t *testing.T) {
	webtest.Each(t, func(t *testing.T, s *webtest.Site) {
		b := atDesk(t, s)
		says(t, b.Get("/cases", 200), "Fel adress i registret", "Anna Lind", "/cases/1001")
		page := b.Get("/cases/1001", 200)
		says(t, page, "anna@example.org", "räkning.html", "Automatic confirmation")
		form := with(page.Form("/cases/1001/reply"), "body", "Hej Anna!\r\nVi har rättat det.", "state", "solved")
		files := []webtest.File{{Name: "beslut.pdf", Body: []byte("%PDF-1.7")}, {Name: "stor.bin", Body: bytes.Repeat([]byte("x"), 300_000)}}
		first := b.Send("/cases/1001/reply", form, 303, files...)
		again := b.Send("/cases/1001/reply", form, 303, files...)
		if first.Header().Get("Location") != again.Header().Get("Location") {
			t.Errorf("the second goes to %s, the first to %s", again.Header().Get("Location"), first.Header().Get("Location"))
		}
		says(t, b.Get("/cases/1001", 200), "It was saved already")
		s.Work()
		c := s.Read(1001)
		if len(c.Messages) != 3 || c.State != cases.Solved || len(c.Messages[2].Files) != 2 || c.Messages[2].Body != "Hej Anna!\nVi har rättat det." {
			t.Fatalf("case after replying twice: %+v", c)
		}
		if out := s.Out.Letters(); len(out) != 2 || !strings.Contains(out[1], "In-Reply-To: <one@example.org>") {
			t.Fatalf("sent %d letters", len(out))
		}
		page = b.Get("/cases/1001", 200)
		says(t, page, "Bo Lind", "Sent", "changed the status from New to Solved", "stor.bin")
	})
}

func TestNoteIsNotSent(t *testing.T) {
	s := webtest.New(t, engine(t))
	b := atDesk(t, s)
	form := with(b.Get("/cases/1001", 200).Form("/cases/1001/reply"), "kind", "note", "body", "Ring henne")
	b.Send("/cases/1001/reply", form, 303)
	s.Work()
	if c := s.Read(1001); len(s.Out.Letters()) != 1 || c.Messages[2].Kind != cases.Note || c.State != cases.New {
		t.Fatalf("%d letters, %+v", len(s.Out.Letters()), c)
	}
	says(t, b.Get("/cases/1001/log", 200), "wrote a note", "Bo Lind", "opened the case")
}

func TestWhatWasTypedComesBack(t *testing.T) {
	s := webtest.New(t, engine(t))
	b := atDesk(t, s)
	form := b.Get("/cases/1001", 200).Form("/cases/1001/reply")
	a := b.Send("/cases/1001/reply", with(form, "body", "  ", "kind", "note"), 422, webtest.File{Name: "a.txt", Body: []byte("a")})
	says(t, a, "Enter a text.", "did not come along", `value="note" checked`)
	big := webtest.File{Name: "film.mov", Body: make([]byte, 26_000_000)}
	a = b.Send("/cases/1001/reply", with(form, "body", "Se filmen", "kind", "reply", "state", "pending"), 422, big)
	says(t, a, "film.mov", "is too large", "Se filmen</textarea>", `value="pending" selected`)
	b.Post("/cases/1001/change", with(b.Get("/cases/1001", 200).Form("/cases/1001/change"), "state", "closed"), 303)
	a = b.Send("/cases/1001/reply", with(form, "body", "Till ett stängt"), 409)
	says(t, a, "The case is closed", "Till ett stängt</textarea>")
	if c := s.Read(1001); len(c.Messages) != 2 || len(c.Messages[0].Files) != 2 {
		t.Errorf("something was kept: %+v", c)
	}
	if a := b.Send("/cases", with(b.Get("/cases/new", 200).Form("/cases"), "name", "Kalle", "email", "nobody", "body", "Text som finns kvar"), 422); !strings.Contains(a.Text, "Text som finns kvar") {
		t.Error("the new case's text is lost")
	}
}

func TestTwoPeopleDoNotOverwriteEachOther(t *testing.T) {
	webtest.Each(t, func(t *testing.T, s *webtest.Site) {
		bo := atDesk(t, s)
		ceciliaID, cecilia := s.Member(s.Customer, "acme", "Cecilia Ström", "cecilia@acme.example", access.Handler)
		hers, his := cecilia.Get("/cases/1001", 200), bo.Get("/cases/1001", 200)
		s.Clock.Add(time.Minute)
		cecilia.Post("/cases/1001/change", with(hers.Form("/cases/1001/change"), "assignee", ceciliaID, "state", "open"), 303)
		a := bo.Post("/cases/1001/change", with(his.Form("/cases/1001/change"), "priority", "1", "state", "pending"), 409)
		says(t, a, "changed while you had it open", "Cecilia Ström: changed the status from New to In progress", "gave the case to Cecilia Ström")
		if f := a.Form("/cases/1001/change"); f.Get("assignee") == "" {
			t.Errorf("the form: %v", f)
		}
		if c := s.Read(1001); c.State != cases.Open || c.Priority != cases.Normal || c.Assignee != ceciliaID {
			t.Fatalf("overwritten: %+v", c.Case)
		}
		mine := url.Values{}
		for _, f := range []string{"version", "base", "since"} {
			mine.Set(f, a.Form("/cases/1001/change").Get(f))
		}
		bo.Post("/cases/1001/change", with(mine, "priority", "1", "state", "pending"), 303)
		if c := s.Read(1001); c.State != cases.Pending || c.Priority != cases.Critical || c.Assignee != ceciliaID {
			t.Fatalf("after the second try: %+v", c.Case)
		}
		if a := bo.Post("/cases/1001/change", url.Values{"state": {"closed"}, "version": {"1"}}, 409); !strings.Contains(a.Text, `value="closed" selected`) {
			t.Error("what was chosen is lost")
		}
	})
}

func TestReplyPastAnotherIsStopped(t *testing.T) {
	s := webtest.New(t, engine(t))
	bo := atDesk(t, s)
	_, cecilia := s.Member(s.Customer, "acme", "Cecilia Ström", "cecilia@acme.example", access.Handler)
	hers, his := cecilia.Get("/cases/1001", 200), bo.Get("/cases/1001", 200)
	s.Clock.Add(time.Minute)
	cecilia.Send("/cases/1001/reply", with(hers.Form("/cases/1001/reply"), "body", "Klart!"), 303)
	a := bo.Send("/cases/1001/reply", with(his.Form("/cases/1001/reply"), "body", "Jag ska se på det"), 409)
	says(t, a, "Somebody else changed the case while you wrote", "Jag ska se på det</textarea>", "Klart!")
	if len(s.Read(1001).Messages) != 3 {
		t.Error("it was written all the same")
	}
	bo.Send("/cases/1001/reply", with(a.Form("/cases/1001/reply"), "body", "Jag ska se på det"), 303)
	if len(s.Read(1001).Messages) != 4 {
		t.Error("reading what is new and sending again did not help")
	}
}

func TestTextSurvivesTheSession(t *testing.T) {
	s := webtest.New(t, engine(t))
	b := atDesk(t, s)
	form := with(b.Get("/cases/1001", 200).Form("/cases/1001/reply"), "body", "En lång \"text\" <b>som</b> tog\nen förmiddag", "state", "pending")
	s.Clock.Add(9 * time.Hour)
	a := b.Send("/cases/1001/reply", form, 401, webtest.File{Name: "a.txt", Body: []byte("a")})
	says(t, a, "Your session had ended")
	a = b.Post("/login", with(a.Form("/login"), "email", "bo@acme.example", "password", "not the password at all"), 401)
	a = b.Post("/login", with(a.Form("/login"), "email", "bo@acme.example", "password", webtest.Password), 200)
	says(t, a, "What you wrote is still here", "tog\nen förmiddag", "Attach them again")
	b.Post("/cases/1001/reply", a.Form("/cases/1001/reply"), 303)
	if c := s.Read(1001); len(c.Messages) != 3 || c.Messages[2].Body != "En lång \"text\" <b>som</b> tog\nen förmiddag" || c.State != cases.Pending {
		t.Fatalf("%+v", c)
	}
	if a := b.Post("/login", url.Values{"email": {"bo@acme.example"}, "password": {webtest.Password}, "then": {"//evil.example/x"}, "then.body": {"x"}}, 303); a.Header().Get("Location") != "/cases" {
		t.Errorf("sent to %q", a.Header().Get("Location"))
	}
}

func TestStrangersBytesStayStrange(t *testing.T) {
	s := webtest.New(t, engine(t))
	b := atDesk(t, s)
	m := s.Read(1001).Messages[0]
	base := "/cases/1001/messages/" + m.ID
	for _, path := range []string{base + "/files/" + m.Files[1].ID, base + "/original"} {
		h := b.Get(path, 200).Header()
		if h.Get("Content-Type") != "application/octet-stream" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %v", path, h)
		}
	}
	a := b.Get(base+"/html", 200)
	if csp := a.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || strings.Contains(csp, "allow-scripts") {
		t.Errorf("policy %q", csp)
	}
	if strings.Contains(a.Text, "<script") || strings.Contains(a.Text, "spy.example") || !strings.Contains(a.Text, `src="data:image/png;base64,iVBOR`) || !strings.Contains(a.Text, "<b>adress</b>") {
		t.Errorf("%s", a.Text)
	}
	b.Get(base+"/files/"+m.ID, 404)
	b.Get("/cases/1001/messages/x/original", 404)
	b.Get("/cases/01001", 404)
	b.Get("/cases/-1", 404)
}

func TestNewCase(t *testing.T) {
	webtest.Each(t, func(t *testing.T, s *webtest.Site) {
		_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
		says(t, b.Get("/cases", 200), "The desk is ready", "support@acme.example")
		form := with(b.Get("/cases/new", 200).Form("/cases"), "name", "Kalle Ek", "email", "kalle@example.org", "subject", "Ringde", "body", "Vill ha hjälp", "priority", "2", "queue", s.Queue.ID)
		first := b.Send("/cases", form, 303, webtest.File{Name: "anteckning.txt", Body: []byte("a")})
		if again := b.Send("/cases", form, 303); again.Header().Get("Location") != first.Header().Get("Location") {
			t.Error("the same form made two cases")
		}
		c := s.Read(1001)
		if c.Subject != "Ringde" || c.Requester.Mail != "kalle@example.org" || c.Priority != cases.High || len(c.Messages[0].Files) != 1 {
			t.Fatalf("%+v", c)
		}
		says(t, b.Get(first.Header().Get("Location"), 200), "It was saved already", "Entered here", "Kalle Ek")
		b.Send("/cases/1001/reply", with(b.Get("/cases/1001", 200).Form("/cases/1001/reply"), "body", "Hej"), 303)
		s.Work()
		if out := s.Out.Letters(); len(out) != 1 || !strings.Contains(out[0], "kalle@example.org") {
			t.Fatalf("%q", out)
		}
	})
}

func TestListsAndFilters(t *testing.T) {
	s := webtest.New(t, engine(t))
	for i := range 55 {
		s.Clock.Add(time.Second)
		s.Arrive("anna@example.org", "support@acme.example", "From: anna@example.org\nSubject: nr "+string(rune('A'+i%26))+"\nAuto-Submitted: no\nMessage-ID: <"+strings.Repeat("x", i+1)+"@x>\n\nHej\n")
	}
	s.Work()
	id, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
	a := b.Get("/cases", 200)
	if n := strings.Count(a.Text, `<td class="subject">`); n != 50 {
		t.Errorf("%d rows", n)
	}
	next := a.Text[strings.Index(a.Text, "/cases?cursor="):]
	next = strings.ReplaceAll(next[:strings.IndexByte(next, '"')], "&amp;", "&")
	if a := b.Get(next, 200); strings.Count(a.Text, `<td class="subject">`) != 5 {
		t.Errorf("the second page: %s", next)
	}
	take := b.Get("/cases/1003", 200).Form("/cases/1003/change")
	b.Post("/cases/1003/change", url.Values{"assignee": {id}, "version": take["version"], "base": take["base"]}, 303)
	if a := b.Get("/cases?view=mine", 200); strings.Count(a.Text, `<td class="subject">`) != 1 || !strings.Contains(a.Text, "1003") {
		t.Error("mine is not mine")
	}
	b.Post("/cases/1003/change", with(b.Get("/cases/1003", 200).Form("/cases/1003/change"), "state", "closed"), 303)
	says(t, b.Get("/cases?view=mine", 200), "You have no cases right now")
	if a := b.Get("/cases?view=all&state=closed", 200); strings.Count(a.Text, `<td class="subject">`) != 1 {
		t.Error("the closed one is not among all")
	}
	b.Get("/cases?cursor=nonsense", http.StatusUnprocessableEntity)
	b.Get("/cases?state=nonsense", http.StatusUnprocessableEntity)
	b.Post("/cases/1004/change", with(b.Get("/cases/1004", 200).Form("/cases/1004/change"), "assignee", s.IDs.New()), 422)
}

func TestQuarantine(t *testing.T) {
	webtest.Each(t, func(t *testing.T, s *webtest.Site) {
		s.Arrive("", "support@acme.example", automatic)
		s.Arrive("", "support@acme.example", strings.Replace(automatic, "Out of office", "Away", 1))
		s.Work()
		_, b := s.Member(s.Customer, "acme", "Bo Lind", "bo@acme.example", access.Handler)
		a := b.Get("/quarantine", 200)
		says(t, a, "Out of office", "Away", "automatic answer")
		ids := lettersOf(a.Text)
		if len(ids) != 2 {
			t.Fatalf("%v", ids)
		}
		says(t, b.Get(ids[0], 200), "203.0.113.5", "mx.example", "Auto-Submitted", "SHA-256", "Support")
		if raw := b.Get(ids[0]+"/raw", 200); !strings.Contains(raw.Text, "Auto-Submitted: auto-replied\r\n") || raw.Header().Get("Content-Type") != "application/octet-stream" {
			t.Error("the raw letter")
		}
		says(t, b.Post(ids[0]+"/discard", url.Values{"why": {"because I say so"}}, 422), "Say why the letter is discarded")
		b.Post(ids[0]+"/discard", url.Values{"why": {"spam"}}, 303)
		says(t, b.Get("/quarantine", 200), "The letter is discarded")
		b.Get(ids[0], 404)
		b.Post(ids[0]+"/release", nil, 409)
		b.Post(ids[1]+"/release", nil, 303)
		s.Work()
		if to := b.Get(ids[1], 303).Header().Get("Location"); to != "/cases/1001" {
			t.Errorf("released to %q", to)
		}
		says(t, b.Get("/quarantine", 200), "Nothing is held")
	})
}

func lettersOf(text string) (paths []string) {
	for _, piece := range strings.Split(text, `href="/quarantine/`)[1:] {
		paths = append(paths, "/quarantine/"+piece[:strings.IndexByte(piece, '"')])
	}
	return paths
}
