package accountpages

import (
	"insegel/internal/account"
	"insegel/internal/web/kit"
)

// logOut ends the session here and in the browser.
func (p Pages) logOut(q *kit.Request) error {
	if err := account.Logout(q.Context(), q.Visit); err != nil {
		return err
	}
	q.Forget()
	return q.Redirect("/login?out=1")
}
