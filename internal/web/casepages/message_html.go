package casepages

import (
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"insegel/internal/cases"
	"insegel/internal/fault"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
	"insegel/internal/web/kit"
)

// Bounds of the pictures that stand in a letter's text.
const (
	maxPictures    = 50
	maxPicture     = 5 << 20
	maxAllPictures = 15 << 20
)

// html shows a letter's own HTML, cleaned, for the sandboxed frame. Pictures that came with the letter are put into the page itself:
// a frame with an origin of its own has no session to fetch them with, and must not have one.
func (p Pages) html(q *kit.Request) error {
	n, message, err := messageOf(q)
	if err != nil {
		return err
	}
	var m cases.Message
	pictures := map[string]visit.Content{}
	err = q.Read(func(r *visit.Reader) (err error) {
		if m, err = messageIn(q, r, n, message); err != nil {
			return err
		}
		left := int64(maxAllPictures)
		for _, f := range m.Files {
			if f.ContentID == "" || f.Size > maxPicture || f.Size > left || len(pictures) >= maxPictures || !strings.Contains(m.HTML, bare(f.ContentID)) {
				continue
			}
			_, c, err := cases.Content(q.Context(), r, n, message, f.ID)
			if err != nil {
				return err
			}
			pictures[bare(f.ContentID)] = c
			left -= f.Size
		}
		return nil
	})
	if err != nil {
		return err
	}
	body, err := withPictures(mailmsg.Sanitize(m.HTML), pictures)
	if err != nil {
		return err
	}
	kit.UntrustedFrame(q.W)
	if q.R.Method == http.MethodHead {
		return nil
	}
	_, err = io.WriteString(q.W, `<!doctype html><html lang="`+string(q.Lang)+`"><head><meta charset="utf-8"><title>`+html.EscapeString(m.Subject)+
		`</title><style>`+frameStyle+`</style></head><body>`+body+`</body></html>`)
	return err
}

// frameStyle makes a letter readable whatever it brings: as on paper, in dark surroundings too.
const frameStyle = `body{margin:12px;font:16px/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff;overflow-wrap:anywhere}img{max-width:100%;height:auto}table{max-width:100%}`

func messageIn(q *kit.Request, r *visit.Reader, n int64, message string) (cases.Message, error) {
	t, err := cases.Read(q.Context(), r, n)
	if err != nil {
		return cases.Message{}, err
	}
	i := slices.IndexFunc(t.Messages, func(m cases.Message) bool { return m.ID == message })
	if i < 0 || t.Messages[i].HTML == "" {
		return cases.Message{}, fault.New(fault.NotFound, "fault.not_found")
	}
	r.Object(message)
	return t.Messages[i], nil
}

// withPictures writes the pictures into what Sanitize left. What is no picture that every browser knows stays out, whatever the
// letter called it.
func withPictures(src string, pictures map[string]visit.Content) (string, error) {
	var failed error
	out := regexp.MustCompile(`src="cid:([^"]*)"`).ReplaceAllStringFunc(src, func(attr string) string {
		name := html.UnescapeString(strings.TrimSuffix(strings.TrimPrefix(attr, `src="cid:`), `"`))
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		c, ok := pictures[bare(name)]
		if !ok {
			return ""
		}
		b, err := bytesOf(c, maxPicture)
		if err != nil {
			failed = err
			return ""
		}
		kind := http.DetectContentType(b)
		if !slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, kind) {
			return ""
		}
		return `src="data:` + kind + ";base64," + base64.StdEncoding.EncodeToString(b) + `"`
	})
	return out, failed
}

func bare(contentID string) string { return strings.Trim(contentID, "<> ") }

// bytesOf reads at most limit bytes.
func bytesOf(c visit.Content, limit int64) ([]byte, error) {
	r, err := c.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(io.LimitReader(r, limit))
}
