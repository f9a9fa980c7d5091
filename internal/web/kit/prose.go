package kit

import (
	"net/url"
	"strings"
)

// span is a piece of running text: words, or an address that can be followed.
type span struct {
	text string
	href string // empty for words
}

// maxLinks bounds how many addresses of one text become links; the rest stay words.
const maxLinks = 200

// spans finds the web addresses in a text that a stranger wrote. Joined again, the pieces are the text
// to the last byte; what is shown is always what is followed, so no link can pretend.
func spans(text string) []span {
	var out []span
	start, links := 0, 0
	for at := 0; at < len(text) && links < maxLinks; {
		i := strings.Index(text[at:], "http")
		if i < 0 {
			break
		}
		at += i
		end := address(text[at:])
		if end == 0 || (at > 0 && isWord(text[at-1])) {
			at += len("http")
			continue
		}
		if at > start {
			out = append(out, span{text: text[start:at]})
		}
		out = append(out, span{text: text[at : at+end], href: text[at : at+end]})
		at += end
		start = at
		links++
	}
	if start < len(text) {
		out = append(out, span{text: text[start:]})
	}
	return out
}

// address gives the length of the web address that s begins with, 0 where it is none. A full stop or a
// bracket at the end belongs to the sentence.
func address(s string) int {
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		return 0
	}
	end := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == '"' || r == '`' || r == '|' || r == 0xfffd || isBidi(r) || r == 0xa0
	})
	if end < 0 {
		end = len(s)
	}
	s = strings.TrimRight(s[:end], ".,;:!?'")
	for strings.HasSuffix(s, ")") && strings.Count(s, ")") > strings.Count(s, "(") {
		s = strings.TrimRight(s[:len(s)-1], ".,;:!?'")
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || len(s) > 2000 {
		return 0
	}
	return len(s)
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
