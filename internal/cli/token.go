package cli

import (
	"context"
	"fmt"
	"time"

	"insegel/internal/access"
	"insegel/internal/account"
)

type tokenCmd struct {
	Create tokenCreate `cmd:"" help:"Make a token for the API and print it once, alone on the line."`
}

type tokenCreate struct {
	Tenant  string   `help:"The customer." required:"" placeholder:"SLUG"`
	Account string   `help:"The account in whose name it acts." required:"" placeholder:"MAIL"`
	Scope   []string `help:"What it may do: an action (case.read), a room (case.*), or '*'. May be said several times." required:"" placeholder:"S"`
	Days    int      `help:"How long it lives." default:"365"`
}

func (*tokenCreate) Help() string {
	return "The token never does more than its account may.\n\nExample:\n  TOKEN=$(insegel token create --tenant acme --account karin@acme.example --scope case.read --scope case.list)"
}

// Work makes a token.
func (c *tokenCreate) Work(ctx context.Context, s *Session) error {
	v, err := s.enter(ctx, c.Tenant, access.CreateToken)
	if err != nil {
		return err
	}
	defer v.Leave()
	token, err := account.CreateToken(ctx, v, c.Account, c.Scope, time.Duration(min(c.Days, 1000))*24*time.Hour)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, token)
	return err
}
