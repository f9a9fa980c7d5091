package host_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/host"
	"insegel/internal/tenant"
)

// directory is a few tenants, and counts how often it was asked.
type directory struct {
	all   []tenant.Customer
	hosts map[string]string
	down  error
	asked int
}

func (d *directory) find(ok func(tenant.Customer) bool) (tenant.Customer, error) {
	d.asked++
	if d.down != nil {
		return tenant.Customer{}, d.down
	}
	for _, c := range d.all {
		if ok(c) {
			return c, nil
		}
	}
	return tenant.Customer{}, fault.New(fault.NotFound, "fault.tenant.not_found")
}

func (d *directory) BySlug(_ context.Context, slug string) (tenant.Customer, error) {
	return d.find(func(c tenant.Customer) bool { return c.Slug == slug })
}

func (d *directory) ByHost(_ context.Context, name string) (tenant.Customer, error) {
	return d.find(func(c tenant.Customer) bool { return d.hosts[name] == c.ID && c.ID != "" })
}

func (d *directory) All(context.Context) ([]tenant.Customer, error) { return d.all, d.down }

func customer(slug string, s tenant.State) tenant.Customer {
	return tenant.Customer{ID: "id-" + slug, Slug: slug, State: s}
}

func TestHostChooses(t *testing.T) {
	operator, acme, beta := customer("operator", tenant.Active), customer("acme", tenant.Active), customer("beta", tenant.Active)
	one, two := []tenant.Customer{operator, acme}, []tenant.Customer{operator, acme, beta}
	for _, c := range []struct {
		name string
		all  []tenant.Customer
		host string
		want string
		kind fault.Kind
	}{
		{"by slug", two, "acme.desk.example:8080", "acme", 0},
		{"whatever the case, with the root's dot", two, "ACME.Desk.Example.", "acme", 0},
		{"by its own host", two, "help.beta.example", "beta", 0},
		{"the operator", two, "operator.desk.example", "operator", 0},
		{"nobody's slug", two, "gamma.desk.example", "", fault.NotFound},
		{"nobody's host", two, "192.0.2.1:8080", "", fault.NotFound},
		{"the base domain itself", two, "desk.example", "", fault.NotFound},
		{"a name below a slug", two, "x.acme.desk.example", "", fault.NotFound},
		{"no name", two, "", "", fault.NotFound},
		{"one customer answers on any host", one, "[2001:db8::1]:8080", "acme", 0},
		{"but not as the operator", one, "operator.desk.example", "operator", 0},
		{"the operator's name is never a customer's", one[1:], "operator.desk.example", "", fault.NotFound},
		{"no customer yet", one[:1], "192.0.2.1", "", fault.NotFound},
		{"half made", []tenant.Customer{operator, customer("new", tenant.Pending)}, "new.desk.example", "", fault.NotFound},
		{"half made does not count", append(one, customer("new", tenant.Pending)), "192.0.2.1", "acme", 0},
		{"suspended", []tenant.Customer{operator, customer("late", tenant.Suspended)}, "late.desk.example", "", fault.Unavailable},
		{"restored", []tenant.Customer{operator, customer("back", tenant.Held)}, "back.desk.example", "back", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &directory{all: c.all, hosts: map[string]string{"help.beta.example": "id-beta"}}
			got, err := host.New(d, "desk.example", clock.At(time.Unix(0, 0))).Customer(t.Context(), c.host)
			if c.want == "" {
				if err == nil || fault.KindOf(err) != c.kind {
					t.Fatalf("%q: %+v, %v", c.host, got, err)
				}
				return
			}
			if err != nil || got.Slug != c.want {
				t.Fatalf("%q: %+v, %v", c.host, got, err)
			}
		})
	}
}

func TestRemembersForAWhile(t *testing.T) {
	d := &directory{all: []tenant.Customer{customer("operator", tenant.Active), customer("acme", tenant.Active), customer("beta", tenant.Active)}}
	now := clock.At(time.Unix(1000, 0))
	h := host.New(d, "desk.example", now)
	ask := func(name string) { _, _ = h.Customer(t.Context(), name) }
	ask("acme.desk.example")
	ask("acme.desk.example:80")
	if d.asked != 1 {
		t.Fatalf("asked %d times", d.asked)
	}
	now.Add(5 * time.Second)
	if ask("acme.desk.example"); d.asked != 2 {
		t.Fatalf("not asked again: %d", d.asked)
	}
	if _, err := h.Customer(t.Context(), "new.desk.example"); fault.KindOf(err) != fault.NotFound {
		t.Fatal(err)
	}
	d.all = append(d.all, customer("new", tenant.Active))
	now.Add(time.Second)
	if _, err := h.Customer(t.Context(), "new.desk.example"); err != nil {
		t.Fatalf("a new tenant is not seen: %v", err)
	}
}

func TestForgetsRatherThanGrows(t *testing.T) {
	d := &directory{all: []tenant.Customer{customer("acme", tenant.Active)}}
	h := host.New(d, "desk.example", clock.At(time.Unix(1000, 0)))
	for i := range 10_000 {
		if _, err := h.Customer(t.Context(), fmt.Sprintf("h%d.example", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.Remembered(); n > 1024 {
		t.Fatalf("remembers %d names", n)
	}
}

func TestDirectoryThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	d := &directory{all: []tenant.Customer{customer("acme", tenant.Active)}, down: errors.New("away")}
	h := host.New(d, "desk.example", clock.At(time.Unix(1000, 0)))
	if _, err := h.Customer(t.Context(), "acme.desk.example"); err == nil {
		t.Fatal("answered without a directory")
	}
	d.down = nil
	if c, err := h.Customer(t.Context(), "acme.desk.example"); err != nil || c.Slug != "acme" {
		t.Fatalf("%+v, %v", c, err)
	}
}
