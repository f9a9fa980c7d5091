package kit

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"insegel/internal/fault"
	"insegel/internal/visit"
)

// MaxFiles is how many bytes the files of one form may have together: what most mail servers take in one letter.
const MaxFiles = 25_000_000

const (
	maxFields = 200
	maxTyped  = 2 << 20 // bytes of all that was typed into one form
	maxParts  = 100     // files of one form
)

// Form is what a form brought. Files were spooled as they came, sealed: they are never whole in memory, nor in clear on a disk.
type Form struct {
	url.Values
	Files    []Upload
	TooLarge string // name of the first file over the limit; it was not kept
	skipped  bool   // there were files, and nobody to keep them
}

// Upload is a file that was taken in. It is forgotten when the request ends, unless Kept says that a change took it.
type Upload struct {
	Name, Type string
	Draft      *visit.Draft
}

// Form reads the request's form, whichever way the browser wrote it.
func (q *Request) Form() (*Form, error) {
	f, err := readForm(q.R, func(p *multipart.Part, left int64) (*visit.Draft, error) { return q.Visit.Spool(p, left) })
	if f != nil {
		for _, u := range f.Files {
			q.drafts = append(q.drafts, u.Draft)
		}
	}
	return f, err
}

// Kept says that the form's files are named by a change that is durable.
func (q *Request) Kept() { q.drafts = nil }

type spool func(p *multipart.Part, left int64) (*visit.Draft, error)

func readForm(r *http.Request, keep spool) (*Form, error) {
	f := &Form{Values: url.Values{}}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		if err := r.ParseForm(); err != nil {
			return f, readFault(err)
		}
		f.Values = r.PostForm
		return f, nil
	}
	mr, err := r.MultipartReader()
	if err != nil {
		return f, readFault(err)
	}
	left, room := int64(MaxFiles), int64(maxTyped)
	for n := 0; ; n++ {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, readFault(err)
		}
		if n >= maxFields {
			return f, fault.New(fault.TooLarge, "fault.too_large")
		}
		if part.FileName() == "" {
			room, err = f.field(part, room)
		} else {
			left, err = f.file(part, left, keep)
		}
		if err != nil {
			return f, err
		}
	}
}

func (f *Form) field(p *multipart.Part, room int64) (int64, error) {
	b, err := io.ReadAll(io.LimitReader(p, room+1))
	if err != nil {
		return 0, readFault(err)
	}
	if int64(len(b)) > room {
		return 0, fault.New(fault.TooLarge, "fault.too_large")
	}
	if p.FormName() == "" {
		return room, nil
	}
	f.Add(p.FormName(), string(b))
	return room - int64(len(b)), nil
}

// file takes one file in. One that is too large is read past, so that what was typed still arrives and the answer is heard.
func (f *Form) file(p *multipart.Part, left int64, keep spool) (int64, error) {
	f.skipped = f.skipped || keep == nil
	if keep == nil || len(f.Files) >= maxParts || f.TooLarge != "" {
		if f.TooLarge == "" && keep != nil {
			f.TooLarge = p.FileName()
		}
		_, err := io.Copy(io.Discard, p)
		return left, readFault(err)
	}
	d, err := keep(p, left)
	if err != nil && fault.KindOf(err) == fault.TooLarge {
		f.TooLarge = p.FileName()
		_, err = io.Copy(io.Discard, p)
		return left, readFault(err)
	}
	if err != nil {
		return left, readFault(err)
	}
	kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
	f.Files = append(f.Files, Upload{Name: strings.ToValidUTF8(p.FileName(), "\ufffd"), Type: kind, Draft: d})
	return left - d.Size, nil
}

// readFault tells a body that is too long, or no form, from a fault of our own.
func readFault(err error) error {
	var long *http.MaxBytesError
	var ours *fault.Error
	switch {
	case err == nil || errors.As(err, &ours):
		return err
	case errors.As(err, &long):
		return fault.New(fault.TooLarge, "fault.too_large")
	}
	return fault.Because(err, fault.Invalid, "fault.invalid")
}

// Text gives a field without blanks around it.
func (f *Form) Text(name string) string { return strings.TrimSpace(clean(f.Get(name))) }

// Long gives a text as it was typed, with the line ends that a text has everywhere else.
func (f *Form) Long(name string) string { return strings.ReplaceAll(clean(f.Get(name)), "\r\n", "\n") }

// clean takes out what no database holds: NUL, and bytes that are no text.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "")
}
