package mailmsg

import (
	"bytes"
	"strings"
)

// decodeBase64 decodes what it can: strange characters are passed over, missing padding is supplied,
// and what stands on the lines after a padded end goes on (several encodings pasted together).
func decodeBase64(b []byte) []byte {
	out := make([]byte, 0, len(b)/4*3+3)
	var acc uint32
	n := 0
	flush := func() {
		switch n {
		case 2:
			out = append(out, byte(acc>>4)) // #nosec G115 -- one byte at a time is meant
		case 3:
			out = append(out, byte(acc>>10), byte(acc>>2)) // #nosec G115 -- one byte at a time is meant
		}
		acc, n = 0, 0
	}
	ended := false
	for _, c := range b {
		var v uint32
		switch {
		case c == '\n':
			ended = false
			continue
		case ended:
			continue
		case c >= 'A' && c <= 'Z':
			v = uint32(c - 'A')
		case c >= 'a' && c <= 'z':
			v = uint32(c-'a') + 26
		case c >= '0' && c <= '9':
			v = uint32(c-'0') + 52
		case c == '+' || c == '-':
			v = 62
		case c == '/' || c == '_':
			v = 63
		case c == '=':
			flush()
			ended = true
			continue
		default:
			continue
		}
		acc = acc<<6 | v
		if n++; n == 4 {
			out = append(out, byte(acc>>16), byte(acc>>8), byte(acc))
			acc, n = 0, 0
		}
	}
	flush()
	return out
}

// notBase64 tells a text that only says it is base64.
func notBase64(b []byte) bool {
	sample := b[:min(len(b), 4096)]
	bad := 0
	for _, c := range sample {
		if !isBase64(c) && c != '=' && c != '\r' && c != '\n' && c != ' ' && c != '\t' && c != '-' && c != '_' {
			bad++
		}
	}
	words := bytes.Count(bytes.TrimSpace(sample), []byte{' '})
	return len(sample) > 0 && (bad*20 > len(sample) || words*8 > len(sample))
}

// decodeQuoted decodes quoted-printable (RFC 2045 6.7); what cannot be an escape is kept as text.
func decodeQuoted(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		line, end := b, []byte(nil)
		if i >= 0 {
			line, end = b[:i], b[i:i+1]
			b = b[i+1:]
			if l, ok := bytes.CutSuffix(line, []byte{'\r'}); ok {
				line, end = l, []byte("\r\n")
			}
		} else {
			b = nil
		}
		// Rule 3: white space at the end of a line was added on the way.
		line = bytes.TrimRight(line, " \t")
		soft := false
		if l, ok := bytes.CutSuffix(line, []byte{'='}); ok {
			line, soft = l, true
		}
		for j := 0; j < len(line); j++ {
			if line[j] == '=' && j+2 < len(line) && isHex(line[j+1]) && isHex(line[j+2]) {
				out = append(out, unhex(line[j+1])<<4|unhex(line[j+2]))
				j += 2
				continue
			}
			out = append(out, line[j])
		}
		if !soft {
			out = append(out, end...)
		}
	}
	return out
}

// transferEncoding gives "base64", "quoted-printable", "uuencode" or "" for everything that is itself.
func transferEncoding(v string) string {
	v = strings.ToLower(v)
	switch {
	case strings.Contains(v, "base64") || strings.Contains(v, "base-64"):
		return "base64"
	case strings.Contains(v, "quoted"):
		return "quoted-printable"
	case strings.Contains(v, "uue") || strings.Contains(v, "x-uu"):
		return "uuencode"
	}
	return ""
}

// cutUU takes the first uuencoded file out of a text: "begin 644 name" to "end".
func cutUU(text []byte) (before []byte, name string, content, after []byte, ok bool) {
	off := 0
	for off < len(text) {
		line, rest := cutLine(text[off:])
		if n, isBegin := uuBegin(line); isBegin {
			if content, after, ok = uuLines(rest); ok {
				return text[:off], n, content, after, true
			}
		}
		off = len(text) - len(rest)
	}
	return nil, "", nil, nil, false
}

func uuBegin(line []byte) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin "))
	if !ok || len(rest) < 5 {
		return "", false
	}
	i := bytes.IndexByte(rest, ' ')
	if i != 3 && i != 4 {
		return "", false
	}
	for _, c := range rest[:i] {
		if c < '0' || c > '7' {
			return "", false
		}
	}
	return string(bytes.TrimSpace(rest[i:])), true
}

func uuLines(b []byte) (content, after []byte, ok bool) {
	for len(b) > 0 {
		line, rest := cutLine(b)
		line = bytes.TrimRight(line, " ")
		b = rest
		if bytes.Equal(line, []byte("end")) {
			return content, b, true
		}
		if len(line) == 0 || line[0] == '`' {
			continue
		}
		n := int(line[0]-' ') & 63
		need := (n + 2) / 3 * 4
		if line[0] < ' ' || line[0] > '`' || len(line)-1 > need+2 || len(line)-1 < (n*4+2)/3-4 {
			return nil, nil, false
		}
		content = append(content, uuLine(line[1:], n)...)
	}
	return nil, nil, false
}

func uuLine(s []byte, n int) []byte {
	at := func(i int) byte {
		if i < len(s) {
			return (s[i] - ' ') & 63
		}
		return 0
	}
	out := make([]byte, 0, n+3)
	for i := 0; len(out) < n; i += 4 {
		a, b, c, d := at(i), at(i+1), at(i+2), at(i+3)
		out = append(out, a<<2|b>>4, b<<4|c>>2, c<<6|d)
	}
	return out[:n]
}
