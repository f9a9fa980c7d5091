package casepages

import (
	"context"
	"slices"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/queue"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// Pages are the desk. Their handlers stand in a file each, named for what it does.
type Pages struct{}

// Mount is the table of the desk's routes.
func (p Pages) Mount(r kit.Routes) {
	r.Get("/{$}", access.ListCases, p.home)
	r.Get("/cases", access.ListCases, p.list)
	r.Get("/cases/new", access.CreateCase, p.form)
	r.Upload("/cases", access.CreateCase, p.create)
	r.Get("/cases/{number}", access.ReadCase, p.show)
	r.Upload("/cases/{number}/reply", access.Reply, p.reply, access.Note, access.ReadCase)
	r.Post("/cases/{number}/change", access.ChangeCase, p.change, access.ReadCase)
	r.Get("/cases/{number}/log", access.ShowLog, p.log)
	r.Get("/cases/{number}/messages/{message}/files/{file}", access.ReadFile, p.file)
	r.Get("/cases/{number}/messages/{message}/original", access.ReadMail, p.original)
	r.Get("/cases/{number}/messages/{message}/html", access.ReadMail, p.html)
	r.Get("/quarantine", access.ListHeld, p.held)
	r.Get("/quarantine/{letter}", access.ReadHeld, p.letter)
	r.Get("/quarantine/{letter}/raw", access.ReadHeld, p.raw)
	r.Post("/quarantine/{letter}/release", access.ReleaseHeld, p.release)
	r.Post("/quarantine/{letter}/discard", access.DiscardHeld, p.discard, access.ReadHeld)
}

func (p Pages) home(q *kit.Request) error { return q.Redirect("/cases") }

// maxPeople bounds how many colleagues a select offers.
const maxPeople = 200

// desk is what several pages need beside what they show: what queues and colleagues are called.
type desk struct {
	queues []queue.Queue
	names  map[string]string // of accounts, by id
	people []string          // ids of those who can be given a case
}

// readDesk reads it within a view, with the names of the accounts that the page mentions besides.
func readDesk(ctx context.Context, r *visit.Reader, mentioned ...string) (d desk, err error) {
	if d.queues, err = queue.List(ctx, r); err != nil {
		return d, err
	}
	members, err := access.Members(ctx, r)
	if err != nil {
		return d, err
	}
	for _, m := range members {
		if m.Active && len(d.people) < maxPeople {
			d.people = append(d.people, m.Account)
		}
	}
	ids := slices.Concat(d.people, mentioned)
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(s string) bool { return s == "" })
	d.names, err = account.Names(ctx, r, ids)
	return d, err
}

func (d desk) queue(queueID string) (queue.Queue, bool) {
	i := slices.IndexFunc(d.queues, func(q queue.Queue) bool { return q.ID == queueID })
	if i < 0 {
		return queue.Queue{}, false
	}
	return d.queues[i], true
}

func (d desk) queueName(queueID string) string {
	q, _ := d.queue(queueID)
	return q.Name
}

// queueOptions lists the queues, or only those of one purpose.
func (d desk) queueOptions(purpose string) (out []kit.Option) {
	for _, q := range d.queues {
		if purpose == "" || q.Purpose == purpose {
			out = append(out, kit.Option{Value: q.ID, Label: q.Name})
		}
	}
	return out
}

func (d desk) peopleOptions() (out []kit.Option) {
	for _, p := range d.people {
		out = append(out, kit.Option{Value: p, Label: d.names[p]})
	}
	slices.SortFunc(out, func(a, b kit.Option) int { return compareNames(a.Label, b.Label) })
	return out
}
