package api

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/cases"
	"insegel/internal/visit"
)

type fileIn struct {
	CasePath
	Message string `path:"message"`
	File    string `path:"file"`
}

type originalIn struct {
	CasePath
	Message string `path:"message"`
}

// readFile gives the bytes of a file.
func (s *server) readFile(ctx context.Context, c *call, in *fileIn) (*huma.StreamResponse, error) {
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	return s.download(ctx, c, func(r *visit.Reader) (download, error) {
		f, b, err := cases.Content(ctx, r, n, in.Message, in.File)
		return download{name: f.Name, kind: harmless(f.Type), content: b}, err
	})
}

// readOriginal gives a letter as it arrived.
func (s *server) readOriginal(ctx context.Context, c *call, in *originalIn) (*huma.StreamResponse, error) {
	n, err := in.number()
	if err != nil {
		return nil, err
	}
	return s.download(ctx, c, func(r *visit.Reader) (download, error) {
		b, err := cases.Original(ctx, r, n, in.Message)
		return letter("case-"+in.Number, b), err
	})
}

// letter is a whole letter, to be saved and not shown.
func letter(name string, b visit.Content) download {
	return download{name: name + ".eml", kind: "message/rfc822", content: b}
}

// download is bytes that somebody outside wrote.
type download struct {
	name    string
	kind    string
	content visit.Content
}

// download reads what is asked for, and sends it after the record of it is durable. A browser saves it and shows none of it.
func (s *server) download(ctx context.Context, c *call, find func(*visit.Reader) (download, error)) (*huma.StreamResponse, error) {
	d, err := visit.View(ctx, c.v, find)
	if err != nil {
		return nil, err
	}
	body, err := d.content.Reader()
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(huma.Context) {
		defer func() { _ = body.Close() }()
		h := c.w.Header()
		h.Set("Content-Type", d.kind)
		h.Set("Content-Length", strconv.FormatInt(d.content.Size, 10))
		h.Set("Content-Disposition", attachment(d.name))
		h.Del("Content-Language")
		h.Del("Vary")
		c.w.WriteHeader(http.StatusOK)
		if c.r.Method != http.MethodHead {
			s.send(c, body)
		}
	}}, nil
}

// send streams. Where the sealed bytes turn out to be damaged the connection is cut, so that half a file is not taken for one.
func (s *server) send(c *call, body io.Reader) {
	late := time.AfterFunc(s.c.Limits.SendTime, func() { _ = http.NewResponseController(c.w).SetWriteDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	a, _ := c.w.(*answer)
	if _, err := io.Copy(until{a}, body); err != nil {
		if a.gone == nil {
			s.c.Logger.Error("download cut", "tenant", c.v.Tenant(), "route", c.r.Pattern, "err", err)
		}
		panic(http.ErrAbortHandler)
	}
}

// until writes as long as somebody listens.
type until struct{ a *answer }

func (u until) Write(b []byte) (int, error) {
	n, _ := u.a.Write(b)
	return n, u.a.gone
}

// harmless gives the declared type where it is one that can do nothing, else bytes. Everything is saved, never shown, but
// programs believe a type.
func harmless(declared string) string {
	kind, _, err := mime.ParseMediaType(declared)
	if err != nil || !slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain", "text/csv"}, kind) {
		return "application/octet-stream"
	}
	if strings.HasPrefix(kind, "text/") {
		return kind + "; charset=utf-8"
	}
	return kind
}

// attachment names a file that is to be saved (RFC 6266 4.3): in ASCII for old programs, and whole (RFC 8187). No path, no
// control and no direction mark gets through: a name must not look like another.
func attachment(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), strings.ContainsRune(`/\:*?"<>|`, r), r == unicode.ReplacementChar:
			return '_'
		}
		return r
	}, name)
	if name = strings.Trim(name, ". "); name == "" {
		name = "file"
	}
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '%' || r == ';' {
			return '_'
		}
		return r
	}, name)
	return `attachment; filename="` + ascii + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}
