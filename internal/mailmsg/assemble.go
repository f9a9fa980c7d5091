package mailmsg

import (
	"bytes"
	"html"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// piece is a stretch of what the letter says, in one or both forms.
type piece struct {
	text, html       string
	hasText, hasHTML bool
}

func (p *parser) assemble(root *part) error {
	pieces, err := p.collect(root, root)
	if err != nil {
		return err
	}
	if len(pieces) == 0 {
		pieces = p.promote(root)
	}
	var text, rich strings.Builder
	anyHTML, allHTML := false, true
	for _, pc := range pieces {
		anyHTML = anyHTML || pc.hasHTML
		allHTML = allHTML && !pc.hasText
	}
	for _, pc := range pieces {
		t := pc.text
		if !pc.hasText {
			t = Text(pc.html)
		}
		appendBlock(&text, t)
		switch {
		case pc.hasHTML:
			rich.WriteString(pc.html)
		case anyHTML && strings.TrimSpace(pc.text) != "":
			rich.WriteString("<pre>" + html.EscapeString(pc.text) + "</pre>")
		}
	}
	p.m.Text = text.String()
	p.m.TextFromHTML = anyHTML && allHTML
	p.m.HTML = rich.String()
	return p.spend(len(p.m.Text))
}

func appendBlock(b *strings.Builder, s string) {
	if s == "" {
		return
	}
	if b.Len() > 0 {
		if !strings.HasSuffix(b.String(), "\n") {
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	b.WriteString(s)
}

func (p *parser) collect(n, root *part) ([]piece, error) {
	if len(n.children) > 0 {
		if n.ctype == "multipart/alternative" {
			return p.alternative(n, root)
		}
		var out []piece
		for _, c := range n.children {
			pcs, err := p.collect(c, root)
			if err != nil {
				return nil, err
			}
			out = append(out, pcs...)
		}
		return out, nil
	}
	if !bodyText(n, root) {
		return nil, p.attach(n, root)
	}
	return p.textPiece(n)
}

// bodyText tells a text that is the letter from one that was sent along.
func bodyText(n, root *part) bool {
	if n.disp == "attachment" {
		return false
	}
	alone := n == root
	switch n.ctype {
	case "text/plain", "text/html":
		return n.filename() == "" || alone
	case "text/calendar", "text/rfc822-headers", "text/x-vcard", "text/vcard":
		return false
	}
	return alone && strings.HasPrefix(n.ctype, "text/")
}

// alternative joins the forms of one text: the first plain one and the last rich one (RFC 2046 5.1.4).
func (p *parser) alternative(n, root *part) ([]piece, error) {
	var out piece
	for _, c := range n.children {
		pcs, err := p.collect(c, root)
		if err != nil {
			return nil, err
		}
		var t, h strings.Builder
		rich := false
		for _, pc := range pcs {
			rich = rich || pc.hasHTML
		}
		for _, pc := range pcs {
			switch {
			case pc.hasHTML:
				h.WriteString(pc.html)
			case rich:
				h.WriteString("<pre>" + html.EscapeString(pc.text) + "</pre>")
			}
			if pc.hasText {
				appendBlock(&t, pc.text)
			}
		}
		if rich {
			out.html, out.hasHTML = h.String(), true
		}
		// An empty plain form beside a rich one is a habit of newsletters, and says nothing.
		if t.Len() > 0 && strings.TrimSpace(t.String()) != "" && (!out.hasText || out.text == "") {
			out.text, out.hasText = t.String(), true
		}
	}
	if !out.hasText && !out.hasHTML {
		return nil, nil
	}
	return []piece{out}, nil
}

func (p *parser) textPiece(n *part) ([]piece, error) {
	b, err := p.decode(n)
	if err != nil {
		return nil, err
	}
	if n.ctype == "text/html" {
		s := p.text(b, n, true)
		return []piece{{html: s, hasHTML: true}}, nil
	}
	if b, err = p.takeUU(b); err != nil {
		return nil, err
	}
	s := p.text(b, n, false)
	if !n.declared && looksHTML([]byte(s)) {
		return []piece{{html: s, hasHTML: true}}, nil
	}
	return []piece{{text: s, hasText: true}}, nil
}

func (p *parser) text(b []byte, n *part, isHTML bool) string {
	cs := n.params["charset"]
	if cs == "" && isHTML {
		cs = metaCharset(b)
	}
	if cs == "" && !utf8.Valid(b) {
		cs = p.charset
	}
	s, problem := toUTF8(b, cs)
	if problem != "" {
		p.m.problem(problem)
	}
	return p.m.cleanText(s)
}

// cleanText makes lines ended by LF, without NUL and other control characters that no text has.
func (m *Message) cleanText(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		m.problem("nul")
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r == 0x7f || r == '\uFEFF':
			return -1
		}
		return r
	}, s)
	return strings.ToValidUTF8(s, "\uFFFD")
}

