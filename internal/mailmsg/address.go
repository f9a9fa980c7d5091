package mailmsg

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Address is one correspondent. Mail may hold what is no address at all ("MAILER-DAEMON"): see Usable.
type Address struct {
	Name string
	Mail string
}

// Usable tells whether a letter could be sent there.
func (a Address) Usable() bool {
	local, domain, ok := cutAt(a.Mail)
	if !ok || local == "" || domain == "" || len(a.Mail) > 320 || len(local) > 64*4 {
		return false
	}
	if strings.ContainsAny(a.Mail, "\r\n\x00<>") || strings.ContainsAny(domain, " \t\"(),;") {
		return false
	}
	if strings.ContainsAny(local, " \t()<>,;:[]\\@\"") && !strings.HasPrefix(local, `"`) {
		return false
	}
	return domain[0] != '.' && !strings.Contains(domain, "..") && domain[0] != '-'
}

func (a Address) String() string {
	if a.Name == "" {
		return a.Mail
	}
	return a.Name + " <" + a.Mail + ">"
}

// cutAt splits an address at its last @ (a quoted local part may hold others).
func cutAt(s string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// ParseAddress reads one address with or without a name. ok tells whether it is usable.
func ParseAddress(s string) (Address, bool) {
	list := ParseAddressList(s)
	if len(list) == 0 {
		return Address{}, false
	}
	list = usableFirst(list)
	return list[0], list[0].Usable()
}

// ParseAddressList reads what stands in From, To or Cc, however it is written.
func ParseAddressList(s string) []Address {
	return new(Message).addressList([]byte(s), "")
}

// NormalizeAddress gives the form in which addresses are looked up and compared: trimmed, the local part
// in lower case, the domain in lower case and its ASCII form (RFC 5891). "" where s is no address.
func NormalizeAddress(s string) string {
	a, ok := ParseAddress(s)
	if !ok {
		return ""
	}
	local, domain, _ := cutAt(a.Mail)
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	if !strings.HasPrefix(domain, "[") {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err == nil && ascii != "" {
			domain = ascii
		} else if !isASCII([]byte(domain)) {
			return ""
		}
	}
	if domain == "" {
		return ""
	}
	return strings.ToLower(local) + "@" + domain
}

func (m *Message) addressList(v []byte, cs string) []Address {
	if len(v) > maxAddressBytes {
		m.problem("addresses_many")
		v = v[:maxAddressBytes]
	}
	items := joinNames(splitAddresses(m.decode8bit(v, cs)))
	var out []Address
	for _, it := range items {
		if a, ok := m.oneAddress(it, cs); ok && len(out) < maxAddresses {
			out = append(out, a)
		}
	}
	return out
}

// splitAddresses cuts a list at its commas and semicolons, but not within quotes, comments, angle
// brackets and encoded words; a group's name and colon are dropped.
func splitAddresses(s string) []string {
	var out []string
	start, depth, angle, begun := 0, 0, false, false // begun: an address stands before the colon
	// Looked up once: a search from each bracket would cost the square of the field.
	lastParen, lastAngle := strings.LastIndexByte(s, ')'), strings.LastIndexByte(s, '>')
	group := groupFinder(s)
	cut := func(i int) {
		if t := strings.TrimSpace(s[start:i]); t != "" {
			out = append(out, t)
		}
		start, begun = i+1, false
	}
	for i := 0; i < len(s) && len(out) < 4*maxAddresses; i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"' && depth == 0:
			if j := closeQuote(s[i+1:]); j >= 0 {
				i += j + 1
			}
		case c == '=' && strings.HasPrefix(s[i:], "=?"):
			if _, n, ok := cutWord([]byte(s[i:min(len(s), i+4000)])); ok && n > 2 {
				i += n - 1
			}
		case c == '(' && i < lastParen:
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '<' && i < lastAngle:
			angle, begun = true, true
		case c == '>':
			angle = false
		case angle:
		case c == ',' || c == ';':
			cut(i)
		case c == ':' && !begun && group(i):
			start = i + 1
		case c == '@' || c == '<' || c == '[':
			begun = true
		}
	}
	cut(len(s))
	return out
}

func closeQuote(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		} else if s[i] == '"' {
			return i
		}
	}
	return -1
}

// groupFinder tells the colon of a group ("Friends: a@b, c@d;") from one in a name, by what follows it.
func groupFinder(s string) func(colon int) bool {
	semi, at, open := strings.LastIndexByte(s, ';'), strings.LastIndexByte(s, '@'), strings.LastIndexByte(s, '<')
	end := len(strings.TrimRight(s, " \t"))
	return func(i int) bool { return i+1 >= end || semi > i || at > i && open <= i }
}

// joinNames mends "Smith, John <a@b>" written without quotes.
func joinNames(items []string) []string {
	var out []string
	pending := ""
	for _, it := range items {
		if !strings.ContainsAny(it, "@<") && !strings.Contains(it, "=?") && !strings.HasPrefix(it, `"`) && len(it) < 80 {
			if pending != "" {
				it = pending + ", " + it
			}
			pending = it
			continue
		}
		if i := strings.IndexByte(it, '<'); pending != "" && i > 0 && !strings.HasPrefix(it, `"`) {
			it = pending + ", " + it
		} else if pending != "" {
			out = append(out, pending)
		}
		pending = ""
		out = append(out, it)
	}
	if pending != "" {
		out = append(out, pending)
	}
	return out
}

