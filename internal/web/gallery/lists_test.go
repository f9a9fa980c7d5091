package gallery

import (
	"fmt"
	"strings"
	"time"

	"insegel/internal/lang"
	"insegel/internal/web/casepages"
	"insegel/internal/web/kit"
)

func queues() []kit.Option {
	return []kit.Option{{Value: "q1", Label: "Kundtjänst"}, {Value: "q2", Label: "Bygglov"}, {Value: "q3", Label: "Förskola och skola"}}
}

func assignees() []kit.Option {
	return []kit.Option{{Value: "a1", Label: "Anna Lind"}, {Value: "a2", Label: "Mikkel Sørensen"}, {Value: "a3", Label: "Kari Hansen"}}
}

func rows() []casepages.Row {
	day := 24 * time.Hour
	return []casepages.Row{
		{Number: 1187, Subject: "Begäran om rättelse av folkbokföringsadress", From: "Anders Lindqvist", Queue: "Kundtjänst", State: casepages.New, Priority: casepages.Normal, Assignee: "", Updated: ago(62 * time.Minute), Due: now().Add(2 * time.Hour)},
		{Number: 1186, Subject: "Spørgsmål om SU og barsel", From: "Maja Sørensen", Queue: "Kundtjänst", State: casepages.Open, Priority: casepages.High, Assignee: "Anna Lind", Updated: ago(94 * time.Minute), Due: ago(40 * time.Minute)},
		{Number: 1184, Subject: "Klage på vedtak om parkeringstillatelse", From: "Knut Hansen", Queue: "Förskola och skola", State: casepages.Pending, Priority: casepages.Normal, Assignee: "Kari Hansen", Updated: ago(19 * time.Hour), Due: now().Add(day)},
		{Number: 1179, Subject: "Utlämnande av allmän handling", From: "okand.avsandare@example.org", Queue: "Bygglov", State: casepages.Open, Priority: casepages.Critical, Assignee: "Mikkel Sørensen", Updated: ago(23 * time.Hour), Due: now().Add(4 * time.Hour)},
		{Number: 1175, Erased: true, Queue: "Kundtjänst", State: casepages.Closed, Priority: casepages.Normal, Assignee: "Kari Hansen", Updated: ago(3 * day)},
		{Number: 1171, Subject: "", From: "no-reply@monitor.example", Queue: "Kundtjänst", State: casepages.New, Priority: casepages.Low, Updated: ago(3 * day)},
		{Number: 1165, Subject: "Faktura skickad två gånger", From: "Berit Nilsen", Queue: "Kundtjänst", State: casepages.Solved, Priority: casepages.Normal, Assignee: "Anna Lind", Updated: ago(4 * day)},
		{Number: 940, Subject: "Question about moving to Västervik: registration, school places and the dog", From: "Bartholomew Featherstonehaugh-Cholmondeley", Queue: "Förskola och skola", State: casepages.Closed, Priority: casepages.High, Assignee: "Mikkel Sørensen", Updated: ago(400 * day)},
		{Number: 12, Subject: strings.Repeat("Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz", 3), From: "a.very.long.address.without.any.break@subdomain.of.a.long.example.org", Queue: "Bygglov", State: casepages.Pending, Priority: casepages.Critical, Assignee: "Kari Hansen", Updated: ago(401 * day), Due: ago(390 * day)},
	}
}

func list(l lang.Lang, r []casepages.Row) casepages.List {
	return casepages.List{
		Page: page(l, l.T("case.list.title"), "/cases"), View: casepages.AllOpen, Rows: r, Queues: queues(), Assignees: assignees(), CanCreate: true,
		Counts: map[casepages.View]int{casepages.Mine: 4, casepages.Unassigned: 2, casepages.AllOpen: 1284}, Next: "eyJ1IjoxfQ",
	}
}

