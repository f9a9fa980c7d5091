package mailmsg

import (
	"bytes"
	"strings"
)

// statusReports reads a message/delivery-status (RFC 3464 2): blocks of fields, the first about the
// message, each other about a recipient.
func statusReports(content []byte) []Report {
	var out []Report
	for _, r := range statusBlocks(content) {
		if len(out) < maxReports && (r.FinalRecipient != "" || r.OriginalRecipient != "" || r.Action != "" || r.Status != "") {
			out = append(out, r)
		}
	}
	return out
}

func statusBlocks(content []byte) []Report {
	var out []Report
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	// Some programs write no empty line between recipients: the field itself begins the next.
	for range maxReports * 2 {
		content = bytes.TrimLeft(content, "\n \t")
		if len(content) == 0 {
			break
		}
		in := &parser{m: &Message{}, lim: DefaultLimits()}
		fields, rest, err := in.splitHeader(content)
		if err != nil {
			break
		}
		out = append(out, fieldReports(in.m, fields)...)
		if len(rest) == len(content) {
			_, rest = cutLine(content)
		}
		content = rest
	}
	return out
}

func fieldReports(m *Message, fields []field) []Report {
	var out []Report
	var r Report
	used := false
	for _, f := range fields {
		v := clean(m.decodeText(f.value, ""))
		switch f.key {
		case "final-recipient":
			if r.FinalRecipient != "" {
				out = append(out, r)
				r = Report{}
			}
			r.FinalRecipient = typedAddress(v)
		case "original-recipient":
			r.OriginalRecipient = typedAddress(v)
		case "x-actual-recipient":
			if r.FinalRecipient == "" {
				r.FinalRecipient = typedAddress(v)
			}
		case "action":
			r.Action = keyword([]byte(v))
		case "status":
			r.Status = enhancedCode(v)
		case "diagnostic-code":
			if _, after, ok := strings.Cut(v, ";"); ok {
				v = after
			}
			// The last word counts: relays put their own line before that of the other side.
			r.Diagnostic = shorten(strings.TrimSpace(r.Diagnostic + " " + v))
		default:
			continue
		}
		used = true
	}
	if used {
		out = append(out, r)
	}
	return out
}

// typedAddress reads "rfc822; <a@b>" (RFC 3464 2.1.2).
func typedAddress(v string) string {
	if kind, rest, ok := strings.Cut(v, ";"); ok && !strings.Contains(kind, "@") {
		v = rest
	}
	v, _ = takeComments(v)
	if a, ok := ParseAddress(v); ok {
		return a.Mail
	}
	return clean(v)
}

// receipt reads a message/disposition-notification (RFC 8098): somebody opened our letter, or threw it
// away unread.
func receipt(m *Message, content []byte) Kind {
	k := Kind{Name: DeliveryReport, Why: "receipt"}
	in := &parser{m: &Message{}, lim: DefaultLimits()}
	fields, _, err := in.splitHeader(trimLead(content))
	if err != nil {
		return k
	}
	var r Report
	for _, f := range fields {
		v := clean(in.m.decodeText(f.value, ""))
		switch f.key {
		case "final-recipient":
			r.FinalRecipient = typedAddress(v)
		case "original-recipient":
			r.OriginalRecipient = typedAddress(v)
		case "original-message-id":
			k.OriginalMessageID = NormalizeMessageID(v)
		case "disposition":
			if _, after, ok := strings.Cut(v, ";"); ok {
				r.Action = keyword([]byte(after))
			}
		}
	}
	k.Reports = []Report{r}
	return k
}

// complaint reads a feedback report (RFC 5965).
func complaint(m *Message) (Kind, bool) {
	content := m.attached("message/feedback-report")
	ctype := strings.ToLower(m.Header("Content-Type"))
	hotmail := m.Header("X-HmXmrOriginalRecipient") != ""
	if content == nil && !strings.Contains(ctype, "feedback-report") && !hotmail && !plainComplaint(m) {
		return Kind{}, false
	}
	k := Kind{Name: Complaint, Why: "feedback_report", Feedback: "abuse"}
	_, k.OriginalMessageID, k.OriginalSubject = m.original()
	in := &parser{m: &Message{}, lim: DefaultLimits()}
	fields, _, err := in.splitHeader(trimLead(content))
	if err != nil {
		return k, true
	}
	for _, f := range fields {
		v := clean(in.m.decodeText(f.value, ""))
		switch f.key {
		case "feedback-type":
			k.Feedback = keyword([]byte(v))
		case "original-rcpt-to", "removal-recipient":
			if len(k.Reports) < maxReports {
				k.Reports = append(k.Reports, Report{FinalRecipient: typedAddress(v), Action: "complained", Reason: ReasonFeedback})
			}
		}
	}
	if rcpt := typedAddress(m.Header("X-HmXmrOriginalRecipient")); rcpt != "" {
		k.Reports = append(k.Reports, Report{FinalRecipient: rcpt, Action: "complained", Reason: ReasonFeedback})
	}
	return k, true
}

// plainComplaint knows complaints that are no ARF: a letter sent back with the words of its first part.
func plainComplaint(m *Message) bool {
	if m.attached("message/rfc822", "text/rfc822-headers") == nil {
		return false
	}
	low := strings.ToLower(m.Text[:min(len(m.Text), 2000)])
	return containsAny(low, []string{"is an email abuse report for", "this is an abuse report", "email abuse report for an email message", "complaint about message from", "this is a spam report", "clicked the 'report spam'", "feedback loop"}) &&
		containsAny(strings.ToLower(m.Subject), []string{"abuse", "complaint", "spam report", "feedback", "fw:", "fwd:"})
}
