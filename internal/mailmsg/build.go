package mailmsg

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// LoopHeader marks what we sent ourselves, so that a letter that comes back is known.
const LoopHeader = "X-Insegel-Loop"

const maxBuildReferences = 20

// Outgoing is a letter to be written. Subject and names may hold anything: control characters are
// dropped. Addresses and ids must be what they say, or Build refuses.
type Outgoing struct {
	From        Address
	ReplyTo     []Address
	To          []Address
	Cc          []Address
	Subject     string
	Text        string
	MessageID   string // with or without angle brackets; required
	InReplyTo   string
	References  []string // oldest first; cut to 20, the first kept
	Date        time.Time
	Automatic   string // RFC 3834: "auto-replied" for acknowledgements, "auto-generated" for notices
	Loop        string // value of LoopHeader, if any
	Attachments []OutgoingFile
}

// OutgoingFile is a file to send along. Its content is read once.
type OutgoingFile struct {
	Name    string
	Type    string // "application/octet-stream" where empty or not a type
	Content io.Reader
}

// NeedsUTF8 tells whether the letter can only be sent with SMTPUTF8 (RFC 6531): an address has a local
// part outside ASCII. Domains are written in their ASCII form and need nothing.
func (o Outgoing) NeedsUTF8() bool {
	for _, list := range [][]Address{{o.From}, o.ReplyTo, o.To, o.Cc} {
		for _, a := range list {
			if local, _, _ := cutAt(a.Mail); !isASCII([]byte(local)) {
				return true
			}
		}
	}
	return false
}

// Build writes the letter, its lines ended by CRLF.
func Build(o Outgoing) ([]byte, error) {
	w := &builder{}
	if err := w.header(o); err != nil {
		return nil, err
	}
	w.line("MIME-Version: 1.0")
	if len(o.Attachments) == 0 {
		w.textPart(o.Text)
		return w.buf.Bytes(), nil
	}
	// The boundary is random enough that no text holds it, and the same for the same letter.
	sum := sha256.Sum256([]byte(o.MessageID + o.Date.String() + o.Text))
	boundary := "=_" + hex.EncodeToString(sum[:16])
	w.line(`Content-Type: multipart/mixed; boundary="` + boundary + `"`)
	w.line("")
	w.line("--" + boundary)
	w.textPart(o.Text)
	for _, f := range o.Attachments {
		w.line("")
		w.line("--" + boundary)
		if err := w.file(f); err != nil {
			return nil, err
		}
	}
	w.line("")
	w.line("--" + boundary + "--")
	return w.buf.Bytes(), nil
}

type builder struct{ buf bytes.Buffer }

func (w *builder) line(s string) {
	w.buf.WriteString(s)
	w.buf.WriteString("\r\n")
}

func (w *builder) header(o Outgoing) error {
	if o.Date.IsZero() {
		return errors.New("mailmsg: build: no date")
	}
	if len(o.To)+len(o.Cc) == 0 {
		return errors.New("mailmsg: build: no recipient")
	}
	id, err := buildID(o.MessageID)
	if err != nil || id == "" {
		return fmt.Errorf("mailmsg: build: message id: %w", errors.Join(err, errIf(id == "", "missing")))
	}
	w.field("Date", []string{o.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700")})
	for _, f := range []struct {
		name string
		list []Address
	}{{"From", []Address{o.From}}, {"Reply-To", o.ReplyTo}, {"To", o.To}, {"Cc", o.Cc}} {
		if err := w.addresses(f.name, f.list); err != nil {
			return err
		}
	}
	w.field("Subject", textTokens(clean(o.Subject)))
	w.field("Message-ID", []string{id})
	if err := w.thread(o); err != nil {
		return err
	}
	if o.Automatic != "" {
		if !isToken(o.Automatic) {
			return errors.New("mailmsg: build: Automatic is no keyword")
		}
		w.field("Auto-Submitted", []string{o.Automatic})
		// What Exchange reads instead of RFC 3834.
		w.field("X-Auto-Response-Suppress", []string{"All"})
	}
	if o.Loop != "" {
		if !isASCII([]byte(o.Loop)) || clean(o.Loop) != o.Loop || len(o.Loop) > 200 {
			return errors.New("mailmsg: build: Loop is not one short line of ASCII")
		}
		w.field(LoopHeader, []string{o.Loop})
	}
	return nil
}

func errIf(cond bool, s string) error {
	if cond {
		return errors.New(s)
	}
	return nil
}

func (w *builder) thread(o Outgoing) error {
	if o.InReplyTo != "" {
		id, err := buildID(o.InReplyTo)
		if err != nil {
			return fmt.Errorf("mailmsg: build: In-Reply-To: %w", err)
		}
		w.field("In-Reply-To", []string{id})
	}
	refs := o.References
	if len(refs) > maxBuildReferences {
		refs = append(refs[:1:1], refs[len(refs)-maxBuildReferences+1:]...)
	}
	var ids []string
	for _, r := range refs {
		// A stranger's id that cannot be written is left out: the others hold the thread.
		if id, err := buildID(r); err == nil && id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		w.field("References", ids)
	}
	return nil
}

// buildID writes a message id, or refuses what could be more than one.
func buildID(s string) (string, error) {
	s = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "<"), ">")
	if s == "" {
		return "", nil
	}
	if len(s) > 900 {
		return "", errors.New("too long")
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' {
			return "", errors.New("holds what no id may hold")
		}
	}
	if clean(s) != s {
		return "", errors.New("holds what no id may hold")
	}
	return "<" + s + ">", nil
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c != '-' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) < 40
}