func (m *Message) oneAddress(s, cs string) (Address, bool) {
	name, addr, comment := cutAngle(s)
	if addr == "" && !strings.Contains(s, "<") {
		name, addr = bareAddress(name)
	}
	a := Address{Name: m.phrase(name, cs), Mail: m.mailbox(addr, cs)}
	if a.Name == "" {
		a.Name = m.phrase(comment, cs)
	}
	// An encoded word that holds the whole address (forbidden by RFC 2047 5, and common).
	if !strings.Contains(a.Mail, "@") && strings.Contains(a.Name, "@") && strings.Contains(s, "=?") {
		if n, ad, _ := cutAngle(a.Name); ad != "" {
			m.problem("address_encoded")
			return Address{Name: m.phrase(n, cs), Mail: m.mailbox(ad, cs)}, true
		}
		if n, ad := bareAddress(a.Name); strings.Contains(ad, "@") {
			m.problem("address_encoded")
			return Address{Name: n, Mail: m.mailbox(ad, cs)}, true
		}
	}
	if a.Name == a.Mail {
		a.Name = ""
	}
	return a, a.Name != "" || a.Mail != ""
}

// cutAngle takes "name <addr> (comment)" apart. The last angle bracket outside quotes counts.
func cutAngle(s string) (name, addr, comment string) {
	s, comment = takeComments(s)
	open := -1
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			if j := closeQuote(s[i+1:]); j >= 0 {
				i += j + 1
			}
		case strings.HasPrefix(s[i:], "=?"):
			if _, n, ok := cutWord([]byte(s[i:min(len(s), i+4000)])); ok && n > 2 {
				i += n - 1
			}
		case s[i] == '<':
			open = i
		}
	}
	if open < 0 {
		return s, "", comment
	}
	end := strings.LastIndexByte(s[open:], '>')
	addr = s[open+1:]
	if end > 0 {
		addr = s[open+1 : open+end]
	}
	return strings.TrimRight(strings.TrimSpace(s[:open]), "<"), strings.TrimSpace(addr), comment
}

// takeComments takes "(…)" out of s, but not out of quotes and encoded words.
func takeComments(s string) (rest, comment string) {
	var b, c strings.Builder
	depth, last := 0, strings.LastIndexByte(s, ')')
	for i := 0; i < len(s); i++ {
		switch {
		case depth == 0 && s[i] == '"':
			if j := closeQuote(s[i+1:]); j >= 0 {
				b.WriteString(s[i : i+j+2])
				i += j + 1
				continue
			}
			b.WriteByte(s[i])
		case depth == 0 && strings.HasPrefix(s[i:], "=?"):
			if _, n, ok := cutWord([]byte(s[i:min(len(s), i+4000)])); ok && n > 2 {
				b.WriteString(s[i : i+n])
				i += n - 1
				continue
			}
			b.WriteByte(s[i])
		case s[i] == '\\' && depth > 0 && i+1 < len(s):
			i++
			c.WriteByte(s[i])
		case s[i] == '(' && (depth > 0 || i < last):
			if depth++; depth > 1 {
				c.WriteByte('(')
			}
		case s[i] == ')' && depth > 0:
			if depth--; depth > 0 {
				c.WriteByte(')')
			} else {
				c.WriteByte(' ')
			}
		case depth > 0:
			c.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return strings.TrimSpace(b.String()), strings.TrimSpace(c.String())
}

// bareAddress finds the address in a text without angle brackets: "Test test@example.com".
func bareAddress(s string) (name, addr string) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "@") {
		// One bare word may be a local user: kept, though nobody can answer it.
		if s != "" && !strings.ContainsAny(s, " \t\"") && !strings.HasPrefix(s, "=?") {
			return "", s
		}
		return s, ""
	}
	if strings.HasPrefix(s, `"`) {
		if j := closeQuote(s[1:]); j >= 0 && strings.TrimSpace(s[j+2:]) == "" {
			return "", s[1 : j+1]
		} else if j >= 0 && strings.HasPrefix(s[j+2:], "@") {
			return "", s
		}
	}
	words := strings.Fields(squeeze(s))
	for i, w := range words {
		if strings.Trim(w, "@") == "" { // "user @ example.com"
			return "", strings.Join(words, "")
		}
		if j := strings.IndexByte(w, '@'); j > 0 && j < len(w)-1 {
			rest := append(append([]string{}, words[:i]...), words[i+1:]...)
			return strings.Join(rest, " "), w
		}
	}
	return "", s
}

// phrase decodes a display name: quotes off, escapes undone, encoded words read even within quotes.
func (m *Message) phrase(s, cs string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
		case s[i] == '\\' && i+1 < len(s) && s[i+1] < utf8.RuneSelf:
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	name := clean(m.decodeText([]byte(b.String()), cs))
	name = strings.Map(bidiOut, name)
	if t := strings.Trim(name, `"'`); t != "" {
		name = strings.TrimSpace(t)
	}
	if r := []rune(name); len(r) > 500 {
		name = string(r[:500])
	}
	return name
}

func (m *Message) mailbox(s, cs string) string {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "=?") {
		s = strings.TrimSpace(m.decodeText([]byte(s), cs))
		s = strings.Trim(s, "<>")
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	// RFC 5322 4.4: a source route is read and ignored.
	if strings.HasPrefix(s, "@") {
		if i := strings.IndexByte(s, ':'); i >= 0 {
			s = s[i+1:]
		}
	}
	s = strings.Map(bidiOut, clean(s))
	s = strings.TrimSuffix(strings.Trim(s, "'<>,; "), ".")
	if local, domain, ok := cutAt(s); ok {
		s = squeeze(local) + "@" + squeeze(domain)
	}
	return s
}

// squeeze takes out the blanks that RFC 822 allowed around dots and @.
func squeeze(s string) string {
	words := strings.Fields(s)
	var b strings.Builder
	for i, w := range words {
		if i > 0 && w[0] != '.' && !strings.HasSuffix(words[i-1], ".") {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String()
}
