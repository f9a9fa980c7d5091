package mailmsg

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Text makes readable text of HTML: blocks on lines of their own, lists marked, quotes marked with ">",
// links kept where they say more than their words. Scripts, styles and the head are left out.
func Text(src string) string {
	w := &textWriter{}
	z := html.NewTokenizer(strings.NewReader(src))
	z.SetMaxBuf(1 << 20)
	for {
		switch tt := z.Next(); tt {
		case html.ErrorToken:
			return w.done()
		case html.TextToken:
			if w.skip == 0 {
				w.words(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			w.open(t, tt == html.SelfClosingTagToken)
		case html.EndTagToken:
			w.close(z.Token())
		}
	}
}

type textWriter struct {
	b     strings.Builder
	skip  int  // within what is not shown
	pre   int  // within preformatted text
	quote int  // depth of blockquotes
	fresh bool // the line has text
	space bool // a blank is due before the next word
	lines int  // line ends written since the last text
	link  string
	label int // where the link's words began
}

func hidden(a atom.Atom) bool {
	return a == atom.Script || a == atom.Style || a == atom.Head || a == atom.Title || a == atom.Noscript ||
		a == atom.Template || a == atom.Select || a == atom.Object || a == atom.Svg
}

func block(a atom.Atom) (lines int, ok bool) {
	switch a {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Blockquote, atom.Table, atom.Pre, atom.Hr, atom.Dl:
		return 2, true
	case atom.Div, atom.Tr, atom.Li, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Address, atom.Dt, atom.Dd, atom.Center, atom.Form, atom.Fieldset, atom.Body, atom.Html:
		return 1, true
	}
	return 0, false
}

func (w *textWriter) open(t html.Token, void bool) {
	a := t.DataAtom
	if a == atom.Body {
		w.skip = 0 // a head that was never closed must not hide the letter
	}
	if hidden(a) {
		if !void {
			w.skip++
		}
		return
	}
	if w.skip > 0 {
		return
	}
	if n, ok := block(a); ok {
		w.breakLine(n)
	}
	switch a {
	case atom.Br:
		w.newline()
	case atom.Hr:
		w.words("---")
		w.breakLine(2)
	case atom.Li:
		w.words("- ")
		w.space = false
	case atom.Td, atom.Th:
		w.space = w.fresh
	case atom.Pre:
		w.pre++
	case atom.Blockquote:
		if w.quote < 20 {
			w.quote++
		}
	case atom.Img:
		if alt := attr(t, "alt"); strings.TrimSpace(alt) != "" && len(alt) < 200 {
			w.words("[" + alt + "]")
		}
	case atom.A:
		w.link, w.label = attr(t, "href"), w.b.Len()
	}
}

func (w *textWriter) close(t html.Token) {
	a := t.DataAtom
	if hidden(a) {
		if w.skip > 0 {
			w.skip--
		}
		return
	}
	if w.skip > 0 {
		return
	}
	switch a {
	case atom.Pre:
		w.pre = max(0, w.pre-1)
	case atom.Blockquote:
		w.breakLine(2)
		w.quote = max(0, w.quote-1)
	case atom.A:
		w.closeLink()
	}
	if n, ok := block(a); ok {
		w.breakLine(n)
	}
}

func (w *textWriter) closeLink() {
	href := strings.TrimSpace(w.link)
	w.link = ""
	low := strings.ToLower(href)
	if len(href) > 2000 || !strings.HasPrefix(low, "http://") && !strings.HasPrefix(low, "https://") && !strings.HasPrefix(low, "mailto:") {
		return
	}
	label := strings.TrimSpace(w.b.String()[min(w.label, w.b.Len()):])
	bare := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(low, "mailto:"), "https://"), "http://"), "/")
	if l := strings.ToLower(label); l == "" || strings.Contains(l, bare) {
		return
	}
	w.words(" <" + strings.TrimPrefix(href, "mailto:") + ">")
}

func attr(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (w *textWriter) newline() {
	if w.lines < 2 {
		w.b.WriteByte('\n')
		w.lines++
	}
	w.fresh, w.space = false, false
}

// breakLine makes sure that n line ends stand before what follows.
func (w *textWriter) breakLine(n int) {
	if w.b.Len() == 0 {
		return
	}
	for w.lines < n {
		w.newline()
	}
	w.fresh, w.space = false, false
}

func (w *textWriter) begin() {
	if !w.fresh && w.quote > 0 {
		w.b.WriteString(strings.Repeat(">", w.quote) + " ")
	}
	w.fresh, w.lines = true, 0
}

func (w *textWriter) words(s string) {
	s = strings.ReplaceAll(s, "\u00a0", " ")
	if w.pre > 0 {
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				w.newline()
			}
			if line != "" {
				w.begin()
				w.b.WriteString(line)
			}
		}
		return
	}
	if s == "" {
		return
	}
	lead := strings.ContainsAny(s[:1], " \t\r\n")
	fields := strings.Fields(s)
	if len(fields) == 0 {
		w.space = w.space || w.fresh
		return
	}
	if w.fresh && (lead || w.space) {
		w.b.WriteByte(' ')
	}
	w.begin()
	w.b.WriteString(strings.Join(fields, " "))
	w.space = strings.ContainsAny(s[len(s)-1:], " \t\r\n")
}

func (w *textWriter) done() string {
	s := strings.TrimSpace(w.b.String())
	if s == "" {
		return ""
	}
	return new(Message).cleanText(s) + "\n"
}
