package mailmsg

import (
	"strconv"
	"strings"
	"unicode"
)

// CaseMark finds the mark "[#123]" of a case in a subject: the first that holds a plain number. Blanks
// within and full-width forms that Asian programs put in their place do not hide it.
func CaseMark(subject string) (number int64, ok bool) {
	s := foldWidth(subject)
	for {
		i := strings.IndexByte(s, '[')
		if i < 0 {
			return 0, false
		}
		s = s[i+1:]
		j := strings.IndexByte(s, ']')
		if j < 0 {
			return 0, false
		}
		if n, ok := markNumber(s[:j]); ok {
			return n, true
		}
	}
}

func markNumber(s string) (int64, bool) {
	s, ok := strings.CutPrefix(strings.TrimSpace(s), "#")
	if !ok {
		return 0, false
	}
	// A line folded on its way may have a blank within the number.
	s = strings.ReplaceAll(strings.TrimSpace(s), " ", "")
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}

func foldWidth(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '\uFF01' && r <= '\uFF5E':
			return r - 0xFEE0
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200B' || r == '\u00AD' || bidiOut(r) < 0:
			return -1
		}
		return r
	}, s)
}

// StripPrefixes takes "Re:", "Sv:", "VS: Fwd:" and the like off the front, counted forms ("Re[2]:") too.
func StripPrefixes(subject string) string {
	s := strings.TrimSpace(subject)
	for range 50 {
		rest, ok := stripPrefix(s)
		if !ok {
			return s
		}
		s = rest
	}
	return s
}

func stripPrefix(s string) (string, bool) {
	i := strings.IndexAny(s, ":：")
	if i <= 0 || i > 20 {
		return s, false
	}
	word := strings.ToLower(strings.TrimSpace(s[:i]))
	if j := strings.IndexAny(word, "[(^*"); j > 0 {
		if strings.Trim(word[j:], "[]()^*0123456789") != "" {
			return s, false
		}
		word = strings.TrimSpace(word[:j])
	}
	switch word {
	case "re", "sv", "vs", "aw", "antw", "antwort", "ang", "svar", "vb", "vl", "fw", "fwd", "wg", "tr", "rv",
		"rif", "odp", "ynt", "ilt", "doorst", "vidarebefordrat", "fs", "bls", "trs", "回复", "答复", "转发", "返信", "転送":
	default:
		return s, false
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(s[i:], ":"), "：")
	return strings.TrimSpace(rest), true
}

// WithMark puts the mark of a case into a subject, once: behind the answer's prefixes if it has any.
func WithMark(subject string, number int64) string {
	subject = clean(subject)
	if n, ok := CaseMark(subject); ok && n == number {
		return subject
	}
	mark := "[#" + strconv.FormatInt(number, 10) + "]"
	bare := StripPrefixes(subject)
	if bare == "" {
		return strings.TrimSpace(subject + " " + mark)
	}
	prefix := strings.TrimSpace(strings.TrimSuffix(subject, bare))
	return strings.TrimSpace(prefix + " " + mark + " " + bare)
}
