package app

import (
	"bytes"
	"context"
	_ "embed" // the letters
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/lang"
	"insegel/internal/mailmsg"
	"insegel/internal/queue"
	"insegel/internal/smtpd"
	"insegel/internal/tenant"
)

//go:embed demo/letters.txt
var demoLetters string

// demoPassword opens every account of the demo. It is printed, and works on loopback only.
const demoPassword = "havet ligger stilla i dag" // #nosec G101 -- the demo's, printed for everybody

type demoPerson struct {
	name, mail string
	role       access.Role
	lang       lang.Lang
}

type demoQueue struct{ name, address, purpose string }

// demoCustomer is one of the two whom the demo shows.
type demoCustomer struct {
	slug, name string
	lang       lang.Lang
	queues     map[string]demoQueue
	people     []demoPerson
}

func demoCustomers() []demoCustomer {
	return []demoCustomer{
		{slug: "acme", name: "Exempelköpings kommun", lang: lang.Sv,
			queues: map[string]demoQueue{"support": {"Kundtjänst", "kundtjanst@acme.example", "support"}, "security": {"Säkerhet", "sakerhet@acme.example", "security"}},
			people: []demoPerson{{"Astrid Ek", "astrid@acme.example", access.Administrator, lang.Sv}, {"Bo Lind", "bo@acme.example", access.Handler, lang.Sv},
				{"Cecilia Ström", "cecilia@acme.example", access.Handler, lang.Sv}, {"David Hall", "david@acme.example", access.Handler, lang.En}}},
		{slug: "nordlys", name: "Nordlys Forsikring", lang: lang.Nb,
			queues: map[string]demoQueue{"skade": {"Skade", "skade@nordlys.example", "support"}, "personvern": {"Personvern", "personvern@nordlys.example", "security"}},
			people: []demoPerson{{"Eirik Dal", "eirik@nordlys.example", access.Administrator, lang.Nb}, {"Frida Aas", "frida@nordlys.example", access.Handler, lang.Nb},
				{"Gitte Holm", "gitte@nordlys.example", access.Handler, lang.Da}, {"Henrik Bang", "henrik@nordlys.example", access.Handler, lang.Da}}},
	}
}

// DemoMail is where the demo's answers go: a server of its own that takes everything and keeps nothing.
func DemoMail(ctx context.Context, log *slog.Logger) (addr string, end func(), err error) {
	s, err := smtpd.New(smtpd.Config{Addresses: []string{"127.0.0.1:0"}, Hostname: "demo.example", Intake: nowhere{}, Clock: clock.System{},
		IDs: id.NewSource(clock.System{}, nil), Log: log})
	if err != nil {
		return "", nil, err
	}
	if err := s.Listen(ctx); err != nil {
		return "", nil, err
	}
	go func() { _ = s.Serve(ctx) }()
	return s.Addrs()[0].String(), s.Close, nil
}

// nowhere takes mail for everybody, reads it whole and forgets it.
type nowhere struct{}

func (nowhere) Recipient(context.Context, string) error { return nil }

func (nowhere) Receive(_ context.Context, _ smtpd.Envelope, body io.Reader) error {
	_, err := io.Copy(io.Discard, body)
	return err
}

// DemoData is the demo's own folder, where none is named.
const DemoData = "demo-data"

