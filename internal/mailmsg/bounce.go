package mailmsg

import "strings"

const (
	maxReports    = 100
	maxDiagnostic = 1000
)

// bounce tells whether m is the report of a delivery: by its form (RFC 3464), else by who sent it and how
// such letters begin.
func bounce(m *Message, null bool) (Kind, bool) {
	if att := m.attached("message/disposition-notification"); att != nil {
		return receipt(m, att), true
	}
	k := Kind{Name: Bounce}
	status := m.attached("message/delivery-status", "message/global-delivery-status", "text/delivery-status")
	var notice string
	notice, k.OriginalMessageID, k.OriginalSubject = m.original()
	if len(notice) > maxNoticeBytes {
		notice = strings.ToValidUTF8(notice[:maxNoticeBytes], "")
	}
	switch {
	case status != nil:
		k.Why = "delivery_status"
		k.Reports = statusReports(status)
	case strings.Contains(strings.ToLower(m.Header("Content-Type")), "report-type=delivery-status"),
		strings.Contains(strings.ToLower(m.Header("Content-Type")), `report-type="delivery-status`):
		k.Why = "report_type"
	case m.Header("X-Failed-Recipients") != "":
		k.Why = "x_failed_recipients"
	default:
		if k.Why = bounceSigns(m, null, notice); k.Why == "" {
			return Kind{}, false
		}
	}
	if len(k.Reports) == 0 {
		k.Reports = textReports(m, notice)
	}
	k.complete(notice, strings.ToLower(m.Subject))
	return k, true
}

// attached gives the content of the first attachment of one of the types.
func (m *Message) attached(types ...string) []byte {
	for _, a := range m.Attachments {
		for _, t := range types {
			if a.Type == t {
				return a.Content
			}
		}
	}
	return nil
}

// bounceSigns knows the reports of programs that write no RFC 3464. Two signs are needed, or a person who
// writes about a bounce would be taken for one.
func bounceSigns(m *Message, null bool, notice string) string {
	if autoSubject(m.Subject) {
		return ""
	}
	daemon := daemonSender(m)
	subject := containsAny(strings.ToLower(m.Subject), bounceSubjects())
	body := containsAny(strings.ToLower(notice), bouncePhrases())
	replies := StripPrefixes(m.Subject) != m.Subject || len(m.InReplyTo) > 0 && !daemon && !null
	switch {
	case daemon && (subject || body):
		return "daemon"
	case null && (subject || body):
		return "null_sender"
	case subject && body && !replies && machineMade(m, notice):
		return "words"
	}
	return ""
}

// machineMade tells a program's notice from a person's: a code, the letter itself, or a sender nobody is.
func machineMade(m *Message, notice string) bool {
	if m.AutoSubmitted != "" && m.AutoSubmitted != "no" || len(notice) < min(len(m.Text), maxNoticeBytes) || m.attached("message/rfc822", "text/rfc822-headers") != nil {
		return true
	}
	a, _ := m.Author()
	return enhancedCode(notice) != "" || machineAddress(a.Mail)
}

func daemonSender(m *Message) bool {
	for _, list := range [][]Address{m.From, m.Sender, ParseAddressList(m.Header("Return-Path"))} {
		for _, a := range list {
			local, _, _ := cutAt(strings.ToLower(a.Mail))
			if containsAny(local, []string{"mailer-daemon", "mailerdaemon", "postmaster", "mail.delivery", "mail-daemon", "mdaemon", "mailer_daemon"}) ||
				containsAny(strings.ToLower(a.Name), []string{"mail delivery", "mail deliver system", "mailer-daemon", "delivery subsystem", "mail system", "postmaster"}) {
				return true
			}
		}
	}
	return m.Header("Return-Path") == "<>"
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// original finds the letter that came back: attached, or pasted below the notice. notice is the text
// above it.
func (m *Message) original() (notice, id, subject string) {
	notice = m.Text
	head := m.attached("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/partial", "text/rfc822-header")
	if head == nil {
		i := pastedHeader(m.Text)
		if i < 0 {
			return notice, "", ""
		}
		notice, head = m.Text[:i], []byte(m.Text[i:])
	}
	in := &parser{m: &Message{}, lim: DefaultLimits()}
	fields, _, err := in.splitHeader(trimLead(head))
	if err != nil {
		return notice, "", ""
	}
	p := &part{fields: fields}
	in.m.readIDs(p)
	return notice, in.m.MessageID, in.m.readSubject(p, "")
}

// pastedHeader finds where a letter's header stands in a text: three known fields together, or a line
// that announces it. -1 where there is none.
func pastedHeader(text string) int {
	start, known, off, announced := -1, 0, 0, -1
	for _, line := range strings.SplitAfter(text, "\n") {
		t := strings.TrimRight(line, "\r\n")
		name, _, ok := cutField([]byte(t))
		key := strings.ToLower(name)
		folded := start >= 0 && t != "" && (t[0] == ' ' || t[0] == '\t')
		switch {
		case ok && (knownField(key) || strings.Contains(key, "-")):
			if start < 0 {
				start = off
			}
			if knownField(key) && !strings.HasPrefix(key, "x-") {
				known++
			}
		case folded || ok && start >= 0:
		case announcesOriginal(t):
			announced, start, known = off, -1, 0
		case strings.TrimSpace(t) != "" || start >= 0:
			start, known = -1, 0
			if announced >= 0 && strings.TrimSpace(t) != "" {
				announced = -1
			}
		}
		if known == 3 {
			if announced >= 0 {
				return announced + len(firstLine(text[announced:]))
			}
			return start
		}
		off += len(line)
	}
	return -1
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i+1]
	}
	return s
}

