package smtpd

import (
	"strconv"
	"strings"
)

// refusal is an answer to a command that cannot be as it is.
type refusal struct {
	code           int
	enhanced, text string
}

type mailArgs struct {
	path     string
	size     int64
	utf8     bool
	eightBit bool
}

// parseMail reads "FROM:<path> params" (RFC 5321 4.1.1.2).
func parseMail(arg string) (mailArgs, *refusal) {
	var m mailArgs
	path, rest, bad := parsePath(arg, "FROM:")
	if bad != nil {
		return m, bad
	}
	for _, p := range strings.Fields(rest) {
		if bad := m.param(p); bad != nil {
			return m, bad
		}
	}
	if path != "" {
		if bad := checkMailbox(path, m.utf8, "5.1.7"); bad != nil {
			return m, bad
		}
	}
	m.path = path
	return m, nil
}

func (m *mailArgs) param(p string) *refusal {
	key, value, has := strings.Cut(p, "=")
	switch strings.ToUpper(key) {
	case "SIZE": // RFC 1870
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil && !strings.Contains(err.Error(), "out of range") {
			return &refusal{501, "5.5.4", "SIZE needs a number"}
		}
		m.size = int64(min(n, 1<<62)) // #nosec G115 -- bounded one step before
	case "BODY": // RFC 6152
		switch strings.ToUpper(value) {
		case "7BIT":
		case "8BITMIME":
			m.eightBit = true
		default: // BINARYMIME is not offered
			return &refusal{501, "5.5.4", "BODY is 7BIT or 8BITMIME"}
		}
	case "SMTPUTF8": // RFC 6531
		if has {
			return &refusal{501, "5.5.4", "SMTPUTF8 takes no value"}
		}
		m.utf8 = true
	default:
		return &refusal{555, "5.5.4", "Parameter not recognized"} // RFC 5321 4.1.1.11
	}
	return nil
}

// parseRcpt reads "TO:<path>" (RFC 5321 4.1.1.3). Postmaster alone is the one of this host (4.5.1).
func parseRcpt(arg string, utf8 bool, hostname string) (string, *refusal) {
	path, rest, bad := parsePath(arg, "TO:")
	if bad != nil {
		return "", bad
	}
	if strings.TrimSpace(rest) != "" {
		return "", &refusal{555, "5.5.4", "Parameter not recognized"}
	}
	if strings.EqualFold(path, "postmaster") {
		return path + "@" + hostname, nil
	}
	return path, checkMailbox(path, utf8, "5.1.3")
}

// parsePath takes keyword and path off and gives what follows. Space after the colon is wrong but common.
func parsePath(arg, keyword string) (path, rest string, bad *refusal) {
	syntax := &refusal{501, "5.5.4", "Syntax: " + keyword + "<address>"}
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", "", syntax
	}
	s := strings.TrimLeft(arg[len(keyword):], " ")
	if !strings.HasPrefix(s, "<") {
		return "", "", syntax
	}
	end := pathEnd(s)
	if end < 0 || end+1 < len(s) && s[end+1] != ' ' {
		return "", "", syntax
	}
	path, rest = s[1:end], s[end+1:]
	if strings.HasPrefix(path, "@") { // RFC 5321 appendix C: a source route is taken and ignored
		_, after, ok := strings.Cut(path, ":")
		if !ok {
			return "", "", syntax
		}
		path = after
	}
	return path, rest, nil
}

// pathEnd finds the closing > outside quotes.
func pathEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// checkMailbox holds an address to RFC 5321 4.1.2 and RFC 6531 3.3, as far as what follows relies on
// it: bounded, printable, one local part and one domain. Longer local parts than 64 octets exist
// (return paths with a whole address inside), so only the whole is bounded.
func checkMailbox(addr string, utf8 bool, enhanced string) *refusal {
	bad := &refusal{501, enhanced, "Address not understood"}
	at := strings.LastIndexByte(addr, '@')
	if at <= 0 || at == len(addr)-1 || len(addr) > 512 || !printable(addr) {
		return bad
	}
	local, domain := addr[:at], addr[at+1:]
	if len(domain) > 255 || strings.ContainsAny(domain, " <>()\\,;\"") {
		return bad
	}
	if !isQuoted(local) && strings.ContainsAny(local, " <>()[]\\,;:@\"") {
		return bad
	}
	if !utf8 && !isASCII(addr) {
		return &refusal{553, "5.6.7", "Ask for SMTPUTF8 to use such an address"} // RFC 6531 3.5
	}
	return nil
}

// isQuoted tells whether s is one quoted string (RFC 5321 4.1.2).
func isQuoted(s string) bool {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return false
	}
	for i := 1; i < len(s)-1; i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s)-1 {
				return false
			}
		case '"':
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
