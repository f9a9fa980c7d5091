// Package kill loads the real program over SMTP and the API from eight clients while it is killed with -9, again and
// again, and then looks for everything that had been acknowledged.
package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/smtp"
	"strings"
	"sync"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/app"
	"insegel/internal/cases"
	"insegel/internal/config"
	"insegel/internal/intake"
	"insegel/internal/store/storetest"
	"insegel/internal/visit"
	"insegel/test/program"
)

// TestKilledAgainAndAgain is a few rounds; TestSoakKilled has hundreds.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killed(t, "", 4) })
	t.Run("postgres", func(t *testing.T) { killed(t, storetest.OwnCluster(t).URL("killed"), 4) })
}

func killed(t *testing.T, database string, rounds int) {
	p := program.New(t, database)
	p.Start()
	p.Run("tenant", "create", "acme", "--name", "Acme kommun", "--admin", "anna@acme.example")
	p.Run("queue", "create", "--tenant", "acme", "Support", "--address", "support@acme.example", "--purpose", "support")
	token := strings.TrimSpace(p.Run("token", "create", "--tenant", "acme", "--account", "anna@acme.example", "--scope", "*"))
	l := &load{program: p, token: token, acknowledged: map[string]bool{}}
	for round := range rounds {
		ctx, stop := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for i := range 4 {
			clients.Go(func() { l.run(ctx, func(id string) error { return l.letter(id) }, fmt.Sprintf("smtp %d.%d", round, i)) })
			clients.Go(func() {
				l.run(ctx, func(id string) error { return l.post(ctx, id) }, fmt.Sprintf("api %d.%d", round, i))
			})
		}
		time.Sleep(time.Duration(300+rand.IntN(1500)) * time.Millisecond)
		p.Kill()
		stop()
		clients.Wait()
		p.Start()
	}
	t.Logf("%d acknowledged in %d rounds", len(l.acknowledged), rounds)
	if len(l.acknowledged) < 10*rounds {
		t.Fatalf("only %d acknowledged: the load does not work\n%s", len(l.acknowledged), tail(p.Said()))
	}
	found := settle(t, p)
	for id := range l.acknowledged {
		if found[id] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", id, found[id])
		}
	}
	p.Run("audit", "verify", "--tenant", "acme")
	p.Run("check", "--tenant", "acme")
}

// load is what the clients send and what they were told.
type load struct {
	program      *program.Program
	token        string
	mu           sync.Mutex
	acknowledged map[string]bool
}

// run sends one thing after another; what got its answer is noted, what did not may or may not be there.
func (l *load) run(ctx context.Context, send func(id string) error, name string) {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%s.%d", name, n)
		if err := send(id); err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		l.mu.Lock()
		l.acknowledged[id] = true
		l.mu.Unlock()
	}
}

func (l *load) letter(id string) error {
	nc, err := net.DialTimeout("tcp", l.program.SMTP, time.Second)
	if err != nil {
		return err
	}
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	c, err := smtp.NewClient(nc, "desk.example")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Mail("anna@example.org"); err != nil {
		return err
	}
	if err := c.Rcpt("support@acme.example"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "From: Anna <anna@example.org>\r\nTo: support@acme.example\r\nSubject: %s\r\nMessage-ID: <%s@example.org>\r\nAuto-Submitted: no\r\nPrecedence: bulk\r\n\r\nHej %s\r\n",
		id, strings.ReplaceAll(id, " ", "-"), id)
	if err != nil {
		return err
	}
	return w.Close()
}

func (l *load) post(ctx context.Context, id string) error {
	b, err := json.Marshal(map[string]any{"queue": "Support", "subject": id, "body": "Hej " + id, "from": map[string]string{"name": "Bo", "email": "bo@example.org"}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.program.HTTP+"/api/v1/cases", bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Host = "acme.localhost"
	req.Header.Set("Authorization", "Bearer "+l.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", id)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}

// settle waits until every letter is a case or held, stops the program, and counts what there is by subject.
func settle(t *testing.T, p *program.Program) map[string]int {
	t.Helper()
	time.Sleep(3 * time.Second) // "every message is a case or in quarantine within seconds"
	p.Stop()
	a, err := app.Build(t.Context(), config.Config{Store: config.Store{Data: p.Data, Database: p.Database},
		Serve: config.Serve{Listen: "127.0.0.1:0", BaseDomain: "localhost", MaxMessage: 1 << 20, MaxOpen: 10, Rotate: time.Hour * 168}}, app.Outside{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	c, err := a.Lookup.BySlug(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Waist.Enter(t.Context(), c.ID, access.Console("test"), access.ListCases)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Leave()
	found := map[string]int{}
	for cursor := ""; ; {
		next, err := visit.View(t.Context(), v, func(r *visit.Reader) (string, error) {
			page, next, err := cases.List(t.Context(), r, cases.Filter{}, cursor, 500)
			for _, c := range page {
				found[c.Subject]++
			}
			return next, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	waiting, err := visit.View(t.Context(), v, func(r *visit.Reader) (int64, error) { n, _, err := intake.Backlog(t.Context(), r); return n, err })
	if err != nil || waiting > 0 {
		t.Fatalf("%d letters still wait to be filed: %v", waiting, err)
	}
	return found
}

func tail(s string) string { return s[max(0, len(s)-3000):] }
