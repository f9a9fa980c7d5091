package access_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/purpose"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
	"insegel/internal/tenant"
)

// who is each action's table, written out once more: p everybody, h handlers, a administrators, s the program itself. Who runs commands on the
// machine may do all. A new action meets this test.
const who = `
case.list h a
case.read h a
case.create h a
case.change h a
message.reply h a
message.note h a
file.read h a
message.original h a
log.case h a
log.list a
quarantine.list h a
quarantine.read h a
quarantine.release h a
quarantine.discard h a
queue.list h a
queue.create a
purpose.list h a
purpose.create a
account.list h a
account.invite a
account.change a
account.unlock a
account.reset.issue a
token.create a
case.erase a
session.end h a
tenant.create a
tenant.list a
keys.rotate s
backup.now a
log.verify a
tenant.check
log.accept
keys.copied
backup.restore
restore.resume
session.begin p h a
account.reset.ask p h a
account.link.show p h a
account.password.choose p h a
page.public p h a
mail.receive s
mail.file s
mail.send s
notice.send s
house.keep s
directory.keep s
`

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// desk is a database with people in it.
type desk struct {
	t  *testing.T
	db store.DB
}

func each(t *testing.T, fn func(*testing.T, *desk)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, e store.Engine) {
		all := slices.Concat(audit.Migrations, tenant.Migrations, purpose.Migrations, access.Migrations)
		d := &desk{t, storetest.OpenNew(t, e, "access", all)}
		d.write(func(w store.Tx) error {
			for _, p := range purpose.Starters() {
				if err := purpose.Register(w, p, now); err != nil {
					return err
				}
			}
			for _, role := range access.Roles() {
				a := string(role)
				access.OpenSession(w, []byte("session of "+a), a, now, access.DefaultLimits())
				if err := access.SetMember(w, a, role, true, now); err != nil {
					return err
				}
				if err := access.OpenToken(w, []byte("token of "+a), "id of "+a, a, []string{"*"}, now, now.Add(time.Hour)); err != nil {
					return err
				}
			}
			return nil
		})
		fn(t, d)
	})
}

func (d *desk) write(fn func(store.Tx) error) {
	d.t.Helper()
	tx, err := d.db.Begin(d.t.Context())
	d.ok(err)
	defer tx.Discard()
	d.ok(fn(tx))
	d.ok(tx.Flush(d.t.Context()))
	d.ok(tx.Commit(d.t.Context()))
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) decide(c access.Credential, a access.Action, at time.Time) (out access.Decision, err error) {
	d.t.Helper()
	d.ok(d.db.View(d.t.Context(), func(r store.Reader) error {
		out, err = access.Decide(context.Background(), r, c, a, at, access.DefaultLimits())
		return nil
	}))
	return out, err
}

var from = netip.MustParseAddr("192.0.2.1")

func session(of string) access.Credential { return access.Session([]byte("session of "+of), from) }
func token(of string) access.Credential   { return access.Bearer([]byte("token of "+of), from) }

func action(t *testing.T, name string) access.Action {
	t.Helper()
	i := slices.IndexFunc(access.Actions(), func(a access.Action) bool { return a.Name() == name })
	if i < 0 {
		t.Fatalf("there is no action %s", name)
	}
	return access.Actions()[i]
}

func TestEveryActionForEverybody(t *testing.T) {
	table := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(who)) {
		f := strings.Fields(line)
		table[f[0]] = f[1:]
	}
	each(t, func(t *testing.T, d *desk) {
		for _, a := range access.Actions() {
			may, known := table[a.Name()]
			if !known {
				t.Errorf("%s is not in the table: who may do it?", a.Name())
				continue
			}
			for _, c := range []struct {
				name   string
				letter string
				cred   access.Credential
				kind   fault.Kind // where it may not
			}{
				{"public", "p", access.Public(from), fault.Unknown},
				{"handler", "h", session("handler"), fault.NotFound},
				{"administrator", "a", session("administrator"), fault.NotFound},
				{"handler's token", "h", token("handler"), fault.NotFound},
				{"administrator's token", "a", token("administrator"), fault.NotFound},
				{"system", "s", access.System("test", from), fault.NotAllowed},
				{"console", "c", access.Console("root"), fault.Internal},
				{"a made-up session", "-", session("nobody"), fault.Unknown},
				{"a made-up token", "-", token("nobody"), fault.Unknown},
				{"a token as a session", "-", access.Session([]byte("token of administrator"), from), fault.Unknown},
				{"a session as a token", "-", access.Bearer([]byte("session of administrator"), from), fault.Unknown},
				{"no credential at all", "-", access.Credential{}, fault.Unknown},
			} {
				_, err := d.decide(c.cred, a, now)
				allowed := c.letter == "c" || slices.Contains(may, c.letter)
				if allowed != (err == nil) || err != nil && fault.KindOf(err) != c.kind {
					t.Errorf("%s by %s: %v", a.Name(), c.name, err)
				}
			}
		}
		if len(table) != len(access.Actions()) {
			t.Errorf("the table has %d lines for %d actions", len(table), len(access.Actions()))
		}
	})
}