// Demo makes two customers with people, queues and letters, sends the letters through the program's own SMTP door, and prints who
// can log in. What is there from an earlier run stays.
func (a *App) Demo(ctx context.Context, at Ready, out io.Writer, progress func(done, all int)) error {
	var lines []string
	for _, c := range demoCustomers() {
		made, err := a.demoCustomer(ctx, c)
		if err != nil {
			return fmt.Errorf("demo customer %s: %w", c.slug, err)
		}
		lines = append(lines, a.Config.BaseURL(c.slug)+"  "+c.name)
		for _, p := range c.people {
			lines = append(lines, fmt.Sprintf("    %-24s %-16s %s", p.mail, p.name, p.role))
		}
		if made {
			if err := a.demoLetters(ctx, c, at.SMTP, progress); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(out, "\nThe demo is ready. Open one of these and log in with the password  %s\n\n%s\n\nSend it mail of your own:\n    swaks --server %s --from you@example.org --to kundtjanst@acme.example --header 'Subject: Hej' --body 'Hej!'\n\n",
		demoPassword, strings.Join(lines, "\n"), at.SMTP)
	return err
}

func (a *App) demoCustomer(ctx context.Context, c demoCustomer) (made bool, err error) {
	if there, err := a.Lookup.BySlug(ctx, c.slug); err == nil && there.State == tenant.Active {
		return false, nil
	} else if err != nil && fault.KindOf(err) != fault.NotFound {
		return false, err
	}
	op, err := a.Waist.Enter(ctx, Operator, access.Console("demo"), access.CreateTenant)
	if err != nil {
		return false, err
	}
	defer op.Leave()
	tenantID, token, err := a.NewTenant(ctx, op, c.slug, c.name, account.Invite{Name: c.people[0].name, Mail: c.people[0].mail, Lang: c.lang})
	if err != nil {
		return false, err
	}
	if err := a.demoPassword(ctx, tenantID, token); err != nil {
		return false, err
	}
	if err := a.demoPeople(ctx, tenantID, c); err != nil {
		return false, err
	}
	return true, a.demoQueues(ctx, tenantID, c)
}

func (a *App) demoPeople(ctx context.Context, tenantID string, c demoCustomer) error {
	v, err := a.Waist.Enter(ctx, tenantID, access.Console("demo"), access.InviteAccount)
	if err != nil {
		return err
	}
	defer v.Leave()
	for _, p := range c.people[1:] {
		_, token, err := a.Door.Invite(ctx, v, account.Invite{Name: p.name, Mail: p.mail, Lang: p.lang, Role: p.role})
		if err != nil {
			return err
		}
		if err := a.demoPassword(ctx, tenantID, token); err != nil {
			return err
		}
	}
	return nil
}

// demoPassword uses an invitation's link as its owner would.
func (a *App) demoPassword(ctx context.Context, tenantID, token string) error {
	v, err := a.Waist.Enter(ctx, tenantID, access.Public(netip.IPv6Loopback()), access.ChoosePassword)
	if err != nil {
		return err
	}
	defer v.Leave()
	return a.Door.ChoosePassword(ctx, v, account.Choice{Token: token, Password: demoPassword})
}

func (a *App) demoQueues(ctx context.Context, tenantID string, c demoCustomer) error {
	v, err := a.Waist.Enter(ctx, tenantID, access.Console("demo"), access.CreateQueue)
	if err != nil {
		return err
	}
	defer v.Leave()
	for _, q := range c.queues {
		if _, err := queue.Create(ctx, v, queue.New{Name: q.name, Address: q.address, Purpose: q.purpose, Lang: c.lang}); err != nil {
			return err
		}
	}
	return nil
}

// demoLetters sends the customer's letters over SMTP, as anybody's server would.
func (a *App) demoLetters(ctx context.Context, c demoCustomer, addr string, progress func(done, all int)) error {
	all := strings.Split("\n"+demoLetters, "\n== ")[1:]
	for i, letter := range all {
		head, rest, _ := strings.Cut(letter, "\n")
		slug, to, from := demoHead(head)
		subject, text, _ := strings.Cut(rest, "\n")
		if slug != c.slug || ctx.Err() != nil {
			continue
		}
		if err := a.demoSend(ctx, addr, c.queues[to].address, from, subject, text, i); err != nil {
			return fmt.Errorf("demo letter %d: %w", i, err)
		}
		if progress != nil {
			progress(i+1, len(all))
		}
	}
	return a.demoOutOfOffice(ctx, addr, c)
}

func demoHead(head string) (slug, queueKey string, from mailmsg.Address) {
	slug, rest, _ := strings.Cut(head, " ")
	queueKey, rest, _ = strings.Cut(rest, " ")
	from, _ = mailmsg.ParseAddress(rest)
	return slug, queueKey, from
}

func (a *App) demoSend(ctx context.Context, addr, to string, from mailmsg.Address, subject, text string, i int) error {
	_, domain, _ := strings.Cut(from.Mail, "@")
	out := mailmsg.Outgoing{From: from, To: []mailmsg.Address{{Mail: to}}, Subject: subject, Text: text,
		MessageID: a.IDs.New() + "@" + domain, Date: a.Clock.Now().Add(-time.Duration(40-i) * time.Minute)}
	if strings.Contains(text, "vedlagte") {
		out.Attachments = []mailmsg.OutgoingFile{{Name: "Forklaring fra vitne.txt", Type: "text/plain",
			Content: strings.NewReader("Jeg så bilen komme fra høyre. Føreren var en kvinne.\n")}}
	}
	raw, err := mailmsg.Build(out)
	if err != nil {
		return err
	}
	return a.demoHand(ctx, addr, from.Mail, to, raw)
}

// demoHand gives a letter to our own door as a stranger's server would, with STARTTLS where it is offered.
func (a *App) demoHand(ctx context.Context, addr, from, to string, raw []byte) error {
	s, err := deliver.New(deliver.Config{Hostname: "mx.example.org", Smarthost: deliver.Smarthost{Addr: addr, Mode: deliver.Opportunistic},
		Resolver: net.DefaultResolver, Dial: (&net.Dialer{}).DialContext, Clock: a.Clock, Shuffle: mathrand.Shuffle, Log: a.Logger})
	if err != nil {
		return err
	}
	res := s.Send(ctx, deliver.Envelope{From: from, To: []string{to}}, int64(len(raw)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })[0]
	if res.Outcome != deliver.Delivered {
		return fault.New(fault.Unavailable, "fault.demo.refused", "status", res.Enhanced)
	}
	return nil
}

// demoOutOfOffice is a machine's answer that belongs to nothing: it shows what the quarantine is for.
func (a *App) demoOutOfOffice(ctx context.Context, addr string, c demoCustomer) error {
	for _, q := range c.queues {
		raw := "From: Reidar Automat <reidar@example.net>\r\nTo: " + q.address + "\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <" + a.IDs.New() + "@example.net>\r\n\r\nI am away until Monday.\r\n"
		return a.demoHand(ctx, addr, "reidar@example.net", q.address, []byte(raw))
	}
	return nil
}
