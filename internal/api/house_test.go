package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/audit"
	"insegel/internal/cases"
	"insegel/internal/host"
	"insegel/internal/id"
	"insegel/internal/idempotency"
	"insegel/internal/intake"
	"insegel/internal/jobs"
	"insegel/internal/lang"
	"insegel/internal/purpose"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func schema() []store.Migration {
	all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations, jobs.Migrations, account.Migrations,
		queue.Migrations, intake.Migrations, cases.Migrations, idempotency.Migrations)
	slices.SortFunc(all, func(a, b store.Migration) int { return int(a.Number - b.Number) })
	return all
}

var counted = []string{"account", "attachment", "blob", "cases", "delivery", "letter", "message", "queue"}

// desk is the API over HTTP before a real house.
type desk struct {
	*visittest.House
	t      testing.TB
	api    *server
	server *httptest.Server
	token  string // of an administrator, every scope
	anna   string // her account
	q      queue.Queue
}

func newDesk(t testing.TB, e store.Engine) *desk {
	d := &desk{House: visittest.New(t, e, schema(), counted...), t: t}
	d.serve(Limits{})
	d.anna, d.token = d.person(d.Customer, "anna@acme.example", access.Administrator, "*")
	q, err := queue.Create(t.Context(), d.Enter(t, visittest.Console(), access.CreateQueue),
		queue.New{Name: "Support", Address: "support@acme.example", Purpose: "support", Lang: lang.Sv})
	if err != nil {
		t.Fatal(err)
	}
	d.q = q
	return d
}

// serve starts the API with limits.
func (d *desk) serve(l Limits) {
	d.api = newServer(Config{Waist: d.Waist, Hosts: host.New(d.Lookup, "localhost", d.Clock), Clock: d.Clock, IDs: d.IDs,
		Logger:    slog.New(slog.NewTextHandler(d.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		AddressOf: func(*http.Request) netip.Addr { return netip.MustParseAddr("198.51.100.7") }, Limits: l})
	d.server = httptest.NewServer(http.HandlerFunc(d.api.serve))
	d.t.Cleanup(d.server.Close)
}

// person makes somebody who can log in, with a token.
func (d *desk) person(tenantID, mail string, role access.Role, scopes ...string) (accountID, token string) {
	d.t.Helper()
	ctx := d.t.Context()
	enter := func(a access.Action) *visit.Visit {
		v, err := d.Waist.Enter(ctx, tenantID, visittest.Console(), a)
		if err != nil {
			d.t.Fatal(err)
		}
		return v
	}
	door := account.New(account.Config{Clock: d.Clock, IDs: d.IDs})
	v := enter(access.InviteAccount)
	accountID, _, err := door.Invite(ctx, v, account.Invite{Name: strings.Split(mail, "@")[0], Mail: mail, Role: role, NoMail: true})
	v.Leave()
	if err != nil {
		d.t.Fatal(err)
	}
	return accountID, d.tokenFor(tenantID, mail, scopes...)
}

func (d *desk) tokenFor(tenantID, mail string, scopes ...string) string {
	d.t.Helper()
	v, err := d.Waist.Enter(d.t.Context(), tenantID, visittest.Console(), access.CreateToken)
	if err != nil {
		d.t.Fatal(err)
	}
	defer v.Leave()
	token, err := account.CreateToken(d.t.Context(), v, mail, scopes, time.Hour*24)
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

// answered is what came back.
type answered struct {
	status int
	header http.Header
	body   []byte
}

func (a answered) into(t testing.TB, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (a answered) code(t testing.TB) string {
	t.Helper()
	if ct := a.header.Get("Content-Type"); ct != problemType {
		t.Fatalf("%d is %q: %s", a.status, ct, a.body)
	}
	var p Problem
	a.into(t, &p)
	if p.Status != a.status || p.Title == "" || p.Detail == "" || p.Type != "about:blank" {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	return p.Code
}

// ask sends a request; headers are pairs, and replace what is usual.
func (d *desk) ask(method, path string, body any, headers ...string) answered {
	d.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			d.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+path, r)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Host = "acme.localhost"
	req.Header.Set("Authorization", "Bearer "+d.token)
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		switch {
		case headers[i] == "Host":
			req.Host = headers[i+1]
		case headers[i+1] == "":
			req.Header.Del(headers[i])
		default:
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	res, err := d.server.Client().Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, b}
}

// must asks and wants a status.
func (d *desk) must(status int, method, path string, body any, headers ...string) answered {
	d.t.Helper()
	a := d.ask(method, path, body, headers...)
	if a.status != status {
		d.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// makeCase makes a case over HTTP.
func (d *desk) makeCase(subject string) Case {
	d.t.Helper()
	var c Case
	d.must(201, "POST", "/api/v1/cases", map[string]any{"queue": "Support", "subject": subject, "body": "Hej, min adress är fel.",
		"from": map[string]string{"name": "Anna Lind", "email": "anna@example.org"}}).into(d.t, &c)
	return c
}

// hold puts a letter into quarantine.
func (d *desk) hold(raw string) (letterID string) {
	d.t.Helper()
	ctx := d.t.Context()
	v := d.Enter(d.t, visittest.System(), access.ReceiveMail)
	letterID, err := intake.Receive(ctx, v, d.q, intake.Envelope{From: "bob@example.org", Recipient: "support@acme.example", RemoteIP: "203.0.113.5", HELO: "mx.example"},
		[32]byte(id.TokenHash(raw)), strings.NewReader(raw), 1<<20)
	if err != nil {
		d.t.Fatal(err)
	}
	_, err = visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) {
		intake.Hold(w, letterID, "loop")
		return struct{}{}, nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return letterID
}

func each(t *testing.T, fn func(*testing.T, *desk)) {
	storetest.Each(t, func(t *testing.T, e store.Engine) { fn(t, newDesk(t, e)) })
}
