package store

import (
	"regexp"
	"strings"
)

var trigger = regexp.MustCompile(`(?is)^\s*CREATE\s+(TEMP\s+|TEMPORARY\s+)?TRIGGER\b.*\bBEGIN\b`)

var triggerEnd = regexp.MustCompile(`(?is)\bEND\s*$`)

// Statements splits a script at its semicolons: not those in quotes, comments, dollar quotes, or between
// BEGIN and END of an SQLite trigger. The scripts are the program's own, not a stranger's.
func Statements(script string) []string {
	var out []string
	from := 0
	for i := 0; i < len(script); {
		if n := quoted(script[i:]); n > 0 {
			i += n
			continue
		}
		if script[i] != ';' {
			i++
			continue
		}
		s := script[from:i]
		if bare := withoutComments(s); trigger.MatchString(bare) && !triggerEnd.MatchString(bare) {
			i++
			continue
		}
		out = appendStatement(out, s)
		i++
		from = i
	}
	return appendStatement(out, script[from:])
}

func appendStatement(out []string, s string) []string {
	if s = strings.TrimSpace(withoutComments(s)); s == "" {
		return out
	}
	return append(out, s)
}

// withoutComments drops -- and /* */ outside quotes.
func withoutComments(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		n := quoted(s[i:])
		if n == 0 {
			b.WriteByte(s[i])
			i++
			continue
		}
		if strings.HasPrefix(s[i:], "--") || strings.HasPrefix(s[i:], "/*") {
			b.WriteByte(' ')
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

var dollarTag = regexp.MustCompile(`^\$([A-Za-z_][A-Za-z_0-9]*)?\$`)

// quoted tells how long the comment or quoted text is that s begins with; 0 where it begins with neither.
func quoted(s string) int {
	switch {
	case strings.HasPrefix(s, "--"):
		return upTo(s, "\n", 2)
	case strings.HasPrefix(s, "/*"):
		return upTo(s, "*/", 2)
	case s[0] == '\'' || s[0] == '"':
		return upTo(s, s[:1], 1) // a doubled quote is two quoted texts side by side
	case s[0] == '$':
		if tag := dollarTag.FindString(s); tag != "" {
			return upTo(s, tag, len(tag))
		}
	}
	return 0
}

func upTo(s, end string, skip int) int {
	if i := strings.Index(s[skip:], end); i >= 0 {
		return skip + i + len(end)
	}
	return len(s)
}
