package account_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/jobs"
	"insegel/internal/lang"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func (h *house) jobArgs(v *visit.Visit) (args []string) {
	h.t.Helper()
	due, err := visit.View(h.t.Context(), v, func(r *visit.Reader) ([]jobs.Job, error) {
		return jobs.Due(h.t.Context(), r, h.Clock.Now(), 100)
	})
	h.ok(err)
	for _, j := range due {
		args = append(args, j.Arg)
	}
	return args
}

func TestInviteRefusesWhatCannotBe(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.invite("Anna Ek", "anna@example.org", access.Administrator)
		for _, c := range []struct {
			in   account.Invite
			want string
		}{
			{account.Invite{Name: "Annan", Mail: "ANNA@example.org", Role: access.Handler}, "fault.account.taken"},
			{account.Invite{Name: "Annan", Mail: "anna at example", Role: access.Handler}, "fault.account.mail"},
			{account.Invite{Name: strings.Repeat("a", 201), Mail: "b@example.org", Role: access.Handler}, "fault.account.name"},
			{account.Invite{Name: "Bo\x1b", Mail: "b@example.org", Role: access.Handler}, "fault.account.name"},
			{account.Invite{Name: "Bo", Mail: "b@example.org", Role: "emperor"}, "fault.role"},
		} {
			_, err := as(h, visittest.Console(), access.InviteAccount, none(func(ctx context.Context, v *visit.Visit) error {
				_, _, err := h.door.Invite(ctx, v, c.in)
				return err
			}))
			h.want(err, c.want)
		}
	})
}

func TestFirstAdministratorIsInvitedWithoutALetter(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, err := as(h, visittest.Console(), access.InviteAccount, none(func(ctx context.Context, v *visit.Visit) error {
			_, token, err := h.door.Invite(ctx, v, account.Invite{Mail: "root@example.org", Role: access.Administrator, NoMail: true})
			if err == nil {
				err = h.choose(token, good)
			}
			return err
		}))
		h.ok(err)
		if letters, jobs := h.notices(); len(letters)+len(jobs) != 0 {
			t.Error("a letter was queued")
		}
		s, err := h.login("root@example.org", good)
		h.ok(err)
		me, err := as(h, access.Session(id.TokenHash(s.Secret), stranger), access.ListCases, account.Me)
		h.ok(err)
		if me.Name != "root" || me.Lang != lang.En || me.Role != access.Administrator || me.Mail != "root@example.org" {
			t.Errorf("%+v", me)
		}
	})
}

func TestListAndNamesTellWhoIsWho(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		anna := h.member("Anna Ek", "anna@example.org", access.Administrator)
		bo, _ := h.invite("Bo Ny", "bo@example.org", access.Handler)
		all, err := as(h, visittest.Console(), access.ListAccounts, func(ctx context.Context, v *visit.Visit) ([]account.Account, error) {
			return account.List(ctx, v, "", 100)
		})
		h.ok(err)
		if len(all) != 2 || all[0].ID != anna || all[0].Name != "Anna Ek" || !all[0].Chosen || !all[0].Active || all[1].ID != bo || all[1].Chosen || all[1].Role != access.Handler {
			t.Errorf("%+v", all)
		}
		page, err := as(h, visittest.Console(), access.ListAccounts, func(ctx context.Context, v *visit.Visit) ([]account.Account, error) {
			return account.List(ctx, v, anna, 1)
		})
		h.ok(err)
		if len(page) != 1 || page[0].ID != bo {
			t.Errorf("%+v", page)
		}
		ids := []string{bo, "nobody"}
		for i := range 120 {
			ids = append(ids, fmt.Sprint("x", i))
		}
		ids = append(ids, anna)
		names, err := as(h, visittest.Console(), access.ListAccounts, func(ctx context.Context, v *visit.Visit) (map[string]string, error) {
			return visit.View(ctx, v, func(r *visit.Reader) (map[string]string, error) { return account.Names(ctx, r, ids) })
		})
		h.ok(err)
		if len(names) != 2 || names[anna] != "Anna Ek" || names[bo] != "Bo Ny" {
			t.Errorf("%v", names)
		}
		if opened := h.log(access.ListAccounts)[0].Act.Opened; len(opened) != 2 {
			t.Errorf("the log says that %v was opened", opened)
		}
		// A visit without the purpose learns nothing.
		_, err = as(h, access.Public(stranger), access.ShowPublic, func(ctx context.Context, v *visit.Visit) ([]account.Account, error) {
			return account.List(ctx, v, "", 100)
		})
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("without the purpose: %v", err)
		}
	})
}

