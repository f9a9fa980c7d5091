// Package webtest builds the pages over a real house for tests: real engines, real keys, a real log, the mail channel with an
// outbox instead of the world, and a customer beside the one under test.
package webtest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/audit"
	"insegel/internal/cases"
	"insegel/internal/channel/mail"
	"insegel/internal/channel/mail/deliver"
	"insegel/internal/host"
	"insegel/internal/idempotency"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/lang"
	"insegel/internal/mailmsg"
	"insegel/internal/purpose"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
	"insegel/internal/web"
	"insegel/internal/web/kit"
)

// Password is good enough for every account of a test.
const Password = "drivved flyter utan brådska"

// Site is a house with its pages.
type Site struct {
	*visittest.House
	*mail.Channel
	Door    *account.Door
	Desk    *kit.Desk
	Handler http.Handler
	Other   string // another customer, at other.localhost
	Queue   queue.Queue
	Out     *Outbox
	Log     *Lines
	t       testing.TB
}

// Each runs a test with a Site on every engine.
func Each(t *testing.T, fn func(*testing.T, *Site)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, e store.Engine) { fn(t, New(t, e)) })
}

func migrations() []store.Migration {
	all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations, account.Migrations,
		queue.Migrations, intake.Migrations, cases.Migrations, idempotency.Migrations)
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

// New makes a Site with one queue, support@acme.example, at acme.localhost.
func New(t testing.TB, e store.Engine) *Site {
	t.Helper()
	h := visittest.New(t, e, migrations(), "account", "attachment", "blob", "cases", "delivery", "letter", "message", "queue")
	s := &Site{House: h, t: t, Out: &Outbox{Answer: deliver.Result{Outcome: deliver.Delivered, Code: 250, Enhanced: "2.0.0"}}, Log: &Lines{}}
	log := slog.New(slog.NewTextHandler(s.Log, nil))
	s.Door = account.New(account.Config{Clock: h.Clock, IDs: h.IDs, Params: account.Params{Memory: 64, Time: 1, Threads: 1},
		Guesses: account.Rate{Burst: 20, Every: time.Minute}})
	s.Channel = mail.New(mail.Config{Waist: h.Waist, Directory: h.Lookup, Sender: s.Out, Logger: log, Jitter: func() float64 { return 0 },
		Limits: mailmsg.DefaultLimits(), MaxBytes: 50 << 20, Door: s.Door, From: "insegel@desk.example", Hostname: "desk.example",
		Site: func(context.Context, string) (account.Site, error) {
			return account.Site{Name: "Acme kommun", Link: "http://acme.localhost/link/"}, nil
		}})
	s.Desk = web.Desk(web.Config{Waist: h.Waist, Hosts: host.New(h.Lookup, "localhost", h.Clock), Door: s.Door, IDs: h.IDs, Clock: h.Clock, Logger: log,
		Zone: time.UTC, Proxies: kit.Proxies{netip.MustParsePrefix("10.0.0.0/24")}, BaseURL: func(slug string) string { return "https://" + slug + ".desk.example" }})
	s.Handler = s.Desk.Handler()
	s.Other = s.customer("other", "Annan kommun")
	s.Queue = s.NewQueue("Support", "support@acme.example", "support")
	return s
}

func (s *Site) customer(slug, name string) string {
	v, err := s.Waist.Enter(s.t.Context(), s.Operator, access.Console("test"), access.CreateTenant)
	s.ok(err)
	defer v.Leave()
	tenantID := s.IDs.New()
	s.ok(s.Waist.Found(s.t.Context(), v, tenantID, slug, name))
	return tenantID
}

// NewQueue makes a queue in the customer's tenant.
func (s *Site) NewQueue(name, address, purposeID string) queue.Queue {
	s.t.Helper()
	q, err := queue.Create(s.t.Context(), s.Enter(s.t, visittest.Console(), access.CreateQueue), queue.New{Name: name, Address: address, Purpose: purposeID, Lang: lang.Sv})
	s.ok(err)
	return q
}