// announcesOriginal knows the lines below which a report pastes the letter.
func announcesOriginal(line string) bool {
	if len(line) > 100 {
		return false
	}
	return containsAny(strings.ToLower(line), []string{"original message", "copy of the message", "unsent message", "returned message", "original mail", "header of the original", "headers of the original", "message header", "your message follows"})
}

// complete fills in what a report leaves out: status and reason from the other side's words.
func (k *Kind) complete(notice, subject string) {
	low := strings.ToLower(notice)
	delayed := containsAny(subject+"\n"+low, []string{"delayed", "(delay)", "warning message only", "will be retried", "will keep trying", "still being retried",
		"will continue trying", "not yet been delivered", "delivery delay", "no action is required on your part", "temporary problem"})
	if len(k.Reports) == 0 {
		k.Reports = []Report{{Diagnostic: shorten(notice)}}
	}
	failed := false
	for i := range k.Reports {
		r := &k.Reports[i]
		diag := r.Diagnostic
		if r.Reply == "" {
			r.Reply = replyCode(diag)
		}
		// What the other side said tells more than what its messenger made of it.
		if specific := enhancedCode(diag); specific != "" && (!generic(specific) || r.Status == "") {
			r.Status = specific
		}
		// What stands in the notice is about all recipients: it speaks only where a report says nothing.
		if r.Reason = reasonOf(diag, r.Status, r.Reply); r.Reason == ReasonUndefined {
			r.Reason = reasonOf(low, r.Status, r.Reply)
		}
		if r.Reply == "" && len(k.Reports) == 1 {
			r.Reply = replyCode(notice)
		}
		if r.Status == "" && len(k.Reports) == 1 {
			r.Status = enhancedCode(notice)
		}
		if r.Action == "" {
			r.Action = "failed"
			if delayed || strings.HasPrefix(r.Status, "4") && !containsAny(low, []string{"permanent", "giving up", "given up", "gave up"}) {
				r.Action = "delayed"
			}
		}
		if r.Status == "" {
			r.Status = defaultStatus(r.Reason, r.Reply, r.Action)
		}
		failed = failed || r.Action == "failed"
	}
	if !failed {
		k.Name = DeliveryReport
	}
}

func generic(status string) bool { return status == "" || strings.HasSuffix(status, ".0.0") }

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxDiagnostic {
		s = string(r[:maxDiagnostic])
	}
	return s
}

func bounceSubjects() []string {
	return []string{"undeliver", "returned mail", "delivery status", "delivery failure", "delivery fail", "failure notice", "mail delivery", "delivery notification",
		"delivery report", "returned to sender", "mail system error", "non-delivery", "nondeliverable", "not deliver", "delivery has failed", "could not send", "couldn't be delivered",
		"mail could not be delivered", "delivery error", "delivery delay", "warning: could not send", "message status", "undelivered", "delivery problem", "rejected mail", "mail failure", "unzustellbar",
		"kunde inte levereras", "olevererbart", "ej levererat", "leveransmisslyckande", "leveransfel", "kunne ikke leveres", "ikke levert", "uleverbar", "kan ikke leveres", "toimitus epäonnistui", "viestiä ei voitu",
		"nicht zugestellt", "unzustellbarkeit", "zustellung fehlgeschlagen", "non remis", "échec de la remise", "rückläufer", "message you sent blocked", "エラー通知", "配信不能", "送信エラー"}
}

func bouncePhrases() []string {
	return []string{"could not be delivered", "couldn't be delivered", "was not delivered", "wasn't delivered", "cannot be delivered", "unable to deliver", "undeliverable", "delivery failed", "delivery has failed",
		"failed permanently", "had delivery errors", "had delivery problems", "permanent fatal errors", "following recipients failed", "following address failed", "was rejected by a remote mail server",
		"recipients was rejected", "user unknown", "unknown user", "mailbox exceeds", "failure reasons", "delivery to the following", "message could not be", "returned message", "not able to deliver", "unable to relay",
		"undelivered message", "bounced", "this is a permanent error", "giving up on", "returned to sender", "transcript of session follows", "unsent message follows", "non-delivered information", "mailbox is full", "has been delayed",
		"not yet been delivered", "rejected your message", "message was rejected", "original message follows", "was undeliverable", "remote host said", "host unknown", "kunde inte levereras", "kunne ikke leveres", "kan ikke leveres", "ei voitu toimittaa",
		"konnte nicht zugestellt", "nicht zugestellt werden", "送信できません", "送信に失敗", "送信できませんでした", "配信できません", "お届けできません"}
}
