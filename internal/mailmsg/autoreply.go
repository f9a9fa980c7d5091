package mailmsg

import "strings"

// autoReply tells by which sign a message is the answer of a machine; "" if by none.
func autoReply(m *Message, null bool) string {
	// RFC 3834 5: anything but "no" was not sent by a person.
	if a := m.AutoSubmitted; a != "" && a != "no" {
		return "auto_submitted"
	}
	for _, h := range []string{"X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-AutoReply-From", "X-Mail-Autoreply",
		"X-FC-MachineGenerated", "X-Cron-Env", "X-Vacation", "X-Facebook-Notify", "X-Auto-Reply-From"} {
		if v := strings.ToLower(m.Header(h)); v != "" && v != "no" && v != "false" {
			return "header_" + strings.ToLower(h)
		}
	}
	switch p := strings.ToLower(strings.TrimSpace(m.Header("Precedence"))); {
	case p == "auto_reply" || p == "auto-reply":
		return "precedence_auto_reply"
	case (p == "bulk" || p == "junk") && (null || autoSubject(m.Subject)):
		return "precedence_" + p
	}
	// Exchange marks its own automatic answers so; "OOF" alone is also set on ordinary mail.
	if v := strings.ToLower(m.Header("X-Auto-Response-Suppress")); v != "" && (strings.Contains(v, "all") || autoSubject(m.Subject)) {
		return "x_auto_response_suppress"
	}
	if v := strings.ToLower(m.Header("X-Mailer") + " " + m.Header("User-Agent")); strings.Contains(v, "vacation") || strings.Contains(v, "autorespond") || strings.Contains(v, "autoreply") {
		return "mailer"
	}
	if strings.HasPrefix(strings.ToLower(m.Header("Content-Type")), "multipart/report") && strings.Contains(strings.ToLower(m.Header("Content-Type")), "disposition-notification") {
		return "receipt"
	}
	if autoSubject(m.Subject) {
		return "subject"
	}
	return ""
}

// autoSubject knows how programs head their automatic answers. The words must begin the subject, so that
// a person who writes about one is not taken for one.
func autoSubject(s string) bool {
	s = strings.ToLower(StripPrefixes(strings.TrimLeft(s, "*[( ")))
	for _, p := range []string{
		"automatiskt svar", "autosvar", "auto-svar", "frånvaromeddelande", "frånvaro:", "automatiskt frånvaro", "autom. svar", "semestermeddelande", "tjänsteresa/semester",
		"automatisk svar", "fraværsmelding", "fravær:", "fraværsbesked", "fraværsassistent", "ikke til stede", "ikke til stede:", "ikke på kontoret", "ude af kontoret", "fraværende",
		"automaattinen vastaus", "poissaoloviesti", "poissaolo:", "poissa:", "lomavastaus", "olen lomalla", "poissa toimistosta",
		"automatic reply", "automatic response", "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "auto:", "out of office", "out-of-office", "out of the office", "ooo:",
		"away from my mail", "vacation notice", "vacation reply", "on vacation", "vacation:", "i am on vacation", "i am out of the office", "absence notification", "automated reply", "automated response",
		"abwesenheit", "automatische antwort", "abwesend", "automatische abwesenheits", "abwesenheitsnotiz", "abwesenheitsnachricht", "autoantwort", "automatische empfangsbest",
		"réponse automatique", "absence du bureau", "absent du bureau", "respuesta automática", "risposta automatica", "fuori ufficio", "automatisch antwoord", "afwezig", "resposta automática", "odpowiedź automatyczna", "автоответ",
		"自動返信", "自动回复", "自動回覆",
	} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// MayAutoReply tells whether an acknowledgement may be sent (RFC 3834 2), and if not, why.
func MayAutoReply(m *Message, envelopeFrom string) (bool, string) {
	if nullSender(envelopeFrom) {
		return false, "null_sender"
	}
	k := Classify(m, envelopeFrom)
	if k.Name != Ordinary {
		return false, string(k.Name) + ":" + k.Why
	}
	if v := strings.ToLower(m.Header("X-Auto-Response-Suppress")); v != "" && v != "none" {
		for _, w := range []string{"all", "autoreply", "oof"} {
			if strings.Contains(v, w) {
				return false, "x_auto_response_suppress"
			}
		}
	}
	if strings.EqualFold(m.Header("X-Spam-Flag"), "yes") {
		return false, "spam"
	}
	to, ok := m.Author()
	if !ok {
		return false, "no_address"
	}
	// RFC 3834 4 answers the envelope's sender; both must be somebody who reads.
	for _, addr := range []string{envelopeFrom, to.Mail} {
		if machineAddress(addr) {
			return false, "machine_address"
		}
	}
	return true, ""
}

// machineAddress knows the addresses behind which nobody reads.
func machineAddress(addr string) bool {
	n := NormalizeAddress(addr)
	local, _, ok := cutAt(n)
	if !ok {
		return true
	}
	local, _, _ = strings.Cut(local, "+")
	flat := strings.NewReplacer("-", "", "_", "", ".", "").Replace(local)
	switch flat {
	case "mailerdaemon", "mailerdæmon", "postmaster", "noreply", "donotreply", "dontreply", "nobody", "listserv", "majordomo", "mailman",
		"bounce", "bounces", "autoreply", "autosvar", "noreplyto", "svarainte", "svarej", "ikkesvar", "ikkebesvar", "eisvar", "alavastaa", "eivastata", "nichtantworten", "keineantwort", "root", "daemon":
		return true
	}
	for _, pre := range []string{"owner-", "bounce-", "bounces-", "bounce_", "noreply-", "no-reply-", "prvs=", "msprvs1=", "srs0=", "srs1="} {
		if strings.HasPrefix(local, pre) && !strings.HasPrefix(pre, "prvs") && !strings.HasPrefix(pre, "srs") {
			return true
		}
	}
	return strings.HasSuffix(local, "-owner") || strings.HasSuffix(local, "-request") || strings.HasSuffix(local, "-bounces") ||
		strings.HasSuffix(local, "-noreply") || strings.HasSuffix(flat, "noreply") || strings.HasPrefix(flat, "noreply") || strings.HasPrefix(flat, "donotreply")
}
