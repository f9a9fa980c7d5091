package mailmsg

import "strings"

// NormalizeMessageID gives a message id without brackets, blanks and comments, so that two ways of
// writing it compare equal. The case stays: the left side belongs to its maker (RFC 5322 3.6.4).
func NormalizeMessageID(s string) string {
	if ids := messageIDs(s, 1); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// messageIDs reads at most limit ids of a References or In-Reply-To, brackets or not.
func messageIDs(s string, limit int) []string {
	var out []string
	add := func(id string) {
		id = clean(strings.Join(strings.Fields(id), ""))
		if id != "" && len(id) <= 998 && len(out) < limit {
			out = append(out, id)
		}
	}
	if !strings.Contains(s, "<") {
		// In-Reply-To was prose once (RFC 822): only words with an @ are ids, unless there is one word.
		words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == ';' || r == '\n' })
		for _, w := range words {
			w = strings.Trim(w, `"<>`)
			if strings.Contains(w, "@") || len(words) == 1 {
				add(w)
			}
		}
		return out
	}
	for len(out) < limit {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		s = s[i+1:]
		j := strings.IndexAny(s, "<>")
		if j < 0 {
			add(s)
			break
		}
		add(s[:j])
		s = s[j:]
	}
	return out
}

func (m *Message) readIDs(root *part) {
	if ids := messageIDs(string(root.get("message-id")), 1); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	m.InReplyTo = messageIDs(clean(string(root.get("in-reply-to"))), 20)
	refs := messageIDs(clean(string(root.get("references"))), 10000)
	if len(refs) > maxReferences {
		m.problem("references_many")
		refs = append(refs[:1:1], refs[len(refs)-maxReferences+1:]...)
	}
	m.References = refs
}
