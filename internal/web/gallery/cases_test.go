package gallery

import (
	"fmt"
	"strings"
	"time"

	"insegel/internal/lang"
	"insegel/internal/web/casepages"
	"insegel/internal/web/kit"
)

func longCase(l lang.Lang) casepages.Case {
	return casepages.Case{
		Page: page(l, "1186 Spørgsmål om SU og barsel", "/cases/1186"), Number: 1186, Subject: "Spørgsmål om SU og barsel",
		State: casepages.Open, Priority: casepages.High, Queue: "Kundtjänst", QueueID: "q1", Assignee: "Mikkel Sørensen", AssigneeID: "a2", Me: "a1",
		Version: "7", Created: ago(26 * time.Hour), Updated: ago(20 * time.Minute), Due: ago(40 * time.Minute),
		Channel: "E-post", Purpose: "Kundservice", Person: casepages.Person{Name: "Maja Sørensen", Email: "maja.sorensen@example.dk", Cases: 3},
		Items: timeline(l), MayBelong: []casepages.Ref{{Number: 1102, Subject: "SU under barsel"}},
		Queues: queues(), Assignees: assignees(), CanHandle: true, CanLog: true,
		Reply: casepages.Reply{Kind: casepages.Out, To: "maja.sorensen@example.dk"},
	}
}

func timeline(l lang.Lang) []casepages.Item {
	state := func(s casepages.State) string { return casepages.StateWords(l, s) }
	return []casepages.Item{
		{Message: &casepages.Message{ID: "1", Kind: casepages.In, Name: "Maja Sørensen", Address: "maja.sorensen@example.dk", To: []string{"kundtjanst@vastervik.example"}, At: ago(26 * time.Hour),
			Body:     "Hej,\n\njeg flyttede til Västervik i august og får stadig SU fra Danmark. Nu venter jeg barn i februar. Skal jeg søge barselsdagpenge hos jer eller i Danmark, og hvad sker der med min SU imens?\n\nJeg har vedhæftet brevet fra Uddannelses- og Forskningsstyrelsen.\n\nMvh\nMaja Sørensen",
			Original: "/original", Raw: "/raw", Files: []casepages.File{{Name: "Afgørelse SU 2026.pdf", Size: 184_220, URL: "/f/1"}, {Name: "IMG_2041.jpeg", Size: 2_911_040, URL: "/f/2"}}}},
		{Message: &casepages.Message{ID: "2", Kind: casepages.Out, Auto: true, To: []string{"maja.sorensen@example.dk"}, At: ago(26 * time.Hour), Body: "Tack, ditt brev har kommit fram. Ditt ärende har nummer 1186.", Delivery: casepages.Delivery{State: casepages.Sent, At: ago(26 * time.Hour)}}},
		{Event: &casepages.Event{Who: "Anna Lind", What: casepages.AssigneeChange, To: "Mikkel Sørensen", At: ago(25 * time.Hour)}},
		{Event: &casepages.Event{Who: "Mikkel Sørensen", What: casepages.StateChange, From: state(casepages.New), To: state(casepages.Open), At: ago(25 * time.Hour)}},
		{Message: &casepages.Message{ID: "3", Kind: casepages.Note, Name: "Mikkel Sørensen", At: ago(24 * time.Hour), Body: "Ringde Försäkringskassan. Hon ska söka där hon är försäkrad; studiemedel från Danmark räknas inte som arbete.\nSe https://www.forsakringskassan.se/privatperson/foralder (avsnittet om EU)."}},
		{Message: &casepages.Message{ID: "4", Kind: casepages.Out, Name: "Mikkel Sørensen", Address: "kundtjanst@vastervik.example", To: []string{"maja.sorensen@example.dk"}, Cc: []string{"barsel@su.example"}, At: ago(23 * time.Hour),
			Body: "Hej Maja,\n\ntillykke! Du skal søge der, hvor du er forsikret. Så længe du kun har SU, er det …\n\nVenlig hilsen\nMikkel", Delivery: casepages.Delivery{State: casepages.Failed, At: ago(22 * time.Hour), Tries: 9, Reason: "550 5.1.1 <barsel@su.example>: Recipient address rejected: User unknown"}}},
		{Message: &casepages.Message{ID: "5", Kind: casepages.In, Name: "Maja Sørensen", Address: "maja.sorensen@example.dk", To: []string{"kundtjanst@vastervik.example"}, At: ago(90 * time.Minute), Subject: "SV: [1186] Spørgsmål om SU og barsel",
			Body: "Tusind tak! Jeg har prøvet at ringe, men de siger, at jeg skal have en personnummer først. Kan I hjælpe med det?", Quoted: "Den 22. nov. 2026 kl. 11.14 skrev Kundtjänst:\n> Hej Maja,\n>\n> tillykke! Du skal søge der, hvor du er forsikret.", Original: "/original"}},
		{Message: &casepages.Message{ID: "6", Kind: casepages.Out, Name: "Anna Lind", Address: "kundtjanst@vastervik.example", To: []string{"maja.sorensen@example.dk"}, At: ago(20 * time.Minute), Body: "Hej Maja, jag tar den frågan med Skatteverket och återkommer i dag.", Delivery: casepages.Delivery{State: casepages.Queued, Tries: 2, At: now().Add(8 * time.Minute), Reason: "451 4.7.1 Greylisting in action, please come back later"}}},
	}
}

