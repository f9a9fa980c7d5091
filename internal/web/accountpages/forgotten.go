package accountpages

import (
	"net/http"
	"strings"

	"insegel/internal/web/kit"
)

// forgotten shows the question for the address.
func (p Pages) forgotten(q *kit.Request) error {
	return q.Render(http.StatusOK, AskReset(Forgotten{Page: frame(q, "account.title.forgotten")}))
}

// ask has a link mailed if the address has an account, and says the same if it has not.
func (p Pages) ask(q *kit.Request) error {
	f, err := q.Form()
	if err != nil {
		return err
	}
	v := Forgotten{Page: frame(q, "account.title.forgotten"), Email: f.Text("email")}
	if !strings.Contains(v.Email, "@") {
		v.Errors = kit.Errors{{Name: "email", Text: q.Lang.T("account.error.email")}}
		return q.Render(http.StatusUnprocessableEntity, AskReset(v))
	}
	if err := p.door.AskReset(q.Context(), q.Visit, v.Email); err != nil {
		return err
	}
	v.Page, v.Sent = frame(q, "account.title.sent"), true
	return q.Render(http.StatusOK, AskReset(v))
}