// Invite makes an account in a tenant and gives the link's token.
func (s *Site) Invite(tenantID, name, address string, role access.Role) (accountID, token string) {
	s.t.Helper()
	v, err := s.Waist.Enter(s.t.Context(), tenantID, access.Console("test"), access.InviteAccount)
	s.ok(err)
	defer v.Leave()
	accountID, token, err = s.Door.Invite(s.t.Context(), v, account.Invite{Name: name, Mail: address, Lang: lang.Sv, Role: role, NoMail: true})
	s.ok(err)
	return accountID, token
}

// Member makes somebody who has chosen the Password, and a browser in which they are logged in.
func (s *Site) Member(tenantID, slug, name, address string, role access.Role) (accountID string, b *Browser) {
	s.t.Helper()
	accountID, token := s.Invite(tenantID, name, address, role)
	b = s.Browser(slug)
	b.Post("/link/"+token, url.Values{"password": {Password}, "repeat": {Password}}, http.StatusSeeOther)
	b.Post("/login", url.Values{"email": {address}, "password": {Password}}, http.StatusSeeOther)
	return accountID, b
}

// Arrive takes a letter in at the door.
func (s *Site) Arrive(from, rcpt, raw string) {
	s.t.Helper()
	s.ok(s.Receive(s.t.Context(), mail.Envelope{ID: "s1", RemoteIP: netip.MustParseAddr("203.0.113.5"), HELO: "mx.example", From: from, Recipients: []string{rcpt}},
		[]byte(strings.ReplaceAll(raw, "\n", "\r\n"))))
}

// Work does the customer's jobs that are due, until none is.
func (s *Site) Work() {
	s.t.Helper()
	ctx := s.t.Context()
	kinds := map[string]struct {
		a  access.Action
		do func(context.Context, *visit.Visit, jobs.Job) error
	}{intake.JobFile: {access.FileMail, s.File}, cases.JobSend: {access.SendMail, s.Send}, account.JobNotice: {access.SendNotice, s.Notify}}
	v := s.Enter(s.t, visittest.System(), access.KeepHouse)
	for range 100 {
		due, err := visit.View(ctx, v, func(r *visit.Reader) ([]jobs.Job, error) { return jobs.Due(ctx, r, s.Clock.Now(), 50) })
		s.ok(err)
		if len(due) == 0 {
			return
		}
		for _, j := range due {
			own, err := s.Waist.Enter(ctx, s.Customer, visittest.System(), kinds[j.Kind].a)
			s.ok(err)
			s.ok(kinds[j.Kind].do(ctx, own, j))
			s.ok(visit.Upkeep(ctx, own, func(_ context.Context, k *visit.Keeper) error { // as the worker does
				jobs.Done(k, j.ID)
				return nil
			}))
			own.Leave()
		}
	}
	s.t.Fatal("the work never ends")
}

// Read gives a case as the console sees it.
func (s *Site) Read(number int64) cases.Thread {
	s.t.Helper()
	v := s.Enter(s.t, visittest.Console(), access.ReadCase)
	t, err := visit.View(s.t.Context(), v, func(r *visit.Reader) (cases.Thread, error) { return cases.Read(s.t.Context(), r, number) })
	s.ok(err)
	return t
}

// Server answers with the pages on a port of its own.
func (s *Site) Server() *httptest.Server {
	srv := httptest.NewServer(s.Handler)
	s.t.Cleanup(srv.Close)
	return srv
}

func (s *Site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// Outbox is the world as the channel sees it: it takes what is sent and answers as told.
type Outbox struct {
	mu      sync.Mutex
	letters []string
	Answer  deliver.Result
}

// Send takes a letter.
func (o *Outbox) Send(_ context.Context, env deliver.Envelope, _ int64, message func() (io.ReadCloser, error)) []deliver.Result {
	res := o.Answer
	res.To = env.To[0]
	r, err := message()
	if err != nil {
		return []deliver.Result{{Outcome: deliver.Temporary, Text: err.Error()}}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return []deliver.Result{{Outcome: deliver.Temporary, Text: err.Error()}}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.letters = append(o.letters, string(b))
	return []deliver.Result{res}
}

// Letters gives what was sent.
func (o *Outbox) Letters() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.letters)
}

// Lines is the program's log.
type Lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