func TestPurposesAreThoseThatTheRoleReads(t *testing.T) {
	all := []string{"accounts", "log", "security", "settings", "support"}
	each(t, func(t *testing.T, d *desk) {
		for _, c := range []struct {
			cred access.Credential
			a    access.Action
			want []string
		}{
			{session("administrator"), access.ReadCase, all},
			{session("handler"), access.ReadCase, []string{"accounts", "security", "settings", "support"}},
			{token("handler"), access.ReadCase, []string{"accounts", "security", "settings", "support"}},
			{access.Public(from), access.Login, []string{"accounts", "settings"}},
			{access.Public(from), access.ShowPublic, []string{"settings"}},
			{access.System("job", from), access.SendNotice, []string{"accounts", "settings"}},
			{access.System("job", from), access.FileMail, all},
			{access.Console("root"), access.ReadCase, all},
		} {
			got, err := d.decide(c.cred, c.a, now)
			if err != nil || !slices.Equal(got.Purposes, c.want) {
				t.Errorf("%s by %s: %v, want %v, %v", c.a.Name(), got.Actor.ID(), got.Purposes, c.want, err)
			}
		}
	})
}

func TestActorsAreNamedByIDs(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for want, c := range map[string]access.Credential{
			"account:handler": session("handler"), "token:id of handler": token("handler"), "console:root": access.Console("root"),
		} {
			got, err := d.decide(c, access.ListCases, now)
			if err != nil || got.Actor.ID() != want {
				t.Errorf("%s, want %s, %v", got.Actor.ID(), want, err)
			}
		}
		got, err := d.decide(session("handler"), access.ListCases, now)
		if err != nil || got.Actor.Account != "handler" || got.Actor.Role != access.Handler || string(got.Actor.Session) != "session of handler" || got.Actor.Address != from ||
			got.Actor.Token != "" || !got.Seen.Equal(now) || !got.Actor.Expires.Equal(now.Add(access.DefaultLimits().SessionLife)) {
			t.Errorf("%+v, %v", got, err)
		}
		if s, _ := d.decide(access.System("smtp", from), access.ReceiveMail, now); s.Actor.ID() != "system:smtp" {
			t.Error(s.Actor.ID())
		}
		if s, _ := d.decide(access.Public(from), access.Login, now); s.Actor.ID() != "public" {
			t.Error(s.Actor.ID())
		}
	})
}

func TestWhatHasRunOutIsNobodys(t *testing.T) {
	lim := access.DefaultLimits()
	each(t, func(t *testing.T, d *desk) {
		at := func(c access.Credential, after time.Duration, want bool) {
			t.Helper()
			_, err := d.decide(c, access.ListCases, now.Add(after))
			if (err == nil) != want || err != nil && fault.KindOf(err) != fault.Unknown {
				t.Errorf("after %v: %v", after, err)
			}
		}
		at(session("handler"), lim.SessionIdle-time.Microsecond, true)
		at(session("handler"), lim.SessionIdle, false)
		at(token("handler"), time.Hour-time.Microsecond, true)
		at(token("handler"), time.Hour, false)
		// In use, it lives until its end and not a moment longer.
		d.write(func(w store.Tx) error {
			access.Touch(w, []byte("session of handler"), now.Add(lim.SessionLife-time.Minute))
			return nil
		})
		at(session("handler"), lim.SessionLife-time.Microsecond, true)
		at(session("handler"), lim.SessionLife, false)
		at(session("administrator"), lim.SessionIdle-1, true)
		d.write(func(w store.Tx) error { access.ExpireSessions(w, now.Add(lim.SessionIdle), lim); return nil })
		if n := d.count("session"); n != 1 {
			t.Errorf("%d sessions are left, want the one in use", n)
		}
		d.write(func(w store.Tx) error { access.ExpireSessions(w, now.Add(lim.SessionLife), lim); return nil })
		if n := d.count("session"); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

func (d *desk) count(table string) (n int64) {
	d.t.Helper()
	d.ok(d.db.View(d.t.Context(), func(r store.Reader) error {
		return r.QueryRow(d.t.Context(), map[string]string{"session": `SELECT COUNT(*) FROM session`, "token": `SELECT COUNT(*) FROM token`}[table], nil, &n)
	}))
	return n
}

func TestRolesAndEndsCountAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		may := func(c access.Credential, a access.Action, want bool) {
			t.Helper()
			if _, err := d.decide(c, a, now); (err == nil) != want {
				t.Errorf("%s: %v", a.Name(), err)
			}
		}
		set := func(r access.Role, active bool) {
			d.write(func(w store.Tx) error { return access.SetMember(w, "handler", r, active, now) })
		}
		may(session("handler"), access.CreateQueue, false)
		set(access.Administrator, true)
		may(session("handler"), access.CreateQueue, true)
		may(token("handler"), access.CreateQueue, true)
		set(access.Administrator, false)
		may(session("handler"), access.ListCases, false)
		may(token("handler"), access.ListCases, false)
		set(access.Handler, true)
		may(session("handler"), access.ListCases, true)
		d.write(func(w store.Tx) error { access.EndSession(w, []byte("session of handler")); return nil })
		may(session("handler"), access.ListCases, false)
		may(session("administrator"), access.ListCases, true)
		d.write(func(w store.Tx) error { access.EndTokens(w, "handler"); return nil })
		may(token("handler"), access.ListCases, false)
		may(token("administrator"), access.ListCases, true)
		d.write(func(w store.Tx) error { access.EndSessions(w, "administrator"); return nil })
		may(session("administrator"), access.ListCases, false)
		d.ok(d.db.View(t.Context(), func(r store.Reader) error {
			all, err := access.Members(t.Context(), r)
			if len(all) != 2 || all[0] != (access.Member{Account: "administrator", Role: access.Administrator, Active: true}) {
				t.Errorf("%+v", all)
			}
			return err
		}))
	})
}

