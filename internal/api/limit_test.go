package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/store/storetest"
)

func TestCallersAreHeldToTheirRate(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.serve(Limits{Rate: 2, Burst: 3, Strange: 1, Strangle: 2})
	for i, left := range []string{"2", "1", "0"} {
		a := d.must(200, "GET", "/api/v1/queues", nil)
		if a.header.Get("RateLimit") != `"calls";r=`+left+`;t=0` || a.header.Get("RateLimit-Policy") != `"calls";q=3;w=2` {
			t.Fatalf("%d: %v", i, a.header)
		}
	}
	a := d.must(429, "GET", "/api/v1/queues", nil)
	if a.code(t) != "fault.too_many" || a.header.Get("Retry-After") != "1" || a.header.Get("RateLimit") != `"calls";r=0;t=1` {
		t.Fatalf("%v", a.header)
	}
	other := d.tokenFor(d.Customer, "anna@acme.example", "*")
	d.must(200, "GET", "/api/v1/queues", nil, "Authorization", "Bearer "+other)
	d.must(429, "GET", "/api/v1/queues", nil, "Authorization", "Bearer guess") // the address has used up its share
	d.must(429, "GET", "/api/v1/queues", nil, "Authorization", "")
	d.must(200, "GET", "/api/v1/queues", nil, "Authorization", "Bearer "+other) // who is known is not held back by it
	d.Clock.Add(time.Second)
	d.must(200, "GET", "/api/v1/queues", nil)
	d.must(404, "GET", "/api/v1/queues", nil, "Authorization", "Bearer guess")
}

func TestLimiterForgetsWhoWasAwayLongest(t *testing.T) {
	l := newLimiter(clock.At(time.Unix(1000, 0)), 100)
	for i := range 10_000 {
		l.take("steady", 1, 1_000_000)
		l.take(fmt.Sprint(i), 1, 2)
	}
	if len(l.by) != 100 || l.order.Len() != 100 {
		t.Fatalf("%d callers, %d in order", len(l.by), l.order.Len())
	}
	if a := l.take("steady", 1, 1_000_000); a.left != 1_000_000-10_001 {
		t.Fatalf("who was here all the time was forgotten: %d", a.left)
	}
	if a := l.take("9999", 1, 2); a.left != 0 || l.take("9999", 1, 2).wait != time.Second {
		t.Fatalf("%+v", a)
	}
}

func TestOneSiteIsOneCaller(t *testing.T) {
	for address, want := range map[string]string{"2001:db8:1:2:3::4": "2001:db8:1:2::/64", "::ffff:192.0.2.7": "192.0.2.7", "192.0.2.7": "192.0.2.7"} {
		if got := network(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	if network(netip.Addr{}) != "" {
		t.Error("no address is one")
	}
}

// Large bodies wait for no gate: strangers have their own, and whoever finds it full is told to come back.
func TestLargeBodiesAreBounded(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.serve(Limits{Body: 1 << 10, Files: 1 << 20, Large: 2})
	c := d.makeCase("En")
	at := fmt.Sprintf("/api/v1/cases/%d/messages", c.Number)
	large := `{"kind":"note","body":"` + strings.Repeat("x", 1<<12) + `"}`
	d.must(201, "POST", at, large)
	d.must(413, "POST", at, `{"kind":"note","body":"`+strings.Repeat("x", 1<<20)+`"}`)
	d.api.large.strange <- struct{}{}
	a := d.must(503, "POST", at, large, "Authorization", "Bearer guess")
	if a.header.Get("Retry-After") == "" {
		t.Error(a.header)
	}
	d.must(201, "POST", at, large)
	if len(d.api.large.known) != 0 {
		t.Error("a gate was not left")
	}
}

// A body that does not come ends the request, and so does one that is longer than it said.
func TestSlowBodies(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.serve(Limits{BodyTime: time.Millisecond})
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /api/v1/cases HTTP/1.1\r\nHost: acme.localhost\r\nAuthorization: Bearer "+d.token+"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(res.Body); res.StatusCode != 408 {
		t.Fatalf("%d %s", res.StatusCode, b)
	}
}

func TestOpenLinesAreRefused(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.api.c.Private = func(*http.Request) bool { return false }
	if code := d.must(403, "GET", "/api/v1/cases", nil).code(t); code != "fault.api.plain_http" {
		t.Fatal(code)
	}
}

// A defect of ours says nothing of itself to the caller, but has a reference.
func TestDefectsHaveAReference(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	var log strings.Builder
	d.api.c.Logger = logTo(&log)
	d.api.mux.HandleFunc("GET /api/v1/broken", func(http.ResponseWriter, *http.Request) { panic("secret words") })
	a := d.must(500, "GET", "/api/v1/broken", nil)
	var p Problem
	a.into(t, &p)
	if p.Reference == "" || p.Code != "fault.internal" || strings.Contains(string(a.body), "secret") || !strings.Contains(log.String(), p.Reference) {
		t.Fatalf("%s\n%s", a.body, log.String())
	}
	token := d.tokenFor(d.Customer, "anna@acme.example", access.ListCases.Name())
	d.must(200, "GET", "/api/v1/cases", nil, "Authorization", "Bearer "+token)
}
