package mailmsg

import "strings"

// The reasons for which a letter is not delivered: what a desk acts on. The words are those that the
// trade uses.
const (
	ReasonUserUnknown  = "userunknown"
	ReasonHostUnknown  = "hostunknown"
	ReasonMailboxFull  = "mailboxfull"
	ReasonTooBig       = "mesgtoobig"
	ReasonExpired      = "expired"
	ReasonNetwork      = "networkerror"
	ReasonSpam         = "spamdetected"
	ReasonBlocked      = "blocked"
	ReasonAuth         = "authfailure"
	ReasonPolicy       = "policyviolation"
	ReasonRejected     = "rejected"
	ReasonFiltered     = "filtered"
	ReasonSuspended    = "suspend"
	ReasonMoved        = "hasmoved"
	ReasonNoRelay      = "norelaying"
	ReasonNoMail       = "notaccept"
	ReasonContent      = "contenterror"
	ReasonSystem       = "systemerror"
	ReasonSystemFull   = "systemfull"
	ReasonTooFast      = "speeding"
	ReasonNoReverseDNS = "requireptr"
	ReasonSecurity     = "securityerror"
	ReasonFeedback     = "feedback"
	ReasonUndefined    = "undefined"
)

// reasonOf names the reason from the other side's words, else from the status.
func reasonOf(text, status, reply string) string {
	low := strings.ToLower(text)
	for _, r := range reasonWords() {
		if containsAny(low, r.words) {
			return r.reason
		}
	}
	return reasonByStatus(status, reply)
}

type reasonTable struct {
	reason string
	words  []string
}

// reasonWords are in order of how much they tell: "blocked because of spam" is about spam, and a mailbox
// that is both full and unknown is unknown.
func reasonWords() []reasonTable {
	return []reasonTable{
		{ReasonAuth, []string{"dmarc", "spf check", "spf record", "dkim", "fails sender authentication", "sender id", "unauthenticated email"}},
		{ReasonNoReverseDNS, []string{"reverse dns", "ptr record", "cannot find your hostname", "no ptr", "reverse hostname", "name lookup failed", "mismatches client ip", "cannot find your reverse"}},
		{ReasonMoved, []string{"user has moved", "has moved", "no longer here, try", "please forward to", "address has changed", "recipient address has changed"}},
		{ReasonNoRelay, []string{"relay access denied", "relaying denied", "relay denied", "not permitted to relay", "unable to relay", "relaying not allowed", "we do not relay", "relay not permitted", "no relaying"}},
		{ReasonMailboxFull, []string{"mailbox full", "mailbox is full", "quota", "exceeded storage", "over the maximum allowed", "mailbox exceeds", "mailbox size", "not enough storage", "exceeded the local limit", "mailbox has exceeded", "storage allocation", "mail box full", "mailfolder is full", "disk full", "一杯", "inbox is full", "out of storage", "overquota", "too many messages in"}},
		{ReasonTooBig, []string{"message too large", "message too big", "size limit", "exceeds maximum", "message size exceeds", "exceed the maximum", "too large", "maximum message size", "message length exceeds"}},
		{ReasonSystemFull, []string{"insufficient system storage", "no space left", "insufficient disk"}},
		{ReasonSpam, []string{"spam", "junk mail", "unsolicited", "bulk mail", "looks like uce", "high probability of", "content rejected"}},
		{ReasonUserUnknown, []string{"user unknown", "unknown user", "no such user", "no such recipient", "user not found", "does not exist", "doesn't exist", "not a valid recipient", "no such mailbox", "recipient unknown", "recipient not found", "unknown recipient", "invalid recipient", "mailbox not found", "mailbox unavailable or access denied", "address rejected: user", "no mailbox here", "unknown address", "unknown local", "not listed in", "invalid mailbox", "address not found", "no such address", "recipientnotfound", "resolver.adr", "is not a known user", "not our customer", "undeliverable address", "recipient address rejected: undeliverable", "addressee unknown", "mailbox does not exist", "this user doesn't have", "invalid address", "can't find", "final delivery userid", "mailbox unavailable", "user_unknown", "no local mailbox", "account that you tried to reach", "not known here", "couldn't be found", "見つかりません", "no account"}},
		{ReasonHostUnknown, []string{"host unknown", "unknown host", "host not found", "domain not found", "name or service not known", "no such domain", "unrouteable address", "unrouteable mail domain", "domain name not found", "domain does not exist", "nxdomain", "host name lookup", "no mx host", "recipient domain", "name server: host not found", "couldn't find any host"}},
		{ReasonNoMail, []string{"null mx", "nullmx", "no mx record", "does not accept mail", "doesn't receive email", "does not accept email", "not accept any mail", "nulls mx"}},
		{ReasonSuspended, []string{"account disabled", "mailbox disabled", "account is disabled", "account has been suspended", "suspended", "mailbox unavailable (disabled)", "inactive", "account is inactive", "mailbox currently suspended", "user is disabled", "is locked", "account blocked"}},
		{ReasonTooFast, []string{"too many connections", "rate limit", "rate limited", "too fast", "too many messages", "receiving mail at a rate", "throttl", "exceeded the maximum number of"}},
		{ReasonPolicy, []string{"policy", "prohibited attachment", "not permitted attachment", "security reasons", "file type"}},
		{ReasonBlocked, []string{"blocked", "blacklist", "blocklist", "block list", "invalid ip", "not accepting connections", "(bl)", "rbl", "spamhaus", "bad reputation", "reputation", "access denied", "denied access", "client host", "dnsbl", "refused to talk", "connection refused", "your ip", "go away"}},
		{ReasonExpired, []string{"timed out", "time out", "timeout", "too long", "expired", "retry time", "could not send message for", "cannot send message for", "delivery time", "gave up", "will be retried", "delivery is delayed", "delayed", "did not respond", "not responding", "unable to connect", "no route to host", "delivery temporarily suspended", "queue too long", "lost connection", "dropped connection", "not reachable", "did not accept our requests to connect", "delivery failed 20 attempts", "attempts:", "could not find a gateway", "connection reset"}},
		{ReasonNetwork, []string{"loops back to myself", "mail loop", "hop count", "too many hops", "routing loop", "dns error", "network", "mail forwarding loop", "too many received"}},
		{ReasonContent, []string{"content error", "mime error", "invalid mime", "8bit", "headers too large", "malformed", "header error", "improper"}},
		{ReasonSystem, []string{"local configuration error", "system config", "internal error", "server error", "local error", "local problem", "unexpected"}},
		{ReasonRejected, []string{"投稿する権限", "permission to post", "posting to this group", "sender rejected", "sender address rejected", "domain of sender", "mail from", "sender domain", "sender is not", "not allowed to post", "do not have permission", "don't have permission", "may not exist, or you may not have permission"}},
		{ReasonFiltered, []string{"recipient address rejected", "recipient rejected", "rejected by recipient", "rejected by a remote", "filter", "not accept", "refused", "rejected"}},
	}
}