func many() []casepages.Row {
	var out []casepages.Row
	subjects := []string{"Bygglov för altan", "Fråga om förskoleplats", "Parkeringsanmärkning", "Skyddad identitet: ändrad kontaktväg", "Trasig gatlykta vid Stora torget"}
	for i := range 50 {
		r := rows()[i%4]
		r.Number, r.Subject, r.Updated = int64(2000-i), subjects[i%5]+fmt.Sprintf(" (%d)", i), ago(time.Duration(i)*47*time.Minute)
		out = append(out, r)
	}
	return out
}

func lists(l lang.Lang) []scene {
	empty := list(l, nil)
	empty.View, empty.Next = casepages.Mine, ""
	filtered := list(l, nil)
	filtered.Filter, filtered.Next = casepages.Filter{Queue: "q2", State: "new"}, ""
	first := list(l, nil)
	first.FirstRun, first.Address = true, "kundtjanst@vastervik.example"
	long := list(l, many())
	long.Cursor = "x"
	long.Flash = []kit.Flash{{Color: kit.Success, Text: l.T("case.flash.released")}}
	held := casepages.HeldList{Page: page(l, l.T("case.held.title"), "/quarantine"), Rows: heldRows(), Next: "/quarantine?cursor=x"}
	return []scene{
		{Name: "list-many", page: casepages.Cases(long)},
		{Name: "list-rows", Looks: []string{"dark-1280", "dark-390", "light-2560"}, page: casepages.Cases(list(l, rows()))},
		{Name: "list-empty", page: casepages.Cases(empty)},
		{Name: "list-filtered", Looks: wideLight, page: casepages.Cases(filtered)},
		{Name: "list-first-run", page: casepages.Cases(first)},
		{Name: "menu-open", Open: "details.menu", page: casepages.Cases(list(l, rows()[:2]))},
		{Name: "quarantine", page: casepages.Quarantine(held)},
		{Name: "quarantine-empty", Looks: wideLight, page: casepages.Quarantine(casepages.HeldList{Page: page(l, l.T("case.held.title"), "/quarantine")})},
	}
}

func heldRows() []casepages.HeldRow {
	return []casepages.HeldRow{
		{ID: "01936f2e-8c1a-7c3e-9d1f-2b6a4e0d9c11", At: ago(20 * time.Minute), From: "post@ukendt.example", To: "kundtjanst@vastervik.example", Subject: "Viktigt: din faktura", Reason: "over_limit", Size: 18_240_112},
		{ID: "01936f2e-8c1a-7c3e-9d1f-2b6a4e0d9c12", At: ago(26 * time.Hour), From: "", To: "kundtjanst@vastervik.example", Subject: "Undelivered Mail Returned to Sender", Reason: "report", Size: 4_120},
		{ID: "01936f2e-8c1a-7c3e-9d1f-2b6a4e0d9c13", At: ago(90 * time.Hour), From: "x@y.example", To: "bygglov@vastervik.example", Subject: "", Reason: "unreadable", Size: 311},
	}
}

func heldLetter(l lang.Lang) casepages.Held {
	return casepages.Held{
		Page: page(l, "Viktigt: din faktura", "/quarantine/1"), HeldRow: heldRows()[0], IP: "2001:db8::25:17", Helo: "mail.ukendt.example",
		TLS: "TLS 1.3, TLS_AES_128_GCM_SHA256", Digest: strings.Repeat("9f86d081884c7d65", 4),
		Headers: "Received: from mail.ukendt.example (mail.ukendt.example [2001:db8::25:17])\r\n\tby desk.example; Mon, 23 Nov 2026 09:54:00 +0100\r\nFrom: =?utf-8?q?Fakt=C3=BAra?= <post@ukendt.example>\r\nTo: kundtjanst@vastervik.example\r\nSubject: Viktigt: din faktura\r\nX-Very-Long: " + strings.Repeat("abcdef0123456789", 20),
		Text:    "Hej!\n\nSe bifogad faktura. Betala i dag: https://betala.example/9a8b7c.\n\nMvh\nEkonomi", Detail: "parts: 1,204 of at most 1,000",
		Queue: "q1", Queues: queues(),
	}
}
