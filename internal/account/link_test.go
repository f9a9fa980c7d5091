package account_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
	"insegel/internal/fault"
	"insegel/internal/visit"
	"insegel/internal/visit/visittest"
)

func (h *house) show(token string) (account.Link, error) {
	return as(h, access.Public(stranger), access.ShowLink, func(ctx context.Context, v *visit.Visit) (account.Link, error) {
		return account.ShowLink(ctx, v, token)
	})
}

func (h *house) askReset(mail string) error {
	_, err := as(h, access.Public(stranger), access.AskReset, none(func(ctx context.Context, v *visit.Visit) error { return h.door.AskReset(ctx, v, mail) }))
	return err
}

func TestAnInvitationLeadsToALogin(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, token := h.invite("Åsa Öberg", "asa@example.org", access.Handler)
		letters, args := h.notices()
		if len(letters) != 1 || letters[0].Token != token || strings.Contains(args[0], token) {
			t.Fatalf("letters %v of jobs %v", letters, args)
		}
		n := letters[0]
		if n.Mail != "asa@example.org" || n.Name != "Åsa Öberg" || n.Subject != "Ditt konto hos Acme kommun" {
			t.Errorf("letter %+v", n)
		}
		has(t, n.Text, "Hej Åsa Öberg,", "https://acme.example.org/link/"+token+"\n", "24 timmar")
		l, err := h.show(token)
		h.ok(err)
		if l.Kind != account.Invitation || l.State != account.Valid || l.Mail != "asa@example.org" || l.Expires.Sub(h.Clock.Now()) != 24*time.Hour {
			t.Errorf("link %+v", l)
		}
		h.ok(h.choose(token, good))
		_, err = h.login("asa@example.org", good)
		h.ok(err)
		h.want(h.choose(token, better), "fault.link.used")
		if l, err = h.show(token); err != nil || l.State != account.Used || l.Mail != "" {
			t.Errorf("used link %+v, %v", l, err)
		}
	})
}

func TestALetterIsWrittenOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.invite("Åsa Öberg", "asa@example.org", access.Handler)
		_, args := h.notices()
		v := h.Enter(t, visittest.System(), access.SendNotice)
		if n, ok, err := h.door.Notice(t.Context(), v, args[0], account.Site{}); ok || err != nil || n.Token != "" {
			t.Errorf("a link that was mailed still has its token: %v %v", ok, err)
		}
	})
}

func TestLinksRunOutAndAreNotGuessed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, token := h.invite("Åsa Öberg", "asa@example.org", access.Handler)
		for _, wrong := range []string{"", "x", token[1:], token + "A"} {
			_, err := h.show(wrong)
			h.want(err, "fault.link.unknown")
			h.want(h.choose(wrong, good), "fault.link.unknown")
		}
		h.Clock.Add(24*time.Hour - time.Microsecond)
		if l, err := h.show(token); err != nil || l.State != account.Valid {
			t.Errorf("%+v, %v", l, err)
		}
		h.Clock.Add(time.Microsecond)
		if l, err := h.show(token); err != nil || l.State != account.Expired || l.Mail != "" {
			t.Errorf("%+v, %v", l, err)
		}
		h.want(h.choose(token, good), "fault.link.expired")
		if letters, _ := h.notices(); len(letters) != 0 {
			t.Error("a link that ran out was mailed")
		}
		// Its holder may have a new one, which goes to the same address.
		_, err := as(h, access.Public(stranger), access.AskReset, none(func(ctx context.Context, v *visit.Visit) error { return h.door.Renew(ctx, v, token) }))
		h.ok(err)
		letters, _ := h.notices()
		if len(letters) != 1 || letters[0].Mail != "asa@example.org" || letters[0].Token == token {
			t.Fatalf("letters %+v", letters)
		}
		if l, err := h.show(letters[0].Token); err != nil || l.Kind != account.Invitation {
			t.Errorf("%+v, %v", l, err)
		}
		h.ok(h.choose(letters[0].Token, good))
		// Long after, nothing is known of it any more.
		h.Clock.Add(60 * 24 * time.Hour)
		_, err = as(h, visittest.System(), access.KeepHouse, none(h.door.Tidy))
		h.ok(err)
		_, err = h.show(token)
		h.want(err, "fault.link.unknown")
	})
}

// Of two who use a link at the same moment one is too late.
func TestALinkIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, token := h.invite("Åsa Öberg", "asa@example.org", access.Handler)
		var won, late atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				switch err := h.choose(token, good+strings.Repeat("!", i)); key(err) {
				case "":
					won.Add(1)
				case "fault.link.used":
					late.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || late.Load() != 7 {
			t.Errorf("%d used it and %d were late", won.Load(), late.Load())
		}
	})
}

