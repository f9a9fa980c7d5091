package cli

import (
	"context"
	"fmt"

	"insegel/internal/access"
	"insegel/internal/lang"
	"insegel/internal/queue"
	"insegel/internal/visit"
)

type queueCmd struct {
	Create queueCreate `cmd:"" help:"Make a queue with a mail address."`
	List   queueList   `cmd:"" help:"List the queues of a customer."`
}

type queueCreate struct {
	Name    string `arg:"" help:"What the queue is called."`
	Tenant  string `help:"The customer." required:"" placeholder:"SLUG"`
	Address string `help:"The address whose mail becomes cases here." required:"" placeholder:"MAIL"`
	Purpose string `help:"What it is for, as registered: support and security are there from the start." required:"" placeholder:"P"`
	Lang    string `help:"Language of what the program itself writes to people outside: sv, en, da or nb." enum:"sv,en,da,nb" default:"en"`
	JSON    bool   `help:"Print JSON." name:"json"`
}

func (*queueCreate) Help() string {
	return "Example:\n  insegel queue create --tenant acme \"Kundservice\" --address support@acme.example --purpose support --lang sv"
}

// Work makes a queue.
func (c *queueCreate) Work(ctx context.Context, s *Session) error {
	v, err := s.enter(ctx, c.Tenant, access.CreateQueue)
	if err != nil {
		return err
	}
	defer v.Leave()
	q, err := queue.Create(ctx, v, queue.New{Name: c.Name, Address: c.Address, Purpose: c.Purpose, Lang: lang.Lang(c.Lang)})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.Out, queueLine(q))
	}
	_, err = fmt.Fprintf(s.Out, "Queue %s takes mail for %s.\n", q.Name, q.Address)
	return err
}

func queueLine(q queue.Queue) map[string]string {
	return map[string]string{"id": q.ID, "name": q.Name, "address": q.Address, "purpose": q.Purpose, "lang": string(q.Lang)}
}

type queueList struct {
	Tenant string `help:"The customer." required:"" placeholder:"SLUG"`
	JSON   bool   `help:"Print JSON." name:"json"`
}

func (*queueList) Help() string { return "Example:\n  insegel queue list --tenant acme" }

// Work lists.
func (c *queueList) Work(ctx context.Context, s *Session) error {
	v, err := s.enter(ctx, c.Tenant, access.ListQueues)
	if err != nil {
		return err
	}
	defer v.Leave()
	all, err := visit.View(ctx, v, func(r *visit.Reader) ([]queue.Queue, error) { return queue.List(ctx, r) })
	if err != nil {
		return err
	}
	lines, rows := []map[string]string{}, [][]string{{"NAME", "ADDRESS", "PURPOSE", "LANGUAGE"}}
	for _, q := range all {
		lines = append(lines, queueLine(q))
		rows = append(rows, []string{q.Name, q.Address, q.Purpose, string(q.Lang)})
	}
	if c.JSON {
		return printJSON(s.Out, lines)
	}
	return table(s.Out, rows)
}
