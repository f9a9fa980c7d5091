package mailmsg

import (
	"bytes"
	"fmt"
	"strings"
)

// Parse reads a message. It fails only with ErrEmpty, a *LimitError, or an error that says that a
// reader gave up (which is a defect here, and still no reason to lose the message: quarantine it).
func Parse(raw []byte, lim Limits) (m *Message, err error) {
	// A defect in a decoder must cost one message its parsing, never the process.
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("mailmsg: reader failed: %v", r)
		}
	}()
	lim = lim.orDefault()
	m = &Message{}
	raw = m.mendLineEnds(raw)
	p := &parser{m: m, lim: lim}
	root, err := p.tree(trimLead(raw), 1, "text/plain")
	if err != nil {
		return nil, err
	}
	if len(root.fields) == 0 && len(bytes.TrimSpace(root.body)) == 0 {
		return nil, ErrEmpty
	}
	m.root = root
	m.readHeader(root)
	p.charset = root.bodyCharset()
	if err := p.assemble(root); err != nil {
		return nil, err
	}
	return m, nil
}

type parser struct {
	m       *Message
	lim     Limits
	parts   int
	decoded int
	charset string
}

// mendLineEnds turns a message written with bare CR throughout (old Macs) into lines. Anything else
// keeps its bytes: attachments must come out as they went in.
func (m *Message) mendLineEnds(raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') >= 0 || bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	m.problem("bare_cr")
	return bytes.ReplaceAll(raw, []byte{'\r'}, []byte{'\n'})
}

// trimLead drops what stands before the first field and belongs to no message: a byte order mark, blank
// lines, the "From " line of a mailbox file.
func trimLead(raw []byte) []byte {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	for range 100 {
		line, rest := cutLine(raw)
		t := bytes.TrimSpace(line)
		mbox := bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
		if len(raw) == 0 || (len(t) > 0 && !mbox) {
			return raw
		}
		raw = rest
	}
	return raw
}

func (m *Message) readHeader(root *part) {
	cs := root.bodyCharset()
	for _, f := range root.fields {
		m.Headers = append(m.Headers, Header{Name: f.name, Value: clean(m.decode8bit(f.value, cs))})
	}
	m.Subject = m.readSubject(root, cs)
	m.From = m.readAddresses(root, "from", cs)
	m.Sender = m.readAddresses(root, "sender", cs)
	m.ReplyTo = m.readAddresses(root, "reply-to", cs)
	m.To = m.readAddresses(root, "to", cs)
	m.Cc = m.readAddresses(root, "cc", cs)
	m.readIDs(root)
	m.readDate(root)
	m.AutoSubmitted = keyword(root.get("auto-submitted"))
	for _, missing := range []struct {
		name  string
		empty bool
	}{{"from", len(m.From) == 0}, {"subject", m.Subject == ""}, {"message_id", m.MessageID == ""}, {"date", !m.DateOK}} {
		if missing.empty {
			m.problem("no_" + missing.name)
		}
	}
}

func (m *Message) readSubject(root *part, cs string) string {
	n := 0
	s := ""
	for _, f := range root.fields {
		if f.key != "subject" {
			continue
		}
		n++
		if s == "" {
			s = clean(m.decodeText(f.value, cs))
		}
	}
	if n > 1 {
		m.problem("subject_twice")
	}
	if r := []rune(s); len(r) > maxSubject {
		m.problem("subject_long")
		s = string(r[:maxSubject])
	}
	return s
}

func (m *Message) readAddresses(root *part, key, cs string) []Address {
	var out []Address
	fields := 0
	for _, f := range root.fields {
		if f.key != key || len(out) >= maxAddresses {
			continue
		}
		fields++
		out = append(out, m.addressList(f.value, cs)...)
	}
	if fields > 1 {
		m.problem(key + "_twice")
	}
	// Several From fields are forbidden (RFC 5322 3.6) but written: the first usable address speaks.
	if key == "from" && len(out) > 1 && !out[0].Usable() {
		m.problem("from_mended")
		out = usableFirst(out)
	}
	if len(out) > maxAddresses {
		m.problem("addresses_many")
		out = out[:maxAddresses]
	}
	return out
}

func usableFirst(in []Address) []Address {
	var good, bad []Address
	for _, a := range in {
		if a.Usable() {
			good = append(good, a)
		} else {
			bad = append(bad, a)
		}
	}
	return append(good, bad...)
}

// keyword gives the first word of a structured value in lower case: "auto-replied (vacation); x=y".
func keyword(v []byte) string {
	s := strings.ToLower(strings.TrimSpace(string(v)))
	if i := strings.IndexAny(s, " ;(\t"); i >= 0 {
		s = s[:i]
	}
	return clean(s)
}
