package mailmsg

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
)

// readParams reads "value; name=value; name*0*=…" as forgivingly as it can be read (RFC 2045 5.1, 2231).
// Names are lower case; values are decoded.
func (m *Message) readParams(v []byte, bodyCharset string) (value string, params map[string]string) {
	s := m.decode8bit(v, bodyCharset)
	end := strings.IndexByte(s, ';')
	if end < 0 {
		end = len(s)
	}
	value, rest := s[:end], s[end:]
	// "text/plain charset=utf-8": the semicolon was forgotten.
	if i := strings.IndexByte(value, '='); i >= 0 {
		if j := strings.LastIndexAny(strings.TrimRight(value[:i], " \t"), " \t"); j > 0 {
			rest = ";" + value[j:] + rest
			value = value[:j]
		} else {
			rest, value = ";"+value+rest, ""
		}
	}
	value = strings.ToLower(stripComments(value))
	value = strings.Trim(strings.Join(strings.Fields(value), ""), `"',`)
	return value, m.joinParams(cutParams(rest), bodyCharset)
}

func stripComments(s string) string {
	for range 10 {
		i := strings.IndexByte(s, '(')
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], ')')
		if j < 0 {
			return s[:i]
		}
		s = s[:i] + s[i+j+1:]
	}
	return s
}

type param struct{ name, value string }

func cutParams(s string) []param {
	var out []param
	for len(s) > 0 && len(out) < 200 {
		s = strings.TrimLeft(s, "; \t")
		i := strings.IndexAny(s, "=;")
		if i < 0 {
			break
		}
		if s[i] == ';' {
			s = s[i+1:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:i]))
		if j := strings.LastIndexAny(name, " \t)"); j >= 0 {
			name = name[j+1:]
		}
		var val string
		val, s = cutParamValue(strings.TrimLeft(s[i+1:], " \t"))
		out = append(out, param{name, val})
	}
	return out
}

func cutParamValue(s string) (val, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ';')
		if end < 0 {
			end = len(s)
		}
		return strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '"' && quoteEnds(s[i+1:]):
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

// quoteEnds tells a closing quote from one that the sender forgot to escape: a parameter, a comment or
// nothing follows it.
func quoteEnds(rest string) bool {
	t := strings.TrimLeft(rest, " \t")
	if t == "" || t[0] == ';' || t[0] == '(' {
		return true
	}
	if len(t) == len(rest) {
		return false
	}
	i := strings.IndexByte(t, '=')
	return i > 0 && !strings.ContainsAny(t[:i], " \t\"")
}

func (m *Message) joinParams(in []param, bodyCharset string) map[string]string {
	out := map[string]string{}
	type piece struct {
		n       int
		encoded bool
		value   string
	}
	pieces := map[string][]piece{}
	for _, p := range in {
		base, star, found := strings.Cut(p.name, "*")
		if !found {
			if _, dup := out[base]; !dup {
				out[base] = clean(m.decodeText([]byte(p.value), bodyCharset))
			}
			continue
		}
		num, encoded := strings.CutSuffix(star, "*")
		n := 0
		if star == "" {
			encoded = true
		} else if num != "" {
			if v, err := strconv.Atoi(num); err == nil {
				n = v
			}
		}
		pieces[base] = append(pieces[base], piece{n, encoded, p.value})
	}
	for base, list := range pieces {
		sort.SliceStable(list, func(i, j int) bool { return list[i].n < list[j].n })
		var buf bytes.Buffer
		charset := ""
		for i, pc := range list {
			v := pc.value
			if i == 0 && (pc.encoded || strings.Count(v, "'") == 2) {
				if parts := strings.SplitN(v, "'", 3); len(parts) == 3 {
					charset, v = parts[0], parts[2]
					pc.encoded = true
				}
			}
			if pc.encoded {
				buf.Write(unpercent(v))
			} else {
				buf.WriteString(v)
			}
		}
		s, _ := toUTF8(buf.Bytes(), charset)
		// Some programs continue an encoded word over numbered parameters.
		if strings.Contains(s, "=?") {
			s = m.decodeText([]byte(s), bodyCharset)
		}
		if s = clean(s); s != "" {
			out[base] = s
		}
	}
	return out
}

func unpercent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}
