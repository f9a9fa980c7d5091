package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/intake"
	"insegel/internal/visit"
)

// Held is a letter that arrived and was held.
type Held struct {
	ID       string    `json:"id"`
	State    string    `json:"state" enum:"waiting,filed,held,discarded"`
	Reason   string    `json:"reason" doc:"Why it is held: a short word"`
	Received time.Time `json:"received"`
	Size     int64     `json:"size"`
	Queue    *Named    `json:"queue"`
	Case     int64     `json:"case,omitempty" doc:"Where it was filed"`
	Envelope *Envelope `json:"envelope" doc:"null once it is filed or discarded"`
	Raw      string    `json:"raw,omitempty" doc:"Where the letter is as it arrived"`
}

// Envelope is how a letter was delivered.
type Envelope struct {
	_    struct{} `nullable:"true"`
	From string   `json:"from" doc:"Empty: a bounce"`
	To   string   `json:"to"`
	IP   string   `json:"ip"`
	HELO string   `json:"helo"`
	TLS  string   `json:"tls,omitempty"`
}

// LetterPath is a letter in a path.
type LetterPath struct {
	Letter string `path:"letter" doc:"id of the letter"`
}

type heldOut struct{ Body Held }

// HeldList is a page of held letters.
type HeldList struct {
	Items []Held  `json:"items" nullable:"false"`
	Next  *string `json:"next" nullable:"true" doc:"cursor of the next page; null at the end"`
}

type heldListOut struct{ Body HeldList }

// listHeld lists the quarantine.
func (s *server) listHeld(ctx context.Context, c *call, in *Page) (*heldListOut, error) {
	at, err := parsePlace(in.Cursor)
	if err != nil {
		return nil, err
	}
	out, err := visit.View(ctx, c.v, func(r *visit.Reader) (HeldList, error) {
		l := HeldList{Items: []Held{}}
		limit := min(in.Limit, intake.MaxPage-1)
		all, err := intake.HeldLetters(ctx, r, at, limit+1)
		if err != nil {
			return l, err
		}
		if len(all) > limit {
			all = all[:limit]
			last := all[limit-1]
			l.Next = next(strconv.FormatInt(clock.Micros(last.Received), 10) + "." + last.ID)
		}
		n, err := lookUp(ctx, r, nil)
		for _, found := range all {
			if err != nil {
				break
			}
			var h Held
			h, err = n.held(ctx, r, found)
			l.Items = append(l.Items, h)
		}
		return l, err
	})
	return &heldListOut{out}, err
}

// parsePlace reads where a page goes on.
func parsePlace(cursor string) (p intake.Page, err error) {
	if cursor == "" {
		return p, nil
	}
	at, id, ok := strings.Cut(cursor, ".")
	us, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || us <= 0 {
		return p, fault.New(fault.Invalid, "fault.list.cursor")
	}
	return intake.Page{Before: clock.FromMicros(us), ID: id}, nil
}

// held shows a letter with its envelope, as long as there is one to open.
func (n names) held(ctx context.Context, r *visit.Reader, l intake.Letter) (Held, error) {
	h := Held{ID: l.ID, State: string(l.State), Reason: l.Reason, Received: l.Received, Size: l.Size, Queue: n.queue(l.Queue), Case: l.Case}
	if l.State != intake.Held && l.State != intake.Waiting {
		return h, nil
	}
	key, err := l.Key(ctx, r)
	if err != nil {
		return h, err
	}
	env, err := l.Envelope(key)
	h.Envelope = &Envelope{From: env.From, To: env.Recipient, IP: env.RemoteIP, HELO: env.HELO, TLS: env.TLS}
	h.Raw = base + "/quarantine/" + l.ID + "/raw"
	return h, err
}

// readHeld gives one letter.
func (s *server) readHeld(ctx context.Context, c *call, in *LetterPath) (*heldOut, error) {
	return visit.View(ctx, c.v, func(r *visit.Reader) (*heldOut, error) { return oneHeld(ctx, r, in.Letter) })
}

func oneHeld(ctx context.Context, r *visit.Reader, letterID string) (*heldOut, error) {
	l, err := intake.Get(ctx, r, letterID)
	if err != nil {
		return nil, err
	}
	r.Object(l.ID)
	n, err := lookUp(ctx, r, nil)
	if err != nil {
		return nil, err
	}
	h, err := n.held(ctx, r, l)
	return &heldOut{h}, err
}

// readHeldRaw gives the bytes of a letter that is held.
func (s *server) readHeldRaw(ctx context.Context, c *call, in *LetterPath) (*huma.StreamResponse, error) {
	return s.download(ctx, c, func(r *visit.Reader) (download, error) {
		l, err := intake.Get(ctx, r, in.Letter)
		if err != nil {
			return download{}, err
		}
		if l.State != intake.Held && l.State != intake.Waiting {
			return download{}, fault.New(fault.NotFound, "fault.letter.not_found")
		}
		r.Object(l.ID)
		_, _, b, err := l.Open(ctx, r)
		return letter("letter-"+l.ID, b), err
	})
}

type actIn struct {
	LetterPath
	Key string `header:"Idempotency-Key" doc:"Makes it safe to repeat the request for 24 hours"`
}

// releaseHeld lets a letter go on its way.
func (s *server) releaseHeld(ctx context.Context, c *call, in *actIn) (*heldOut, error) {
	return actOn(ctx, c, in.Letter, intake.LetGo)
}

// discardHeld gives a letter up.
func (s *server) discardHeld(ctx context.Context, c *call, in *actIn) (*heldOut, error) {
	return actOn(ctx, c, in.Letter, intake.GiveUp)
}

func actOn(ctx context.Context, c *call, letterID string, act func(context.Context, *visit.Writer, string) error) (*heldOut, error) {
	_, err := once(ctx, c, http.StatusOK, func(w *visit.Writer) (string, string, error) {
		return letterID, letterID, act(ctx, w, letterID)
	}, func(_ *visit.Reader, ref string) (string, error) { return ref, nil })
	if err != nil {
		return nil, err
	}
	return visit.View(ctx, c.v, func(r *visit.Reader) (*heldOut, error) { return oneHeld(ctx, r, letterID) })
}