func TestTokensDoWhatTheirScopesSay(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		n := 0
		scoped := func(of string, scopes ...string) access.Credential {
			n++
			hash := fmt.Append(nil, "scoped ", n)
			d.write(func(w store.Tx) error {
				return access.OpenToken(w, hash, fmt.Sprint("scoped ", n), of, scopes, now, now.Add(time.Hour))
			})
			return access.Bearer(hash, from)
		}
		for _, c := range []struct {
			cred access.Credential
			may  []string
			not  []string
		}{
			{scoped("administrator", "case.list"), []string{"case.list"}, []string{"case.read", "case.create", "queue.list"}},
			{scoped("administrator", "case.*"), []string{"case.list", "case.erase"}, []string{"message.reply", "queue.create"}},
			{scoped("administrator", "case.read", "message.*"), []string{"case.read", "message.note"}, []string{"case.list"}},
			{scoped("administrator", "*"), []string{"case.list", "token.create"}, nil},
		} {
			for _, name := range c.may {
				if _, err := d.decide(c.cred, action(t, name), now); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			for _, name := range c.not {
				if _, err := d.decide(c.cred, action(t, name), now); fault.Of(err).Key != "fault.scope" {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		// A scope gives no more than the role has, and what the role has not is not there.
		if _, err := d.decide(scoped("handler", "queue.create"), access.CreateQueue, now); fault.KindOf(err) != fault.NotFound {
			t.Errorf("got %v", err)
		}
		for _, bad := range []string{"", "case", "case.", "*.list", "**", "CASE.LIST", "session.begin", "mail.send", "session.end", "case.list case.read", "x.*"} {
			tx, err := d.db.Begin(t.Context())
			d.ok(err)
			if err := access.OpenToken(tx, []byte("bad"), "bad", "handler", []string{bad}, now, now.Add(time.Hour)); fault.KindOf(err) != fault.Invalid {
				t.Errorf("scope %q: %v", bad, err)
			}
			tx.Discard()
		}
	})
}

func TestMembersNeedARole(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		tx, err := d.db.Begin(t.Context())
		d.ok(err)
		defer tx.Discard()
		for _, r := range []access.Role{"", "Administrator", "emperor", "administrator handler"} {
			if err := access.SetMember(tx, "x", r, true, now); fault.Of(err).Key != "fault.role" {
				t.Errorf("role %q: %v", r, err)
			}
		}
	})
}

func TestActionsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range access.Actions() {
		if seen[a.Name()] || strings.Trim(a.Name(), "abcdefghijklmnopqrstuvwxyz.") != "" || !strings.Contains(a.Name(), ".") {
			t.Errorf("action %q", a.Name())
		}
		seen[a.Name()] = true
	}
	for _, s := range access.Scopes() {
		if a := action(t, s); a.Public() {
			t.Errorf("%s is a scope, and open to everybody", s)
		}
	}
}
