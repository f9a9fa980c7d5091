package casepages

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"insegel/internal/id"
	"insegel/internal/intake"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// heldPage is how many letters a page of the quarantine shows: each is opened for its subject.
const heldPage = 30

// opened is a letter with what its page tells.
type opened struct {
	intake.Letter
	env     intake.Envelope
	content visit.Content
}

// held lists what arrived and waits for a person.
func (p Pages) held(q *kit.Request) error {
	from := q.R.URL.Query().Get("cursor")
	var all []opened
	err := q.Read(func(r *visit.Reader) error {
		letters, err := intake.HeldLetters(q.Context(), r, heldCursor(from), heldPage)
		for _, l := range letters {
			o := opened{Letter: l}
			if _, o.env, o.content, err = l.Open(q.Context(), r); err != nil {
				return err
			}
			all = append(all, o)
		}
		return err
	})
	if err != nil {
		return err
	}
	v := HeldList{Page: q.Page(q.Lang.T("case.held.title"))}
	for _, o := range all {
		row, _, err := heldRow(o, maxHead)
		if err != nil {
			return err
		}
		v.Rows = append(v.Rows, row)
	}
	if n := len(all); n == heldPage {
		v.Next = "/quarantine?cursor=" + url.QueryEscape(strconv.FormatInt(all[n-1].Received.UnixMicro(), 10)+"."+all[n-1].ID)
	}
	if from != "" {
		v.First = "/quarantine"
	}
	return q.Render(http.StatusOK, Quarantine(v))
}

// heldCursor reads where a list goes on; what is none begins anew.
func heldCursor(s string) intake.Page {
	at, letter, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if err != nil || n <= 0 || !id.Valid(letter) {
		return intake.Page{}
	}
	return intake.Page{Before: time.UnixMicro(n).UTC(), ID: letter}
}

// maxHead is how much of a letter is read for its headers.
const maxHead = 64 << 10

// heldRow says a letter in a row, and gives what was read of it.
func heldRow(o opened, limit int64) (HeldRow, []byte, error) {
	row := HeldRow{ID: o.ID, At: o.Received, From: o.env.From, To: o.env.Recipient, Reason: o.Reason, Size: o.Size}
	b, err := bytesOf(o.content, limit)
	if err != nil {
		return row, nil, err
	}
	if m, err := mailmsg.Parse(headOf(b), mailmsg.DefaultLimits()); err == nil {
		row.Subject = m.Subject
	}
	return row, b, nil
}

// headOf cuts a letter where its headers end.
func headOf(b []byte) []byte {
	end := len(b)
	for _, mark := range []string{"\r\n\r\n", "\n\n"} {
		if i := bytes.Index(b[:end], []byte(mark)); i >= 0 {
			end = i + len(mark)
		}
	}
	return b[:end]
}
