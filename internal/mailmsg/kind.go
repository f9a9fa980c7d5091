package mailmsg

import (
	"strconv"
	"strings"
)

// KindName says what a message is, before anybody asks what it says.
type KindName string

// The kinds. Only Ordinary and ListMail were written by somebody who wants an answer.
const (
	Ordinary       KindName = "ordinary"
	Bounce         KindName = "bounce"          // a letter of ours could not be delivered
	DeliveryReport KindName = "delivery_report" // delayed, delivered, relayed, read: nothing is lost (yet)
	Complaint      KindName = "complaint"       // a feedback report (RFC 5965)
	AutoReply      KindName = "auto_reply"      // vacation and other machines
	ListMail       KindName = "list"
	Loop           KindName = "loop" // our own mark, or too many hops
)

// maxReceived is the number of hops after which a message is taken to go in circles (RFC 5321 6.3: at
// least 100 must be let through by relays; a desk at the end of the road may stop sooner).
const maxReceived = 100

// Kind is what Classify found. Reports is empty unless the message is a bounce, report or complaint.
type Kind struct {
	Name              KindName
	Why               string // the sign it was known by: a short machine word
	Reports           []Report
	OriginalMessageID string // of our letter, where the report shows its header
	OriginalSubject   string
	Feedback          string // of a complaint: abuse, fraud, not-spam, opt-out, …
}

// Report is what became of one recipient (RFC 3464).
type Report struct {
	OriginalRecipient string // as we wrote it, where known
	FinalRecipient    string
	Action            string // failed, delayed, delivered, relayed, expanded
	Status            string // RFC 3463 "5.1.1"; "" where nothing tells
	Reply             string // SMTP code "550"
	Reason            string // one of the Reason words
	Diagnostic        string // the other side's own words, at most 1,000 characters
}

// Permanent tells whether trying again cannot help.
func (r Report) Permanent() bool { return strings.HasPrefix(r.Status, "5") }

// Classify tells what kind of message m is. envelopeFrom is the SMTP MAIL FROM: "" or "<>" for a report.
func Classify(m *Message, envelopeFrom string) Kind {
	if why := looping(m); why != "" {
		return Kind{Name: Loop, Why: why}
	}
	null := nullSender(envelopeFrom)
	if k, ok := complaint(m); ok {
		return k
	}
	if k, ok := bounce(m, null); ok {
		return k
	}
	if why := autoReply(m, null); why != "" {
		return Kind{Name: AutoReply, Why: why}
	}
	if why := listMail(m); why != "" {
		return Kind{Name: ListMail, Why: why}
	}
	return Kind{Name: Ordinary}
}

func nullSender(envelope string) bool {
	return strings.Trim(strings.TrimSpace(envelope), "<>") == ""
}

func looping(m *Message) string {
	if m.Header(LoopHeader) != "" {
		return "own_mark"
	}
	if n := len(m.HeaderValues("Received")); n > maxReceived {
		return "received_" + strconv.Itoa(n)
	}
	return ""
}

func listMail(m *Message) string {
	for _, h := range []string{"List-Id", "List-Post", "List-Unsubscribe", "List-Help"} {
		if m.Header(h) != "" {
			return strings.ToLower(strings.ReplaceAll(h, "-", "_"))
		}
	}
	if p := strings.ToLower(strings.TrimSpace(m.Header("Precedence"))); p == "list" || p == "bulk" || p == "junk" {
		return "precedence_" + p
	}
	if m.Header("Mailing-List") != "" {
		return "mailing_list"
	}
	return ""
}
