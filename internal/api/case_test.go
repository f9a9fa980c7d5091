package api

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"insegel/internal/access"
)

func TestCaseFromBeginningToEnd(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.Clock.Add(123456789) // the databases hold microseconds
		a := d.must(201, "POST", "/api/v1/cases", `{"queue":"support@acme.example","subject":"Fel adress","body":"Hej, den är fel.","from":{"name":"Anna","email":"anna@example.org"},"priority":"high"}`)
		var c Case
		a.into(t, &c)
		at := fmt.Sprintf("/api/v1/cases/%d", c.Number)
		var read Thread
		d.must(200, "GET", at, nil).into(t, &read)
		if !read.Created.Equal(c.Created) || !read.Updated.Equal(c.Updated) {
			t.Errorf("made at %s, read as %s", c.Created, read.Created)
		}
		if a.header.Get("Location") != at || a.header.Get("ETag") != `"1"` || c.Subject != "Fel adress" || c.State != "new" || c.Queue.Name != "Support" ||
			c.Priority != 2 || c.From.Email != "anna@example.org" || c.Assignee != nil || c.Class != "internal" {
			t.Fatalf("%+v %s", a.header, a.body)
		}
		var w Written
		d.must(201, "POST", at+"/messages", map[string]any{"kind": "reply", "body": "Vi rättar det.", "files": []map[string]any{
			{"name": "kvitto 1.pdf", "type": "application/pdf", "content": base64.StdEncoding.EncodeToString([]byte("%PDF"))},
			{"name": "../x\".html", "type": "text/html", "content": base64.StdEncoding.EncodeToString([]byte("<script>"))}}}).into(t, &w)
		d.must(201, "POST", at+"/messages", map[string]any{"kind": "note", "body": "Kolla registret.", "state": "pending"})
		var full Thread
		a = d.must(200, "GET", at, nil)
		a.into(t, &full)
		if len(full.Messages) != 3 || full.State != "pending" || full.Messages[0].Kind != "in" || full.Messages[0].Body != "Hej, den är fel." || full.Messages[1].ID != w.ID {
			t.Fatalf("%s", a.body)
		}
		reply := full.Messages[1]
		if reply.Author == nil || reply.Author.Name != "anna" || reply.State != "queued" || len(reply.Deliveries) != 1 || reply.Deliveries[0].To.Email != "anna@example.org" || len(reply.Files) != 2 {
			t.Fatalf("%+v", reply)
		}
		if a.header.Get("ETag") != `"`+fmt.Sprint(full.Version)+`"` {
			t.Fatalf("ETag %s, version %d", a.header.Get("ETag"), full.Version)
		}
		d.files(t, reply.Files)
		d.change(t, at, full)
		d.log(t, at)
	})
}

func (d *desk) files(t *testing.T, files []File) {
	pdf := d.must(200, "GET", files[0].Link, nil)
	if string(pdf.body) != "%PDF" || pdf.header.Get("Content-Type") != "application/pdf" ||
		pdf.header.Get("Content-Disposition") != `attachment; filename="kvitto 1.pdf"; filename*=UTF-8''kvitto%201.pdf` {
		t.Fatalf("%v %s", pdf.header, pdf.body)
	}
	page := d.must(200, "GET", files[1].Link, nil)
	csp := page.header.Get("Content-Security-Policy")
	if page.header.Get("Content-Type") != "application/octet-stream" || page.header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(csp, "sandbox") || strings.ContainsAny(page.header.Get("Content-Disposition"), "/<>") {
		t.Fatalf("%v", page.header)
	}
	if head := d.must(200, "HEAD", files[0].Link, nil); len(head.body) != 0 || head.header.Get("Content-Length") != "4" {
		t.Fatalf("%v", head.header)
	}
}

func (d *desk) change(t *testing.T, at string, full Thread) {
	etag := fmt.Sprintf(`"%d"`, full.Version)
	var c Case
	a := d.must(200, "PATCH", at, `{"state":"open","assignee":"me","priority":4}`, "If-Match", etag)
	a.into(t, &c)
	if c.State != "open" || c.Assignee == nil || c.Assignee.ID != d.anna || c.Assignee.Name != "anna" || c.Priority != 4 || c.Version != full.Version+1 {
		t.Fatalf("%s", a.body)
	}
	if code := d.must(412, "PATCH", at, `{"state":"closed"}`, "If-Match", etag).code(t); code != "fault.api.changed" {
		t.Fatal(code)
	}
	d.must(412, "PATCH", at, `{"state":"closed"}`, "If-Match", "W/"+a.header.Get("ETag"))
	d.must(400, "PATCH", at, `{"state":"closed"}`, "If-Match", "7")
	d.must(200, "PATCH", at, `{"assignee":null}`, "If-Match", etag+", "+a.header.Get("ETag")).into(t, &c)
	if c.Assignee != nil {
		t.Fatalf("%+v", c)
	}
	d.must(200, "PATCH", at, `{"queue":"support"}`, "If-Match", "*")
	d.must(422, "PATCH", at, `{}`)
	d.must(422, "PATCH", at, `{"level":2}`)
	d.must(422, "PATCH", at, `{"assignee":"somebody"}`)
	if code := d.must(404, "PATCH", at, `{"queue":"elsewhere"}`).code(t); code != "fault.queue.not_found" {
		t.Fatal(code)
	}
}

