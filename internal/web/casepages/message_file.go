package casepages

import (
	"insegel/internal/cases"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// file gives a file of a message, to be saved.
func (p Pages) file(q *kit.Request) error {
	n, message, err := messageOf(q)
	if err != nil {
		return err
	}
	fileID, err := q.ID("file")
	if err != nil {
		return err
	}
	var f cases.File
	var c visit.Content
	err = q.Read(func(r *visit.Reader) (err error) {
		f, c, err = cases.Content(q.Context(), r, n, message, fileID)
		return err
	})
	if err != nil {
		return err
	}
	return q.Send(c, f.Name)
}

// original gives a letter's bytes as they arrived, to be saved.
func (p Pages) original(q *kit.Request) error {
	n, message, err := messageOf(q)
	if err != nil {
		return err
	}
	var c visit.Content
	err = q.Read(func(r *visit.Reader) (err error) {
		c, err = cases.Original(q.Context(), r, n, message)
		return err
	})
	if err != nil {
		return err
	}
	return q.Send(c, number(n)+"-"+message+".eml")
}

// messageOf reads which message of which case the path names.
func messageOf(q *kit.Request) (n int64, message string, err error) {
	if n, err = q.Number("number"); err != nil {
		return 0, "", err
	}
	message, err = q.ID("message")
	return n, message, err
}
