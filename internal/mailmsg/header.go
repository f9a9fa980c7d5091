package mailmsg

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

type field struct {
	name  string // as written
	key   string // lower case
	value []byte // unfolded, otherwise as written
	own   bool   // value is no longer a piece of the raw message
}

// cutLine takes the first line off b, without its line end.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.TrimSuffix(b, []byte{'\r'}), nil
	}
	return bytes.TrimSuffix(b[:i], []byte{'\r'}), b[i+1:]
}

// splitHeader takes the header off b. What is neither a field nor a folded line ends the header, unless
// fields follow it: then it is noise, or the rest of a line that was broken without folding.
func (p *parser) splitHeader(b []byte) (fields []field, body []byte, err error) {
	start := len(b)
	for len(b) > 0 {
		if start-len(b) > p.lim.HeaderBytes {
			return nil, nil, &LimitError{"header_bytes", p.lim.HeaderBytes}
		}
		line, rest := cutLine(b)
		switch {
		case len(bytes.TrimRight(line, "\r")) == 0:
			return p.checked(fields, rest, start-len(rest))
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) == 0 {
				if len(bytes.TrimSpace(line)) > 0 {
					return fields, b, nil
				}
			} else if len(bytes.TrimSpace(line)) == 0 && !foldGoesOn(rest) {
				// A line of blanks ends a header only where nothing folded or named follows.
				p.m.problem("blank_line_spaces")
				return p.checked(fields, rest, start-len(rest))
			} else {
				fields[len(fields)-1].fold(line)
			}
		default:
			name, value, ok := cutField(line)
			if !ok {
				if !p.mendLine(fields, line, rest) {
					p.m.problem("header_end")
					return p.checked(fields, b, start-len(b))
				}
				break
			}
			if len(fields) >= p.lim.HeaderFields {
				return nil, nil, &LimitError{"header_fields", p.lim.HeaderFields}
			}
			fields = append(fields, field{name: name, key: strings.ToLower(name), value: value})
		}
		b = rest
	}
	return p.checked(fields, nil, start)
}

func (p *parser) checked(fields []field, body []byte, n int) ([]field, []byte, error) {
	if n > p.lim.HeaderBytes {
		return nil, nil, &LimitError{"header_bytes", p.lim.HeaderBytes}
	}
	for i := range fields {
		v := fields[i].value
		if bytes.IndexByte(v, '\r') >= 0 {
			// A bare CR is no line end (RFC 5322 2.2): read as one it would smuggle fields in.
			p.m.problem("bare_cr")
			v = bytes.ReplaceAll(v, []byte{'\r'}, []byte{' '})
		}
		fields[i].value = bytes.TrimSpace(v)
	}
	return fields, body, nil
}

func (f *field) fold(line []byte) {
	if !f.own {
		f.value, f.own = bytes.Clone(f.value), true
	}
	f.value = append(f.value, line...)
}

func cutField(line []byte) (name string, value []byte, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i <= 0 || i > 200 {
		return "", nil, false
	}
	n := bytes.TrimRight(line[:i], " \t")
	for _, c := range n {
		if c <= ' ' || c >= 0x7f {
			return "", nil, false
		}
	}
	if len(n) == 0 || bytes.HasPrefix(n, []byte("--")) {
		return "", nil, false
	}
	return string(n), line[i+1:], true
}

// mendLine deals with a line that is neither field nor fold. True: it was taken into the header.
func (p *parser) mendLine(fields []field, line, rest []byte) bool {
	if len(fields) > 0 && openWord(fields[len(fields)-1].value) && bytes.Contains(line, []byte("?=")) {
		p.m.problem("word_folded")
		fields[len(fields)-1].fold(line)
		return true
	}
	if bytes.HasPrefix(line, []byte("--")) || !headerGoesOn(rest) {
		return false
	}
	p.m.problem("header_noise")
	if len(fields) > 0 && !bytes.HasPrefix(line, []byte("From ")) && !bytes.HasPrefix(line, []byte(">From ")) {
		fields[len(fields)-1].fold(append([]byte{' '}, line...))
	}
	return true
}

// headerGoesOn tells whether a known field stands among the next lines, before a blank one.
func headerGoesOn(b []byte) bool {
	for range 20 {
		line, rest := cutLine(b)
		if len(bytes.TrimSpace(line)) == 0 {
			return false
		}
		if name, _, ok := cutField(line); ok && knownField(strings.ToLower(name)) {
			return true
		}
		b = rest
	}
	return false
}

func foldGoesOn(b []byte) bool {
	line, _ := cutLine(b)
	if len(bytes.TrimSpace(line)) == 0 {
		return false
	}
	name, _, ok := cutField(line)
	return line[0] == ' ' || line[0] == '\t' || ok && knownField(strings.ToLower(name))
}

func knownField(key string) bool {
	switch key {
	case "from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "sender", "mime-version",
		"content-type", "content-transfer-encoding", "content-disposition", "content-id", "received",
		"return-path", "references", "in-reply-to", "delivered-to", "list-id", "auto-submitted",
		"content-description", "x-mailer", "precedence":
		return true
	}
	return strings.HasPrefix(key, "x-") && len(key) > 3
}

// openWord tells whether the value ends within an encoded word.
func openWord(v []byte) bool {
	i := bytes.LastIndex(v, []byte("=?"))
	if i < 0 {
		return false
	}
	q := bytes.SplitN(v[i+2:], []byte("?"), 3)
	return len(q) == 3 && len(q[1]) == 1 && !bytes.Contains(q[2], []byte("?="))
}

// clean makes one line of printable text: no control characters, single spaces where they stood.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			return ' '
		case r == '\uFEFF' || unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