// reasonByStatus reads RFC 3463 and, failing that, the SMTP reply.
func reasonByStatus(status, reply string) string {
	if len(status) > 2 {
		switch status[2:] {
		case "1.1", "1.0", "1.3", "1.10":
			return ReasonUserUnknown
		case "1.2", "4.3":
			return ReasonHostUnknown
		case "1.6":
			return ReasonMoved
		case "1.7", "1.8":
			return ReasonRejected
		case "2.1":
			return ReasonSuspended
		case "2.2":
			return ReasonMailboxFull
		case "2.3", "3.4":
			return ReasonTooBig
		case "3.1":
			return ReasonSystemFull
		case "4.1", "4.2", "4.7":
			return ReasonExpired
		case "4.4", "4.6":
			return ReasonNetwork
		case "7.1":
			return ReasonBlocked
		case "7.26", "7.9", "7.23", "7.25":
			return ReasonAuth
		}
		switch status[2:4] {
		case "3.":
			return ReasonSystem
		case "6.":
			return ReasonContent
		case "7.":
			return ReasonPolicy
		case "2.":
			return ReasonFiltered
		}
	}
	switch reply {
	case "552", "452":
		return ReasonMailboxFull
	case "550", "551", "553":
		return ReasonFiltered
	case "421":
		return ReasonExpired
	}
	return ReasonUndefined
}

// defaultStatus gives the status that fits a reason where the other side gave none, so that a reader
// knows at least whether to try again.
func defaultStatus(reason, reply, action string) string {
	class := "5"
	if strings.HasPrefix(reply, "4") || action == "delayed" {
		class = "4"
	}
	switch reason {
	case ReasonUserUnknown:
		return class + ".1.1"
	case ReasonHostUnknown:
		return class + ".1.2"
	case ReasonMoved:
		return class + ".1.6"
	case ReasonMailboxFull:
		return class + ".2.2"
	case ReasonSuspended:
		return class + ".2.1"
	case ReasonTooBig:
		return class + ".3.4"
	case ReasonExpired:
		return class + ".4.7"
	case ReasonBlocked, ReasonPolicy, ReasonSpam, ReasonNoRelay:
		return class + ".7.1"
	}
	return class + ".0.0"
}
