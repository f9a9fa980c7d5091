package mailmsg

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// word is one encoded word (RFC 2047): =?charset?Q?text?=
type word struct {
	charset string
	enc     byte // 'b' or 'q'
	text    []byte
}

// decodeText decodes an unstructured value. Neighbouring words of one charset are decoded together,
// because programs cut characters in two (against RFC 2047 5).
func (m *Message) decodeText(v []byte, bodyCharset string) string {
	if len(v) > maxTextBytes {
		m.problem("header_long")
		v = v[:maxTextBytes]
	}
	s := m.decodeOnce(v, bodyCharset)
	// Some gateways encode what was encoded; only a value that is nothing but one word is taken so.
	if t := strings.TrimSpace(s); strings.HasPrefix(t, "=?") && strings.HasSuffix(t, "?=") && oneWord(t) {
		if again := m.decodeOnce([]byte(t), bodyCharset); again != t {
			m.problem("word_twice")
			return again
		}
	}
	return s
}

func (m *Message) decodeOnce(v []byte, bodyCharset string) string {
	var out strings.Builder
	var run []word
	flush := func() {
		if len(run) > 0 {
			out.WriteString(m.decodeRun(run))
			run = run[:0]
		}
	}
	for len(v) > 0 {
		i := bytes.Index(v, []byte("=?"))
		if i < 0 {
			break
		}
		w, n, ok := cutWord(v[i:])
		if !ok {
			flush()
			out.WriteString(m.decode8bit(v[:i+2], bodyCharset))
			v = v[i+2:]
			continue
		}
		// RFC 2047 6.2: white space between two words is not text.
		if len(bytes.TrimSpace(v[:i])) > 0 || len(run) == 0 {
			flush()
			out.WriteString(m.decode8bit(v[:i], bodyCharset))
		}
		run = append(run, w)
		v = v[i+n:]
	}
	flush()
	out.WriteString(m.decode8bit(v, bodyCharset))
	return out.String()
}

// cutWord reads the encoded word at the start of b, however broken, and tells its length.
func cutWord(b []byte) (w word, n int, ok bool) {
	i := bytes.IndexByte(b[2:], '?')
	if i < 0 || i > 60 || bytes.ContainsAny(b[2:2+i], " \t=<>@\"(),;") {
		return w, 0, false
	}
	rest := b[2+i+1:]
	if len(rest) < 2 || rest[1] != '?' {
		return w, 0, false
	}
	w.charset = string(b[2 : 2+i])
	w.enc = rest[0] | 0x20
	if w.enc != 'b' && w.enc != 'q' {
		return w, 0, false
	}
	text := rest[2:]
	end, skip := wordEnd(text, w.enc)
	w.text = text[:end]
	return w, len(b) - len(text) + end + skip, true
}

// wordEnd finds where a word's text ends: at "?=", at the start of another word where the end was
// forgotten, else at the end of everything.
func wordEnd(text []byte, enc byte) (end, skip int) {
	from := 0
	for {
		i := bytes.Index(text[from:], []byte("?="))
		if i < 0 {
			break
		}
		i += from
		// "?=C3": a question mark that was not encoded, before a byte that was.
		if enc == 'q' && i+4 <= len(text) && isHex(text[i+2]) && isHex(text[i+3]) && endsLater(text[i+2:]) {
			from = i + 2
			continue
		}
		if j := nextWord(text[:i]); j >= 0 {
			return j, 0
		}
		return i, 2
	}
	if j := nextWord(text); j >= 0 {
		return j, 0
	}
	if enc == 'b' {
		for j, c := range text {
			if !isBase64(c) && c != '=' && c != ' ' && c != '\t' {
				return j, 0
			}
		}
	}
	return len(text), 0
}

func endsLater(b []byte) bool {
	i := bytes.Index(b, []byte("?="))
	j := bytes.Index(b, []byte("=?"))
	return i >= 0 && (j < 0 || i < j)
}

// nextWord finds the start of another encoded word within b.
func nextWord(b []byte) int {
	j := bytes.Index(b, []byte("=?"))
	if j < 0 {
		return -1
	}
	q := bytes.SplitN(b[j+2:], []byte{'?'}, 3)
	if len(q) == 3 && len(q[1]) == 1 && len(q[0]) > 0 && len(q[0]) < 40 && !bytes.ContainsAny(q[0], " \t=") {
		return j
	}
	return -1
}

func (m *Message) decodeRun(run []word) string {
	var out strings.Builder
	for len(run) > 0 {
		n := 1
		for n < len(run) && strings.EqualFold(run[n].charset, run[0].charset) {
			n++
		}
		s, problem := toUTF8(wordBytes(run[:n]), run[0].charset)
		if problem != "" && problem != "charset_guessed" {
			m.problem(problem)
		}
		out.WriteString(s)
		run = run[n:]
	}
	return out.String()
}

func wordBytes(run []word) []byte {
	var out []byte
	for i := 0; i < len(run); i++ {
		if run[i].enc == 'q' {
			out = append(out, qBytes(run[i].text)...)
			continue
		}
		text := run[i].text
		// A base64 text cut anywhere but between groups of four goes on in the next word.
		for len(stripSpace(text))%4 != 0 && !bytes.HasSuffix(text, []byte{'='}) && i+1 < len(run) && run[i+1].enc == 'b' {
			i++
			text = append(text[:len(text):len(text)], run[i].text...)
		}
		out = append(out, decodeBase64(text)...)
	}
	return out
}

func stripSpace(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, b)
}

func qBytes(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '_':
			out = append(out, ' ')
		case b[i] == '=' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]):
			out = append(out, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// decode8bit reads bytes that should have been encoded and were not. They are UTF-8 if they can be
// (RFC 6532), else most likely in the charset of the body.
func (m *Message) decode8bit(v []byte, bodyCharset string) string {
	if len(v) == 0 {
		return ""
	}
	if isASCII(v) && !looksJIS(v) {
		return string(v)
	}
	if utf8.Valid(v) && !looksJIS(v) {
		return string(v)
	}
	m.problem("header_8bit")
	if cs := charsetLabel(bodyCharset); cs != "" && cs != "utf-8" && cs != "us-ascii" && !looksJIS(v) {
		s, _ := toUTF8(v, cs)
		return s
	}
	s, _ := undeclared(v)
	return s
}

func oneWord(s string) bool {
	_, n, ok := cutWord([]byte(s))
	return ok && n == len(s)
}