func (d *desk) log(t *testing.T, at string) {
	var l List[Record]
	d.must(200, "GET", at+"/records?limit=3", nil).into(t, &l)
	if len(l.Items) != 3 || l.Next == nil || l.Items[0].Seq <= l.Items[1].Seq || !strings.HasPrefix(l.Items[0].Actor, "token:") {
		t.Fatalf("%+v", l)
	}
	var actions []string
	for cursor := *l.Next; ; {
		var more List[Record]
		d.must(200, "GET", at+"/records?limit=200&cursor="+cursor, nil).into(t, &more)
		for _, r := range more.Items {
			actions = append(actions, r.Action)
		}
		if more.Next == nil {
			break
		}
		cursor = *more.Next
	}
	if got := strings.Join(actions, " "); !strings.HasSuffix(got, "message.reply case.read case.create") || !strings.Contains(got, "file.read") {
		t.Fatal(got)
	}
}

func TestListPagesAndFilters(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for i := range 5 {
			d.makeCase(fmt.Sprintf("Ärende %d", i))
		}
		got, cursor := []string{}, ""
		for page := 0; ; page++ {
			var l CaseList
			d.must(200, "GET", "/api/v1/cases?limit=2&cursor="+cursor, nil).into(t, &l)
			for _, c := range l.Items {
				got = append(got, c.Subject)
			}
			if page == 0 {
				d.makeCase("Ny under tiden") // must not move what comes
			}
			if l.Next == nil {
				break
			}
			cursor = *l.Next
		}
		if strings.Join(got, ",") != "Ärende 4,Ärende 3,Ärende 2,Ärende 1,Ärende 0" {
			t.Fatal(got)
		}
		count := func(query string) int {
			var l CaseList
			d.must(200, "GET", "/api/v1/cases?"+query, nil).into(t, &l)
			return len(l.Items)
		}
		var l CaseList
		d.must(200, "GET", "/api/v1/cases", nil).into(t, &l)
		d.must(200, "PATCH", fmt.Sprintf("/api/v1/cases/%d", l.Items[0].Number), `{"state":"solved","assignee":"me"}`)
		for query, want := range map[string]int{"state=solved": 1, "state=new": 5, "assignee=me&state=solved": 1, "assignee=me&state=new": 0, "assignee=me": 0, "assignee=none": 5,
			"queue=Support": 6, "queue=" + d.q.ID + "&state=new": 5, "updated_since=2026-11-24T00:00:00Z": 0, "updated_since=2026-11-22T00:00:00Z": 6} {
			if n := count(query); n != want {
				t.Errorf("%s: %d, want %d", query, n, want)
			}
		}
		for _, query := range []string{"limit=0", "limit=201", "limit=x", "state=lost", "cursor=%00", "cursor=bm9uZQ", "unknown=1", "q=word", "updated_since=yesterday"} {
			if a := d.ask("GET", "/api/v1/cases?"+query, nil); a.status != 422 {
				t.Errorf("%s: %d %s", query, a.status, a.body)
			}
		}
		d.must(404, "GET", "/api/v1/cases?queue=nowhere", nil)
	})
}