func metaCharset(b []byte) string {
	head := bytes.ToLower(b[:min(len(b), 4096)])
	i := bytes.Index(head, []byte("charset="))
	if i < 0 || bytes.LastIndex(head[:i], []byte("<meta")) < 0 {
		return ""
	}
	rest := bytes.TrimLeft(head[i+8:], `"' `)
	if j := bytes.IndexAny(rest, `"'> ;/`); j >= 0 {
		return string(rest[:j])
	}
	return ""
}

func looksHTML(b []byte) bool {
	t := bytes.ToLower(bytes.TrimSpace(b[:min(len(b), 1024)]))
	return bytes.HasPrefix(t, []byte("<html")) || bytes.HasPrefix(t, []byte("<!doctype html")) || bytes.HasPrefix(t, []byte("<body"))
}

// takeUU takes files that stand uuencoded within a text out of it.
func (p *parser) takeUU(b []byte) ([]byte, error) {
	var kept []byte
	for range 100 {
		before, name, content, after, ok := cutUU(b)
		if !ok {
			break
		}
		if err := p.spend(len(content)); err != nil {
			return nil, err
		}
		s, _ := toUTF8([]byte(name), "")
		p.m.problem("uuencoded")
		p.m.Attachments = append(p.m.Attachments, Attachment{Name: p.fileName(s, "file"), Type: "application/octet-stream", Content: content})
		kept, b = append(kept, before...), after
	}
	if kept == nil {
		return b, nil
	}
	return append(kept, b...), nil
}

func (p *parser) attach(n, root *part) error {
	b, err := p.decode(n)
	if err != nil {
		return err
	}
	if n != root && len(b) == 0 && n.filename() == "" && !n.declared {
		return nil
	}
	id := strings.Trim(clean(string(n.get("content-id"))), "<> ")
	a := Attachment{Type: clean(n.ctype), ContentID: id, Content: b}
	a.Inline = n.disp == "inline" || n.disp == "" && id != ""
	a.Name = p.fileName(n.filename(), p.defaultName(n, b))
	p.m.Attachments = append(p.m.Attachments, a)
	return nil
}

// promote makes a letter's text of the first text that was sent along unasked, where it has no other.
func (p *parser) promote(root *part) []piece {
	for i, a := range p.m.Attachments {
		if a.Type != "text/plain" && a.Type != "text/html" || len(p.m.Attachments) > 1 && i > 0 {
			continue
		}
		s, _ := toUTF8(a.Content, p.charset)
		s = p.m.cleanText(s)
		p.m.problem("text_attached")
		if a.Type == "text/html" {
			return []piece{{html: s, hasHTML: true}}
		}
		return []piece{{text: s, hasText: true}}
	}
	return nil
}

func (p *parser) defaultName(n *part, content []byte) string {
	if d := clean(p.m.decodeText(n.get("content-description"), "")); d != "" && len(d) < 100 {
		return d + extension(n.ctype)
	}
	if n.ctype == "message/rfc822" {
		in := &parser{m: &Message{}, lim: p.lim}
		if fields, _, err := in.splitHeader(trimLead(content)); err == nil {
			if s := in.m.readSubject(&part{fields: fields}, ""); s != "" {
				return s + ".eml"
			}
		}
	}
	return "file-" + strconv.Itoa(len(p.m.Attachments)+1) + extension(n.ctype)
}

func extension(ctype string) string {
	switch ctype {
	case "message/rfc822", "message/global":
		return ".eml"
	case "text/html":
		return ".html"
	case "text/calendar":
		return ".ics"
	case "text/vcard", "text/x-vcard":
		return ".vcf"
	case "image/jpeg", "image/jpg":
		return ".jpg"
	case "image/png":
		return ".png"
	case "image/gif":
		return ".gif"
	case "application/pdf":
		return ".pdf"
	case "application/ms-tnef":
		return ".dat"
	}
	if strings.HasPrefix(ctype, "text/") || strings.HasPrefix(ctype, "message/") {
		return ".txt"
	}
	return ".bin"
}

// fileName makes a name that is no path: ASVS 5.3.2, never trust a submitted file name.
func (p *parser) fileName(s, otherwise string) string {
	for _, c := range []string{s, otherwise, "file"} {
		c = clean(c)
		if i := strings.LastIndexByte(c, '\\'); i >= 0 {
			c = c[i+1:]
		}
		c = path.Base("/" + strings.ReplaceAll(c, ":", "_"))
		c = strings.Map(bidiOut, c)
		if r := []rune(c); len(r) > 200 {
			ext := []rune(path.Ext(c))
			if len(ext) > 20 {
				ext = nil
			}
			c = string(r[:200-len(ext)]) + string(ext)
		}
		if c = strings.TrimSpace(c); c != "" && c != "/" && c != "." && c != ".." {
			return c
		}
	}
	return "file"
}

// bidiOut drops the marks that turn "exe.fdp" into "pdf.exe" on a screen.
func bidiOut(r rune) rune {
	if r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069' || r == '\u200E' || r == '\u200F' {
		return -1
	}
	return r
}