func TestAResetEndsAllSessionsAndOtherLinks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Handler)
		h.member("Bo Ny", "bo@example.org", access.Handler)
		h.notices()
		a, err := h.login("anna@example.org", good)
		h.ok(err)
		b, err := h.login("anna@example.org", good)
		h.ok(err)
		bo, err := h.login("bo@example.org", good)
		h.ok(err)
		h.ok(h.askReset("ANNA@example.org"))
		h.ok(h.askReset("anna@example.org"))
		letters, _ := h.notices()
		if len(letters) != 2 {
			t.Fatalf("%d letters", len(letters))
		}
		has(t, letters[0].Text, "en timme", "Acme kommun")
		h.ok(h.choose(letters[0].Token, better))
		if h.enters(a.Secret) || h.enters(b.Secret) {
			t.Error("a session outlived the reset")
		}
		if !h.enters(bo.Secret) {
			t.Error("somebody else's session ended")
		}
		h.want(h.choose(letters[1].Token, good), "fault.link.used")
		_, err = h.login("anna@example.org", good)
		h.want(err, "fault.signin.wrong")
		_, err = h.login("anna@example.org", better)
		h.ok(err)
	})
}

// Asking tells nothing: one job and one record, known or not, and no hash at all. Only the job finds out.
func TestAskingForAResetTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Administrator)
		gone := h.member("Cia Slut", "cia@example.org", access.Handler)
		_, err := as(h, visittest.Console(), access.ChangeAccount, none(func(ctx context.Context, v *visit.Visit) error { return account.Deactivate(ctx, v, gone) }))
		h.ok(err)
		h.notices()
		hashes := h.hashes.Load()
		for i, mail := range []string{"anna@example.org", "nobody@example.org", "cia@example.org", "no address", ""} {
			h.ok(h.askReset(mail))
			lines := h.log(access.AskReset)
			if len(lines) != i+1 || lines[0].Act.Result != "" || lines[0].Act.Object != "" || len(lines[0].Act.Opened) != 0 {
				t.Errorf("%s: %d records, the last %+v", mail, len(lines), lines[0].Act)
			}
			letters, args := h.notices()
			if len(args) != 1 || len(args[0]) != 36+1+64 {
				t.Errorf("%s: jobs %q", mail, args)
			}
			if want := i == 0; (len(letters) == 1) != want {
				t.Errorf("%s: %d letters", mail, len(letters))
			}
		}
		if h.hashes.Load() != hashes {
			t.Error("asking for a reset hashed a password")
		}
	})
}

// A letter that could not be sent is tried again with the same link, not with one more.
func TestAResetLetterTriedAgainHasTheSameLink(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.member("Anna Ek", "anna@example.org", access.Handler)
		h.notices()
		h.ok(h.askReset("anna@example.org"))
		v := h.Enter(t, visittest.System(), access.SendNotice)
		arg := h.jobArgs(v)[0]
		first, ok, err := h.door.Notice(t.Context(), v, arg, account.Site{})
		h.ok(err)
		again, ok2, err := h.door.Notice(t.Context(), v, arg, account.Site{})
		h.ok(err)
		if !ok || !ok2 || first.Token != again.Token {
			t.Errorf("%v %v: tokens differ: %v", ok, ok2, first.Token != again.Token)
		}
		for _, bad := range []string{"x", "x y", "x " + strings.Repeat("ab", 32)} {
			if _, ok, err := h.door.Notice(t.Context(), v, bad, account.Site{}); ok || err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q: %v %v", bad, ok, err)
			}
		}
	})
}

func TestLettersToOneAddressAndAsksFromOneSourceAreLimited(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.config.Mails = account.Rate{Burst: 2, Every: 10 * time.Minute}
		h.config.Asks = account.Rate{Burst: 4, Every: time.Minute}
		h.door = account.New(h.config)
		h.member("Anna Ek", "anna@example.org", access.Handler)
		h.notices()
		for range 4 {
			h.ok(h.askReset("anna@example.org")) // the answer stays the same
		}
		if letters, _ := h.notices(); len(letters) != 2 {
			t.Errorf("%d letters, want 2", len(letters))
		}
		h.want(h.askReset("bo@example.org"), "fault.signin.throttled")
		elsewhere := access.Public(netip.MustParseAddr("203.0.113.77"))
		_, err := as(h, elsewhere, access.AskReset, none(func(ctx context.Context, v *visit.Visit) error { return h.door.AskReset(ctx, v, "bo@example.org") }))
		h.ok(err)
	})
}

func TestResetLinkLivesAtMostThreeDays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.config.ResetLife = 1000 * time.Hour
		h.door = account.New(h.config)
		h.member("Anna Ek", "anna@example.org", access.Handler)
		token, err := as(h, visittest.Console(), access.IssueReset, func(ctx context.Context, v *visit.Visit) (string, error) {
			return h.door.IssueReset(ctx, v, "anna@example.org")
		})
		h.ok(err)
		l, err := h.show(token)
		h.ok(err)
		if l.Kind != account.Reset || l.Expires.Sub(h.Clock.Now()) != account.MaxResetLife {
			t.Errorf("%+v", l)
		}
		_, err = as(h, visittest.Console(), access.IssueReset, func(ctx context.Context, v *visit.Visit) (string, error) {
			return h.door.IssueReset(ctx, v, "nobody@example.org")
		})
		h.want(err, "fault.account.not_found")
	})
}
