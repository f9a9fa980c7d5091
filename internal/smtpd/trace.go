package smtpd

import (
	"fmt"
	"strings"
	"time"
)

// traceLine is this server's Received field (RFC 5321 4.4), folded. It names who spoke to us and what
// it called itself, as everywhere; it has no "for", which would tell one recipient of another.
func traceLine(e Envelope, hostname string, esmtp bool) string {
	ip := e.RemoteIP.String()
	if e.RemoteIP.Is6() {
		ip = "IPv6:" + ip
	}
	secured := ""
	if e.TLS != "" {
		secured = " (" + e.TLS + ")"
	}
	return fmt.Sprintf("Received: from %s ([%s])\r\n\tby %s with %s%s\r\n\tid %s; %s\r\n",
		plain(e.HELO), ip, hostname, protocol(e, esmtp), secured, e.ID,
		e.Received.UTC().Format(time.RFC1123Z))
}

// protocol gives the registered name of what was spoken (RFC 3848, RFC 6531 4.3).
func protocol(e Envelope, esmtp bool) string {
	name := "SMTP"
	switch {
	case e.UTF8:
		name = "UTF8SMTP"
	case esmtp:
		name = "ESMTP"
	}
	if e.TLS != "" && name != "SMTP" {
		name += "S"
	}
	return name
}

// plain keeps what a host name or address literal is made of, so that nobody writes in our line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._:[]", r):
			return r
		}
		return '?'
	}, s)
}
