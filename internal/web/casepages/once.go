package casepages

import (
	"context"
	"crypto/sha256"
	"net/http"

	"insegel/internal/cases"
	"insegel/internal/id"
	"insegel/internal/idempotency"
	"insegel/internal/queue"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// made is what a form made, now or when it was sent the first time.
type made struct {
	ref   string
	again bool
}

// flash says that it is done, or that it was done before.
func (m made) flash(key string) string {
	if m.again {
		return "desk.flash.again"
	}
	return key
}

// once makes a change that a form asks for, and not again where the same form comes twice: a form carries a nonce, which is written
// in the change's own transaction. The files that came along are kept by the first.
func once(q *kit.Request, route, nonce string, fn func(*visit.Writer) (string, error)) (made, error) {
	var key idempotency.Key
	if id.Valid(nonce) {
		key = idempotency.New(q.Visit, route, "form "+nonce, sha256.Sum256(nil))
	}
	var before *idempotency.Answer
	ref, err := visit.Update(q.Context(), q.Visit, func(w *visit.Writer) (ref string, err error) {
		if before, err = key.Check(q.Context(), w); before != nil || err != nil {
			return "", err
		}
		ref, err = fn(w)
		if err == nil {
			key.Keep(w, idempotency.Answer{Status: http.StatusSeeOther, Ref: ref})
		}
		return ref, err
	})
	if err != nil {
		return made{}, err
	}
	if before != nil {
		return made{ref: before.Ref, again: true}, nil
	}
	q.Kept()
	return made{ref: ref}, nil
}

func uploads(f *kit.Form) (out []cases.NewFile) {
	for _, u := range f.Files {
		out = append(out, cases.NewFile{FileHead: cases.FileHead{Name: u.Name, Type: u.Type}, Draft: u.Draft})
	}
	return out
}

func queues(ctx context.Context, r *visit.Reader) ([]queue.Queue, error) { return queue.List(ctx, r) }
