package mailmsg

import "strings"

// textReports reads the recipients out of a notice that no program was meant to read.
func textReports(m *Message, notice string) []Report {
	skip := map[string]bool{}
	for _, list := range [][]Address{m.To, m.From, m.Sender, m.Cc} {
		for _, a := range list {
			skip[NormalizeAddress(a.Mail)] = true
		}
	}
	var out []Report
	seen := map[string]int{}
	for _, a := range ParseAddressList(strings.Join(m.HeaderValues("X-Failed-Recipients"), ",")) {
		if a.Usable() && len(out) < maxReports {
			seen[NormalizeAddress(a.Mail)] = len(out)
			out = append(out, Report{FinalRecipient: a.Mail})
		}
	}
	given := len(out) > 0
	current := -1
	for _, line := range strings.Split(notice, "\n") {
		if addr := recipientIn(line, skip); addr != "" {
			n := NormalizeAddress(addr)
			i, known := seen[n]
			if !known && !given && len(out) < maxReports {
				i, known = len(out), true
				seen[n] = i
				out = append(out, Report{FinalRecipient: addr})
			}
			if known {
				current = i
			}
		}
		if current >= 0 && len(out[current].Diagnostic) < maxDiagnostic {
			out[current].Diagnostic += strings.TrimSpace(line) + " "
		}
	}
	for i := range out {
		out[i].Diagnostic = shorten(out[i].Diagnostic)
	}
	return out
}

// recipientIn finds the address in a line of a notice that is somebody else's than ours.
func recipientIn(line string, skip map[string]bool) string {
	if len(line) > 2000 || !strings.Contains(line, "@") {
		return ""
	}
	low := strings.ToLower(line)
	// The other side quotes our own words back: those name us, not who was not reached.
	if containsAny(low, []string{"mail from:", "from:", "message-id", "in-reply-to", "reporting-mta", "http://", "https://"}) && !containsAny(low, []string{"rcpt to", "to:", "said:"}) {
		return ""
	}
	for _, w := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t<>()[],;:\"'", r) }) {
		w = strings.Trim(w, ".…!?*=")
		if i := strings.IndexByte(w, '@'); i <= 0 || i == len(w)-1 || strings.Contains(w, "@localhost") {
			continue
		}
		n := NormalizeAddress(w)
		if n == "" || skip[n] || strings.HasPrefix(n, "postmaster@") || strings.HasPrefix(n, "mailer-daemon@") || !strings.Contains(n[strings.IndexByte(n, '@'):], ".") {
			continue
		}
		return w
	}
	return ""
}

// enhancedCode finds a status of RFC 3463 ("5.1.1") that stands by itself in a text. A specific one is
// preferred to x.0.0.
func enhancedCode(s string) string {
	found := ""
	for i := 0; i+4 < len(s); i++ {
		c := s[i]
		if c != '2' && c != '4' && c != '5' || s[i+1] != '.' || i > 0 && (isDigit(s[i-1]) || s[i-1] == '.' || isLetter(s[i-1])) {
			continue
		}
		j := i + 2
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		if j == i+2 || j > i+5 || j+1 >= len(s) || s[j] != '.' || !isDigit(s[j+1]) {
			continue
		}
		k := j + 1
		for k < len(s) && isDigit(s[k]) {
			k++
		}
		// An address like 5.1.2.3, a version or a number like 4.1.2010 is none.
		if k > j+4 || k+1 < len(s) && s[k] == '.' && isDigit(s[k+1]) || k < len(s) && (isLetter(s[k]) || s[k] == '/') {
			continue
		}
		code := s[i:k]
		if !generic(code) {
			return code
		}
		if found == "" {
			found = code
		}
	}
	return found
}

// replyCode finds the SMTP reply (RFC 5321 4.2) in a text: three digits by themselves, 4 or 5 first.
func replyCode(s string) string {
	for i := 0; i+2 < len(s); i++ {
		if s[i] != '4' && s[i] != '5' || s[i+1] < '0' || s[i+1] > '5' || !isDigit(s[i+2]) {
			continue
		}
		if i > 0 && (isDigit(s[i-1]) || isLetter(s[i-1]) || strings.IndexByte(".-/=+@", s[i-1]) >= 0) {
			continue
		}
		if i+3 < len(s) && s[i+3] != ' ' && s[i+3] != '-' && s[i+3] != ',' && s[i+3] != '\n' && s[i+3] != '>' && s[i+3] != ':' && s[i+3] != ';' && s[i+3] != '\'' && s[i+3] != '#' {
			continue
		}
		if s[i+1] == '0' || s[i+1] == '2' || s[i+1] == '3' || s[i+1] == '5' || s[i+1] == '1' || s[i+1] == '4' {
			return s[i : i+3]
		}
	}
	return ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
