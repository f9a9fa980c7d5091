package casepages

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"insegel/internal/audit"
	"insegel/internal/cases"
	"insegel/internal/mailmsg"
	"insegel/internal/web/kit"
)

// items puts what was said and what was done in the order of time.
func items(q *kit.Request, s shown) (out []Item) {
	type at struct {
		time.Time
		Item
	}
	var all []at
	for _, m := range s.Messages {
		said := messageView(q, s, m)
		all = append(all, at{m.At, Item{Message: &said}})
	}
	for i := len(s.acts) - 1; i >= 0; i-- {
		for _, e := range events(q, s, s.acts[i]) {
			all = append(all, at{e.At, Item{Event: &e}})
		}
	}
	slices.SortStableFunc(all, func(a, b at) int { return a.Compare(b.Time) })
	for _, a := range all {
		out = append(out, a.Item)
	}
	return out
}

func messageView(q *kit.Request, s shown, m cases.Message) Message {
	v := Message{ID: m.ID, Name: m.From.Name, Address: m.From.Mail, To: names(m.To), Cc: names(m.Cc), At: m.At, Subject: m.Subject, Body: m.Body, Delivery: deliveryOf(m)}
	base := caseURL(s.Number) + "/messages/" + m.ID
	switch m.Kind {
	case cases.Note:
		v.Kind, v.Name, v.Address = Note, s.names[m.Author], ""
	case cases.Reply:
		v.Kind, v.Name, v.Subject = Out, s.names[m.Author], ""
	case cases.Ack:
		v.Kind, v.Auto, v.Subject = Out, true, ""
	default:
		v.Kind, v.Machine = In, m.Kind == cases.Auto || m.Kind == cases.Report
		v.Body, v.Quoted = mailmsg.SplitReply(m.Body)
	}
	if mailmsg.StripPrefixes(v.Subject) == mailmsg.StripPrefixes(s.Subject) {
		v.Subject = ""
	}
	if m.HTML != "" {
		v.Original = base + "/html"
	}
	if m.Raw != "" {
		v.Raw = base + "/original"
	}
	for _, f := range m.Files {
		v.Files = append(v.Files, File{Name: f.Name, Size: f.Size, URL: base + "/files/" + f.ID})
	}
	return v
}

func names(people []cases.Person) (out []string) {
	for _, p := range people {
		if p.Name != "" {
			out = append(out, p.Name)
		} else {
			out = append(out, p.Mail)
		}
	}
	return out
}

// deliveryOf sums up what became of a letter at its recipients: the worst, and what was said of it.
func deliveryOf(m cases.Message) (d Delivery) {
	if !m.Kind.Outgoing() {
		return d
	}
	d.State = DeliveryState(m.State)
	for _, one := range m.Deliveries {
		if one.State != m.State {
			continue
		}
		d.Tries = int(one.Tries)
		if one.State == cases.Queued {
			d.At = one.Next
		}
		if one.State != cases.Sent {
			d.Reason = strings.TrimSpace(one.Status + " " + one.Detail)
		}
		break
	}
	return d
}

// events tells what a record changed.
func events(q *kit.Request, s shown, a audit.Entry) (out []Event) {
	who := s.names[accountOf(a.Actor)]
	if who == "" && accountOf(a.Actor) != "" {
		who = q.Lang.T("log.who.gone")
	}
	if strings.HasPrefix(a.Actor, "token:") {
		who = q.Lang.T("log.who.token")
	}
	for _, field := range []string{"state", "priority", "queue", "assignee"} {
		is, set := a.Act.Set[field]
		was, had := a.Act.Was[field]
		if !set || !had || is == was {
			continue
		}
		e := Event{Who: who, What: Change(field), From: s.value(q, field, was), To: s.value(q, field, is), At: a.At}
		if field == "assignee" && is == "" {
			e.What = AssigneeRemoved
		}
		out = append(out, e)
	}
	return out
}

// value says a clear field's value in words.
func (d desk) value(q *kit.Request, field, value string) string {
	switch field {
	case "state":
		return StateWords(q.Lang, State(value))
	case "priority":
		n, _ := strconv.ParseInt(value, 10, 64)
		return PriorityWords(q.Lang, Priority(n))
	case "queue":
		return d.queueName(value)
	case "assignee":
		if value == "" {
			return q.Lang.T("case.nobody")
		}
		if d.names[value] == "" {
			return q.Lang.T("log.who.gone")
		}
		return d.names[value]
	}
	return wordsOr(q.Lang, "log.value.", value)
}

// accountOf gives the account of a record's actor, or nothing where it was no person.
func accountOf(actor string) string {
	if a, ok := strings.CutPrefix(actor, "account:"); ok {
		return a
	}
	return ""
}