func (w *builder) addresses(name string, list []Address) error {
	if len(list) == 0 {
		return nil
	}
	var tokens []string
	for i, a := range list {
		addr, err := buildMailbox(a.Mail)
		if err != nil {
			return fmt.Errorf("mailmsg: build: %s: %w", name, err)
		}
		if n := clean(a.Name); n != "" {
			tokens = append(tokens, nameTokens(n)...)
			addr = "<" + addr + ">"
		}
		if i < len(list)-1 {
			addr += ","
		}
		tokens = append(tokens, addr)
	}
	w.field(name, tokens)
	return nil
}

func buildMailbox(s string) (string, error) {
	if clean(s) != s || !(Address{Mail: s}).Usable() {
		return "", errors.New("not an address")
	}
	local, domain, _ := cutAt(s)
	if strings.HasPrefix(local, `"`) && (len(local) < 3 || closeQuote(local[1:]) != len(local)-2) {
		return "", errors.New("not an address")
	}
	if !isASCII([]byte(domain)) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", errors.New("not a domain")
		}
		domain = ascii
	}
	return local + "@" + domain, nil
}

// field writes a field, folded between tokens so that lines stay within 78 characters where they can
// (RFC 5322 2.1.1).
func (w *builder) field(name string, tokens []string) {
	w.buf.WriteString(name + ":")
	col := len(name) + 1
	for i, t := range tokens {
		if i > 0 && col+1+len(t) > 76 {
			w.buf.WriteString("\r\n")
			col = 0
		}
		w.buf.WriteString(" " + t)
		col += 1 + len(t)
	}
	w.buf.WriteString("\r\n")
}

// textTokens gives an unstructured text as words to fold between: as it is, or encoded (RFC 2047).
func textTokens(s string) []string {
	words := strings.Split(s, " ")
	plain := isASCII([]byte(s)) && !strings.Contains(s, "=?") && !strings.Contains(s, "  ")
	for _, wd := range words {
		plain = plain && len(wd) < 70
	}
	if plain {
		return words
	}
	return encodedWords(s)
}

func nameTokens(s string) []string {
	if !isASCII([]byte(s)) || strings.Contains(s, "=?") || len(s) > 60 {
		return encodedWords(s)
	}
	return []string{`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`}
}

// encodedWords writes s as base64 words of at most 75 characters that cut no character in two.
func encodedWords(s string) []string {
	var out []string
	for len(s) > 0 {
		n := 0
		for i, r := range s {
			if size := i + len(string(r)); size <= 42 {
				n = size
				continue
			}
			break
		}
		out = append(out, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return out
}

func (w *builder) textPart(text string) {
	w.line("Content-Type: text/plain; charset=UTF-8")
	w.line("Content-Transfer-Encoding: quoted-printable")
	w.line("")
	text = new(Message).cleanText(text)
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	qp := quotedprintable.NewWriter(&w.buf)
	// Writing to a bytes.Buffer cannot fail.
	_, _ = qp.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	_ = qp.Close()
}

func (w *builder) file(f OutgoingFile) error {
	ctype := strings.ToLower(f.Type)
	// A letter or a multipart may not be base64 (RFC 2045 6.4): sent as bytes, it arrives whole.
	if !isMediaType(ctype) || strings.HasPrefix(ctype, "multipart/") || strings.HasPrefix(ctype, "message/") {
		ctype = "application/octet-stream"
	}
	w.line("Content-Type: " + ctype)
	w.line("Content-Transfer-Encoding: base64")
	p := &parser{m: &Message{}}
	w.disposition(p.fileName(f.Name, "file"))
	w.line("")
	enc := base64.NewEncoder(base64.StdEncoding, &lineBreaker{w: &w.buf})
	if _, err := io.Copy(enc, f.Content); err != nil {
		return fmt.Errorf("mailmsg: build: read attachment: %w", err)
	}
	return enc.Close()
}

func isMediaType(s string) bool {
	if len(s) > 120 || strings.Count(s, "/") != 1 || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("/.+-_", c) >= 0) {
			return false
		}
	}
	return true
}

// disposition names the file (RFC 2183), outside ASCII or too long for a line in the way of RFC 2231.
func (w *builder) disposition(name string) {
	if isASCII([]byte(name)) && len(name) < 60 && !strings.ContainsAny(name, "\"\\%'=?") {
		w.line(`Content-Disposition: attachment; filename="` + name + `"`)
		return
	}
	w.buf.WriteString("Content-Disposition: attachment")
	enc := percent(name)
	for i := 0; len(enc) > 0; i++ {
		n := min(len(enc), 50)
		if j := strings.LastIndexByte(enc[:n], '%'); n < len(enc) && j > n-3 {
			n = j
		}
		lead := ""
		if i == 0 {
			lead = "UTF-8''"
		}
		fmt.Fprintf(&w.buf, ";\r\n filename*%d*=%s%s", i, lead, enc[:n])
		enc = enc[n:]
	}
	w.buf.WriteString("\r\n")
}

func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// lineBreaker ends lines after 76 characters (RFC 2045 6.8).
type lineBreaker struct {
	w   *bytes.Buffer
	col int
}

func (l *lineBreaker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(76-l.col, len(p))
		l.w.Write(p[:k])
		p, l.col = p[k:], l.col+k
		if l.col == 76 {
			l.w.WriteString("\r\n")
			l.col = 0
		}
	}
	return n, nil
}
