package mailmsg

import (
	"bytes"
	"crypto/sha256"
	"strings"
)

// Digest tells whether two deliveries are of one letter: SHA-256 over the message without the trace
// fields that stand at its head, each line ended by CRLF. Only leading trace fields are left out: what
// stands behind the first other field was there when the letter was sent.
func Digest(raw []byte) [32]byte {
	raw = skipTrace(raw)
	h := sha256.New()
	for len(raw) > 0 {
		i := bytes.IndexAny(raw, "\r\n")
		if i < 0 {
			h.Write(raw)
			break
		}
		h.Write(raw[:i])
		h.Write([]byte("\r\n"))
		if raw[i] == '\r' && i+1 < len(raw) && raw[i+1] == '\n' {
			i++
		}
		raw = raw[i+1:]
	}
	return [32]byte(h.Sum(nil))
}

// skipTrace drops the leading trace fields (RFC 5321 4.4, RFC 8601, RFC 8617) with their folded lines.
func skipTrace(raw []byte) []byte {
	if bytes.HasPrefix(raw, []byte("From ")) {
		_, raw = anyLine(raw)
	}
	for len(raw) > 0 {
		line, rest := anyLine(raw)
		name, _, ok := cutField(line)
		if !ok || !traceField(strings.ToLower(name)) {
			return raw
		}
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			_, rest = anyLine(rest)
		}
		raw = rest
	}
	return raw
}

// anyLine takes the first line off b, ended by CRLF, LF or CR.
func anyLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if b[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return line, rest
}

func traceField(key string) bool {
	switch key {
	case "received", "return-path", "delivered-to", "x-original-to", "received-spf", "authentication-results":
		return true
	}
	return strings.HasPrefix(key, "arc-")
}
