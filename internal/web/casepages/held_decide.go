package casepages

import (
	"net/http"
	"slices"

	"insegel/internal/access"
	"insegel/internal/intake"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// release lets a held letter in: a person has looked.
func (p Pages) release(q *kit.Request) error {
	letterID, err := q.ID("letter")
	if err != nil {
		return err
	}
	if err := intake.Release(q.Context(), q.Visit, letterID); err != nil {
		return err
	}
	q.Flash(kit.Success, "case.flash.released")
	return q.Redirect("/quarantine")
}

// discard gives a held letter up, for a reason that the log keeps.
func (p Pages) discard(q *kit.Request) error {
	letterID, err := q.ID("letter")
	if err != nil {
		return err
	}
	f, err := q.Form()
	if err != nil {
		return err
	}
	why := f.Get("why")
	if !slices.Contains(whys(), why) {
		if err := q.As(access.ReadHeld); err != nil {
			return err
		}
		return p.showLetter(q, http.StatusUnprocessableEntity, kit.Errors{{Name: "why", Text: q.Lang.T("case.error.why")}})
	}
	_, err = visit.Update(q.Context(), q.Visit, func(w *visit.Writer) (struct{}, error) {
		w.Set("why", why)
		return struct{}{}, intake.GiveUp(q.Context(), w, letterID)
	})
	if err != nil {
		return err
	}
	q.Flash(kit.Success, "case.flash.discarded")
	return q.Redirect("/quarantine")
}