func TestRolesCountAtOnceAndTheLastAdministratorStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		anna := h.member("Anna Ek", "anna@example.org", access.Administrator)
		bo := h.member("Bo Ny", "bo@example.org", access.Handler)
		set := func(who string, r access.Role) error {
			_, err := as(h, visittest.Console(), access.ChangeAccount, none(func(ctx context.Context, v *visit.Visit) error { return account.SetRole(ctx, v, who, r) }))
			return err
		}
		off := func(who string) error {
			_, err := as(h, visittest.Console(), access.ChangeAccount, none(func(ctx context.Context, v *visit.Visit) error { return account.Deactivate(ctx, v, who) }))
			return err
		}
		h.want(set(anna, access.Handler), "fault.account.last_administrator")
		h.want(off(anna), "fault.account.last_administrator")
		h.want(set("nobody", access.Handler), "fault.account.not_found")
		h.want(set(bo, "emperor"), "fault.role")
		s, err := h.login("bo@example.org", good)
		h.ok(err)
		invites := func() bool {
			_, err := as(h, access.Session(id.TokenHash(s.Secret), stranger), access.InviteAccount, none(func(context.Context, *visit.Visit) error { return nil }))
			return err == nil
		}
		if invites() {
			t.Error("a handler may invite")
		}
		h.ok(set(bo, access.Administrator))
		if !invites() {
			t.Error("the new role does not count yet")
		}
		h.ok(off(anna))
		h.want(off(bo), "fault.account.last_administrator")
		_, err = h.login("anna@example.org", good)
		h.want(err, "fault.signin.wrong")
	})
}

func TestDeactivatingEndsSessionsTokensAndLinks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Administrator)
		bo := h.member("Bo Ny", "bo@example.org", access.Handler)
		s, err := h.login("bo@example.org", good)
		h.ok(err)
		token := h.token("bo@example.org", "case.*")
		link, err := as(h, visittest.Console(), access.IssueReset, func(ctx context.Context, v *visit.Visit) (string, error) {
			return h.door.IssueReset(ctx, v, "bo@example.org")
		})
		h.ok(err)
		if !h.enters(s.Secret) || h.bearer(token, access.ListCases) != nil {
			t.Fatal("not in to begin with")
		}
		_, err = as(h, visittest.Console(), access.ChangeAccount, none(func(ctx context.Context, v *visit.Visit) error { return account.Deactivate(ctx, v, bo) }))
		h.ok(err)
		if h.enters(s.Secret) || h.bearer(token, access.ListCases) == nil {
			t.Error("still in after being deactivated")
		}
		h.want(h.choose(link, better), "fault.link.unknown")
	})
}

func (h *house) token(mail string, scopes ...string) string {
	h.t.Helper()
	token, err := as(h, visittest.Console(), access.CreateToken, func(ctx context.Context, v *visit.Visit) (string, error) {
		return account.CreateToken(ctx, v, mail, scopes, 24*time.Hour)
	})
	h.ok(err)
	return token
}

func (h *house) bearer(token string, a access.Action) error {
	_, err := as(h, access.Bearer(id.TokenHash(token), stranger), a, none(func(context.Context, *visit.Visit) error { return nil }))
	return err
}

func TestTokensHavePrefixScopeAndEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Administrator)
		token := h.token("anna@example.org", "case.*")
		if !strings.HasPrefix(token, "insegel_") || len(token) != len("insegel_")+43 {
			t.Errorf("token %q", token)
		}
		h.ok(h.bearer(token, access.ListCases))
		h.want(h.bearer(token, access.InviteAccount), "fault.scope")
		if h.bearer(strings.TrimPrefix(token, account.TokenPrefix), access.ListCases) == nil {
			t.Error("the token works without its prefix")
		}
		h.ok(h.bearer(h.token("anna@example.org", "*"), access.InviteAccount))
		h.Clock.Add(24 * time.Hour)
		h.want(h.bearer(token, access.ListCases), "fault.unknown")
		for _, c := range []struct {
			mail   string
			scopes []string
			life   time.Duration
			want   string
		}{
			{"nobody@example.org", []string{"*"}, time.Hour, "fault.account.not_found"},
			{"anna@example.org", nil, time.Hour, "fault.scopes.none"},
			{"anna@example.org", []string{"case.conquer"}, time.Hour, "fault.scopes.unknown"},
			{"anna@example.org", []string{"*"}, 0, "fault.account.token_life"},
			{"anna@example.org", []string{"*"}, 10 * account.MaxTokenLife, "fault.account.token_life"},
		} {
			_, err := as(h, visittest.Console(), access.CreateToken, func(ctx context.Context, v *visit.Visit) (string, error) {
				return account.CreateToken(ctx, v, c.mail, c.scopes, c.life)
			})
			h.want(err, c.want)
		}
	})
}

// Nothing that a person is called, and no secret, stands in clear in any file of the house.
func TestNothingOfAPersonLiesInClear(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, token := h.invite("Quintessa Zebedeus", "quintessa@zebedeus.example", access.Handler)
		h.ok(h.askReset("quintessa@zebedeus.example"))
		h.ok(h.choose(token, good))
		s, err := h.login("quintessa@zebedeus.example", good)
		h.ok(err)
		secrets := []string{"Quintessa", "zebedeus", token, s.Secret, good, stranger.String()}
		look := func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, s := range secrets {
				if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(s))) {
					t.Errorf("%s has %q in clear", filepath.Base(path), s)
				}
			}
			return err
		}
		h.ok(filepath.WalkDir(filepath.Dir(h.Dir), look)) // the house's folder and the engine's, both of this test
	})
}