func casesOf(l lang.Lang) []scene {
	long := longCase(l)
	long.Flash = []kit.Flash{{Color: kit.Warning, Text: l.T("case.flash.conflict")}}
	short := longCase(l)
	short.Subject, short.MayBelong, short.Items, short.Assignee, short.AssigneeID = "", nil, timeline(l)[:1], "", ""
	short.Reply.Kind = casepages.Note
	erased := longCase(l)
	erased.Erased, erased.Subject, erased.MayBelong, erased.Items = true, "", nil, nil
	erased.State, erased.Due = casepages.Closed, time.Time{}
	broken := longCase(l)
	broken.Items = timeline(l)[:2]
	broken.Reply.Body = "Hej"
	broken.Errors = kit.Errors{{Name: "files", Text: l.T("case.error.file_large", "name", "film.mov", "limit", l.Bytes(25_000_000))}}
	reader := longCase(l)
	reader.CanHandle, reader.CanLog = false, false
	hard := longCase(l)
	hard.Subject = strings.Repeat("Åäöaddressochlångtordutanbrytning", 9)
	hard.Items = []casepages.Item{{Message: &casepages.Message{ID: "1", Kind: casepages.In, Address: strings.Repeat("x", 60) + "@example.org", At: ago(time.Hour), Body: strings.Repeat("long ", 400) + strings.Repeat("unbroken", 60), Files: []casepages.File{{Name: strings.Repeat("fil", 60) + ".txt", Size: 1, URL: "/f"}, {Size: 0, URL: "/f"}}}},
		{Message: &casepages.Message{ID: "2", Kind: casepages.In, Machine: true, At: ago(time.Hour)}}, {Message: &casepages.Message{ID: "3", Kind: casepages.In, Name: "<script>alert(1)</script>", At: ago(time.Hour), Erased: true}}}
	create := casepages.NewCase{Page: page(l, l.T("case.new.title"), "/cases/new"), Queues: queues(), Queue: "q2", Priority: casepages.Normal}
	create.Width = kit.Middle
	faulty := create
	faulty.Errors = kit.Errors{{Name: "email", Text: l.T("case.error.email")}, {Name: "subject", Text: l.T("case.error.subject")}, {Name: "body", Text: l.T("case.error.body")}}
	none := create
	none.Queues, none.Command = nil, "insegel queue create --tenant vastervik kundtjanst --address kundtjanst@vastervik.example --purpose support"
	conflict := longCase(l)
	conflict.Chosen = &casepages.Chosen{State: "solved", Assignee: "a1", Priority: "1", Queue: "q1"}
	conflict.Meanwhile = []string{l.T("desk.conflict.said", "name", "Mikkel Sørensen"), l.T("desk.conflict.letter")}
	nowhere := longCase(l)
	nowhere.Reply = casepages.Reply{Kind: casepages.Out}
	gone := log(l)
	gone.Proof = casepages.Proof{Checked: true}
	return []scene{
		{Name: "case-long", page: casepages.Show(long)},
		{Name: "case-unfolded", Open: "details.quote", Looks: []string{"light-1280", "dark-390"}, page: casepages.Show(longCase(l))},
		{Name: "case-note", page: casepages.Show(short)},
		{Name: "case-erased", page: casepages.Show(erased)},
		{Name: "case-errors", Looks: wideLight, page: casepages.Show(broken)},
		{Name: "case-conflict", page: casepages.Show(conflict)},
		{Name: "case-nowhere", Looks: wideLight, page: casepages.Show(nowhere)},
		{Name: "case-reader", Looks: wideLight, page: casepages.Show(reader)},
		{Name: "case-hard", Looks: []string{"light-1280", "light-390"}, page: casepages.Show(hard)},
		{Name: "new", page: casepages.Create(create)},
		{Name: "new-errors", page: casepages.Create(faulty)},
		{Name: "new-no-queue", Looks: wideLight, page: casepages.Create(none)},
		{Name: "log-rows", Looks: []string{"dark-1280", "dark-390"}, page: casepages.CaseLog(log(l))},
		{Name: "log-broken", Looks: wideLight, page: casepages.CaseLog(gone)},
		{Name: "held-discard", Open: ".side details", page: casepages.HeldLetter(heldLetter(l))},
	}
}

func log(l lang.Lang) casepages.Log {
	v := casepages.Log{
		Page: page(l, l.T("case.log.title", "number", "1186"), "/cases/1186/log"), Number: 1186, Next: "/cases/1186/log?below=9",
		Proof: casepages.Proof{Checked: true, Holds: true, TreeSize: 48_211, Root: "wJ3k…8Qz=", At: now()},
	}
	for i, act := range []string{"log.case", "case.read", "message.reply", "case.change", "file.read", "case.read", "message.note", "case.change", "mail.send", "mail.file", "mail.receive", "unknown.action"} {
		r := casepages.LogRow{At: ago(time.Duration(i*i) * 47 * time.Minute), Who: []string{"Anna Lind", "Mikkel Sørensen", kit.Product}[i%3], What: casepages.ActWords(l, act), From: fmt.Sprintf("192.0.2.%d", 10+i), Record: int64(48_211 - i*37)}
		switch i {
		case 3:
			r.Detail = casepages.StateWords(l, casepages.New) + " → " + casepages.StateWords(l, casepages.Open)
		case 5:
			r.From = "2001:db8:85a3:1319:8a2e:370:7344:1001"
		case 7:
			r.DetailGone = true
		case 9:
			r.WhoErased, r.FromErased = true, true
		}
		v.Rows = append(v.Rows, r)
	}
	return v
}