func TestRefusesWhatCannotBe(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		c := d.makeCase("En")
		at := fmt.Sprintf("/api/v1/cases/%d", c.Number)
		whole := `{"queue":"Support","subject":"s","body":"b","from":{"email":"a@example.org"}%s}`
		for name, x := range map[string]struct {
			status       int
			path, body   string
			code, header string
		}{
			"no JSON":          {400, "/api/v1/cases", `{"queue":`, "fault.api.json", ""},
			"two values":       {400, "/api/v1/cases", `{} {}`, "fault.api.json", ""},
			"no body":          {400, "/api/v1/cases", ``, "fault.api.json", ""},
			"U+0000":           {400, "/api/v1/cases", fmt.Sprintf(whole, `,"kind":"\u0000"`), "fault.api.text", ""},
			"no UTF-8":         {400, "/api/v1/cases", fmt.Sprintf(whole, ",\"kind\":\"\xff\""), "fault.api.text", ""},
			"unknown field":    {422, "/api/v1/cases", fmt.Sprintf(whole, `,"severity":1`), "fault.api.form", ""},
			"unknown priority": {422, "/api/v1/cases", fmt.Sprintf(whole, `,"priority":"urgent"`), "fault.api.form", ""},
			"priority 5":       {422, "/api/v1/cases", fmt.Sprintf(whole, `,"priority":5`), "fault.api.form", ""},
			"a number":         {422, "/api/v1/cases", `{"queue":1,"subject":"s","body":"b","from":{"email":"a@example.org"}}`, "fault.api.form", ""},
			"nobody":           {422, "/api/v1/cases", `{"queue":"Support","subject":"s","body":"b","from":{}}`, "fault.api.from", ""},
			"no address":       {422, "/api/v1/cases", `{"queue":"Support","subject":"s","body":"b","from":{"email":"a b"}}`, "fault.api.from", ""},
			"long subject":     {422, "/api/v1/cases", `{"queue":"Support","subject":"` + strings.Repeat("ö", 1001) + `","body":"b","from":{"email":"a@example.org"}}`, "fault.api.form", ""},
			"an array":         {422, "/api/v1/cases", `[]`, "fault.api.form", ""},
			"no queue":         {404, "/api/v1/cases", `{"queue":"Elsewhere","subject":"s","body":"b","from":{"email":"a@example.org"}}`, "fault.queue.not_found", ""},
			"too large":        {413, "/api/v1/cases", `{"queue":"` + strings.Repeat("x", 5<<20) + `"}`, "fault.too_large", ""},
			"a form":           {415, "/api/v1/cases", fmt.Sprintf(whole, ""), "fault.api.media", "application/x-www-form-urlencoded"},
			"empty note":       {422, at + "/messages", `{"kind":"note","body":" "}`, "fault.message.empty", ""},
			"another kind":     {422, at + "/messages", `{"kind":"in","body":"x"}`, "fault.api.form", ""},
			"no base64":        {422, at + "/messages", `{"kind":"note","body":"x","files":[{"name":"a","content":"%"}]}`, "fault.api.base64", ""},
			"no such case":     {404, "/api/v1/cases/999999/messages", `{"kind":"note","body":"x"}`, "fault.not_found", ""},
			"no number":        {404, "/api/v1/cases/abc/messages", `{"kind":"note","body":"x"}`, "fault.not_found", ""},
		} {
			t.Run(name, func(t *testing.T) {
				ct := x.header
				if ct == "" {
					ct = "application/json"
				}
				a := d.ask("POST", x.path, x.body, "Content-Type", ct)
				if a.status != x.status || a.code(t) != x.code {
					t.Errorf("%d %s", a.status, a.body)
				}
				if strings.Contains(string(a.body), "encoding/json") || len(a.body) > 10_000 {
					t.Errorf("says too much: %s", a.body)
				}
			})
		}
		for _, path := range []string{"/api/v1/cases/0", "/api/v1/cases/-1", "/api/v1/cases/01", "/api/v1/cases/99999999999999999999", at + "/messages/x/files/y", at + "/messages/x/original"} {
			d.must(404, "GET", path, nil)
		}
		if a := d.must(405, "DELETE", at, nil); a.header.Get("Allow") != "GET, PATCH, HEAD" {
			t.Error(a.header)
		}
		if a := d.must(404, "GET", "/api/v2/cases", nil); a.code(t) != "fault.not_found" {
			t.Error(a)
		}
		if a := d.must(404, "GET", at+"0", nil, "Accept-Language", "sv"); !strings.Contains(string(a.body), "Finns inte") || a.header.Get("Content-Language") != "sv" {
			t.Errorf("%s %v", a.body, a.header)
		}
	})
}

// A note's scope must not let a reply out, whatever the body says twice.
func TestKindNamedTwiceIsNoWayAroundTheScope(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		c := d.makeCase("En")
		at := fmt.Sprintf("/api/v1/cases/%d/messages", c.Number)
		_, notes := d.person(d.Customer, "nils@acme.example", access.Handler, "message.note")
		auth := []string{"Authorization", "Bearer " + notes}
		d.must(201, "POST", at, `{"kind":"note","body":"x"}`, auth...)
		d.must(403, "POST", at, `{"kind":"reply","body":"x"}`, auth...)
		for _, body := range []string{`{"kind":"note","kind":"reply","body":"x"}`, `{"kind":"reply","kind":"note","body":"x"}`, `{"Kind":"note","kind":"reply","body":"x"}`, `{"kind":"reply","KIND":"note","body":"x"}`} {
			if a := d.ask("POST", at, body, auth...); a.status == 201 && !strings.Contains(string(a.body), `"kind":"note"`) {
				t.Errorf("%s: %d %s", body, a.status, a.body)
			}
		}
		var full Thread
		d.must(200, "GET", fmt.Sprintf("/api/v1/cases/%d", c.Number), nil).into(t, &full)
		for _, m := range full.Messages[1:] {
			if m.Kind != "note" {
				t.Errorf("%+v", m)
			}
		}
	})
}
