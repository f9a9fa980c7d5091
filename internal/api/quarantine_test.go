package api

import (
	"fmt"
	"strings"
	"testing"

	"insegel/internal/access"
)

func TestQuarantine(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		raw := "From: bob@example.org\r\nSubject: hej\r\n\r\n" + strings.Repeat("stor ", 30_000)
		ids := []string{d.hold(raw), d.hold("Subject: två\r\n\r\n"), d.hold("Subject: tre\r\n\r\n")}
		var got []string
		for cursor := ""; ; {
			var l HeldList
			d.must(200, "GET", "/api/v1/quarantine?limit=2&cursor="+cursor, nil).into(t, &l)
			for _, h := range l.Items {
				got = append(got, h.ID)
				if h.Reason != "loop" || h.State != "held" || h.Envelope == nil || h.Envelope.From != "bob@example.org" || h.Envelope.To != "support@acme.example" || h.Queue.Name != "Support" {
					t.Errorf("%+v", h)
				}
			}
			if l.Next == nil {
				break
			}
			cursor = *l.Next
		}
		if strings.Join(got, " ") != ids[2]+" "+ids[1]+" "+ids[0] {
			t.Fatal(got)
		}
		var h Held
		d.must(200, "GET", "/api/v1/quarantine/"+ids[0], nil).into(t, &h)
		a := d.must(200, "GET", h.Raw, nil)
		if string(a.body) != raw || a.header.Get("Content-Type") != "message/rfc822" || h.Size != int64(len(raw)) {
			t.Fatalf("%d bytes, %v", len(a.body), a.header)
		}
		d.must(200, "POST", "/api/v1/quarantine/"+ids[0]+"/release", nil).into(t, &h)
		if h.State != "waiting" {
			t.Fatalf("%+v", h)
		}
		if code := d.must(409, "POST", "/api/v1/quarantine/"+ids[0]+"/discard", nil).code(t); code != "fault.letter.not_held" {
			t.Fatal(code)
		}
		h = Held{}
		d.must(200, "POST", "/api/v1/quarantine/"+ids[1]+"/discard", nil).into(t, &h)
		if h.State != "discarded" || h.Envelope != nil || h.Raw != "" {
			t.Fatalf("%+v", h)
		}
		d.must(404, "GET", "/api/v1/quarantine/"+ids[1]+"/raw", nil)
		d.must(404, "GET", "/api/v1/quarantine/nonsense", nil)
		d.must(422, "GET", "/api/v1/quarantine?cursor=x", nil)
	})
}

func TestQueuesPurposesAccounts(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		var q Queue
		d.must(201, "POST", "/api/v1/queues", `{"name":"Säkerhet","address":"Security@acme.example","purpose":"security","lang":"da"}`).into(t, &q)
		if q.Address != "security@acme.example" || q.Lang != "da" || q.ID == "" {
			t.Fatalf("%+v", q)
		}
		for body, status := range map[string]int{
			`{"name":"a","address":"security@acme.example","purpose":"security"}`: 409,
			`{"name":"a","address":"no address","purpose":"security"}`:            422,
			`{"name":"a","address":"a@acme.example","purpose":"unknown"}`:         422,
			`{"name":"a","address":"a@acme.example","purpose":"accounts"}`:        422,
		} {
			d.must(status, "POST", "/api/v1/queues", body)
		}
		var l List[Queue]
		d.must(200, "GET", "/api/v1/queues?limit=1", nil).into(t, &l)
		if len(l.Items) != 1 || l.Items[0].Name != "Support" || l.Next == nil {
			t.Fatalf("%+v", l)
		}
		d.must(200, "GET", "/api/v1/queues?cursor="+*l.Next, nil).into(t, &l)
		if len(l.Items) != 1 || l.Items[0].Name != "Säkerhet" || l.Next != nil {
			t.Fatalf("%+v", l)
		}
		d.must(422, "GET", "/api/v1/queues?cursor=x", nil)
		var p List[Purpose]
		d.must(200, "GET", "/api/v1/purposes", nil).into(t, &p)
		if len(p.Items) != 5 || p.Items[0].ID != "accounts" {
			t.Fatalf("%+v", p)
		}
		for i := range 3 {
			d.person(d.Customer, fmt.Sprintf("p%d@acme.example", i), access.Handler, "*")
		}
		var emails []string
		for cursor := ""; ; {
			var a List[Account]
			d.must(200, "GET", "/api/v1/accounts?limit=3&cursor="+cursor, nil).into(t, &a)
			for _, x := range a.Items {
				emails = append(emails, x.Email)
			}
			if a.Next == nil {
				break
			}
			cursor = *a.Next
		}
		if strings.Join(emails, " ") != "anna@acme.example p0@acme.example p1@acme.example p2@acme.example" {
			t.Fatal(emails)
		}
	})
}
