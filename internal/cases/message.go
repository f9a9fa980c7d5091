package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/mailmsg"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// MessageKind says what a message is to the case.
type MessageKind string

// The kinds of messages.
const (
	Incoming MessageKind = "in"     // somebody outside wrote
	Reply    MessageKind = "reply"  // a handler answered
	Note     MessageKind = "note"   // for colleagues only
	Ack      MessageKind = "ack"    // the automatic acknowledgement
	Auto     MessageKind = "auto"   // a machine outside answered: out of office
	Report   MessageKind = "report" // a bounce or delivery report
)

// Outgoing tells whether messages of this kind are sent.
func (k MessageKind) Outgoing() bool { return k == Reply || k == Ack }

// Channel is what a message came or goes over.
type Channel string

// The channels so far.
const (
	ByMail Channel = "mail"
	ByWeb  Channel = "web"
	ByAPI  Channel = "api"
)

// Head is what stands over a message's text, sealed.
type Head struct {
	Subject    string   `json:"subject,omitempty"`
	From       Person   `json:"from"`
	ReplyTo    Person   `json:"reply_to,omitzero"` // where they want the answer, if elsewhere
	To         []Person `json:"to,omitempty"`
	Cc         []Person `json:"cc,omitempty"`
	MessageID  string   `json:"message_id,omitempty"`
	InReplyTo  string   `json:"in_reply_to,omitempty"`
	References []string `json:"references,omitempty"`
	Date       string   `json:"date,omitempty"` // as the sender's clock had it
	Problems   []string `json:"problems,omitempty"`
	TLS        string   `json:"tls,omitempty"`
	IP         string   `json:"ip,omitempty"`
}

// Message is one thing said in a case.
type Message struct {
	ID      string
	At      time.Time
	Kind    MessageKind
	Channel Channel
	Author  string // account id, empty for somebody outside
	Head
	Body       string
	HTML       string // as written outside: show only what was sanitised
	Raw        string // id of the original's bytes, empty where there is none
	State      string // of what is sent: queued, sent, failed
	Files      []File
	Deliveries []Delivery
}

// File is a file of a message.
type File struct {
	ID      string
	Message string
	Size    int64
	FileHead
}

// FileHead is what a file is called and claims to be, sealed.
type FileHead struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	ContentID string `json:"cid,omitempty"`
	Inline    bool   `json:"inline,omitempty"`
}

// Delivery is what became of an answer at one recipient.
type Delivery struct {
	Message string
	Place   int64 // among the recipients
	To      Person
	State   string // queued, sent, failed
	Status  string // RFC 3463, as "4.2.2"
	Detail  string // the other side's words
	Tries   int64
	First   time.Time
	Next    time.Time
}

// The states of a delivery, and of a message made of them.
const (
	Queued = "queued"
	Sent   = "sent"
	Failed = "failed"
)

// NewFile is a file that was taken in and goes with a message.
type NewFile struct {
	FileHead
	Draft *visit.Draft
}

// NewMessage is what a message is made from.
type NewMessage struct {
	ID      string // made before the change, so that it can be named elsewhere
	Kind    MessageKind
	Channel Channel
	Author  string
	Head
	Body  string
	HTML  string
	Raw   string // blob id, re-keyed to the case by who adds the message
	Files []NewFile
}

// clean gives the message with texts that every database, page and letter can hold.
func (m NewMessage) clean() NewMessage {
	m.Subject, m.From, m.ReplyTo = line(m.Subject, MaxSubject), m.From.clean(), m.ReplyTo.clean()
	m.To, m.Cc = clean(m.To), clean(m.Cc)
	m.MessageID = store.Text(m.MessageID)
	m.Body, m.HTML = store.Text(m.Body), store.Text(m.HTML)
	return m
}

func (m NewMessage) check() error {
	var sum int64
	for _, f := range m.Files {
		sum += f.Draft.Size
	}
	switch {
	case len(m.Body) > MaxBody:
		return fault.New(fault.TooLarge, "fault.message.too_long", "limit", MaxBody)
	case len(m.Files) > MaxFiles:
		return fault.New(fault.TooLarge, "fault.message.too_many_files", "limit", MaxFiles)
	case m.Kind.Outgoing() && sum > MaxSent:
		return fault.New(fault.TooLarge, "fault.too_large", "limit", MaxSent)
	case m.Kind.Outgoing() && len(m.To) == 0:
		return fault.New(fault.Invalid, "fault.message.no_recipient")
	}
	return nil
}

// add writes a message under its case's key: text, files, the names it can be found by, and a job for each recipient of what
// is sent.
func add(w *visit.Writer, key visit.Key, c *Case, m NewMessage) error {
	m = m.clean()
	if err := m.check(); err != nil {
		return err
	}
	head, err := json.Marshal(m.Head)
	if err != nil {
		return fmt.Errorf("message head: %w", err)
	}
	state := ""
	if m.Kind.Outgoing() {
		state = Queued
	}
	now := w.Visit().Now()
	w.Put(sqlMessageNew, m.ID, c.ID, clock.Micros(now), string(m.Kind), string(m.Channel), m.Author,
		w.Seal(key, "message", "head", m.ID, head), w.SealText(key, "message", "body", m.ID, m.Body),
		w.SealText(key, "message", "html", m.ID, m.HTML), m.Raw, state, len(m.Files))
	w.Made("message", 1)
	w.Object(m.ID)
	if err := addFiles(w, key, c, m); err != nil {
		return err
	}
	if m.MessageID != "" {
		w.Put(sqlRefNew, w.Lookup("message-id", m.MessageID), m.ID, c.Number)
	}
	addParties(w, c, m)
	if m.Kind.Outgoing() {
		for place := range m.To {
			w.Put(sqlDeliveryNew, m.ID, place, c.Number, clock.Micros(now))
			w.Made("delivery", 1)
			w.Job(JobSend, m.ID+" "+visit.Number(int64(place)), now)
		}
	}
	return nil
}

// JobSend is the job that sends a message to one recipient. Its argument is the message's id and the recipient's place.
const JobSend = "mail.send"

func addFiles(w *visit.Writer, key visit.Key, c *Case, m NewMessage) error {
	for place, f := range m.Files {
		f.Name, f.Type = line(f.Name, MaxName), line(f.Type, MaxName)
		head, err := json.Marshal(f.FileHead)
		if err != nil {
			return fmt.Errorf("file head: %w", err)
		}
		w.Keep(key, f.Draft)
		w.Put(sqlFileNew, f.Draft.ID, m.ID, c.ID, place, w.Seal(key, "attachment", "head", f.Draft.ID, head), f.Draft.Size)
		w.Made("attachment", 1)
	}
	return nil
}

// addParties notes who is in the case: only they are believed when a letter says that it belongs here. Whom a
// stranger copied is not thereby a party; whom we answer is. We ourselves are none.
func addParties(w *visit.Writer, c *Case, m NewMessage) {
	switch {
	case m.Kind.Outgoing():
		for _, p := range slices.Concat(m.To, m.Cc) {
			addParty(w, c, p)
		}
	case m.Author == "":
		addParty(w, c, m.From)
	}
}

func addParty(w *visit.Writer, c *Case, p Person) {
	if mail := mailmsg.NormalizeAddress(p.Mail); mail != "" {
		w.Put(sqlPartyNew, c.ID, w.Lookup("party", mail))
	}
}

// What one page reads of a case, the newest of each.
const (
	maxMessages  = 2000
	maxCaseFiles = 10 * maxMessages
	maxHeads     = 200 // of a thread, to know whom to answer
)

// messages gives a case's messages in their order.
func messages(ctx context.Context, r *visit.Reader, key visit.Key, c *Case) ([]Message, error) {
	rows, err := r.Query(ctx, sqlMessages, c.ID, maxMessages)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Message
	for rows.Next() {
		m, err := scanMessage(key, rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.Reverse(all)
	return all, rows.Err()
}

// heads gives the newest messages without their texts, in their order.
func heads(ctx context.Context, r *visit.Reader, key visit.Key, c *Case) ([]Message, error) {
	rows, err := r.Query(ctx, sqlHeads, c.ID, maxHeads)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Message
	for rows.Next() {
		var m Message
		var head []byte
		if err := rows.Scan(&m.ID, (*string)(&m.Kind), &head); err != nil {
			return nil, err
		}
		if err := m.open(key, head); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.Reverse(all)
	return all, rows.Err()
}

// open opens what stands over the text.
func (m *Message) open(key visit.Key, head []byte) error {
	b, err := key.Open("message", "head", m.ID, head)
	if err == nil && len(b) > 0 {
		err = json.Unmarshal(b, &m.Head)
	}
	if err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	return nil
}

func scanMessage(key visit.Key, into func(...any) error) (m Message, err error) {
	var at, files int64
	var head, body, html []byte
	if err := into(&m.ID, &at, (*string)(&m.Kind), (*string)(&m.Channel), &m.Author, &head, &body, &html, &m.Raw, &m.State, &files); err != nil {
		return m, err
	}
	m.At = clock.FromMicros(at)
	if err = m.open(key, head); err != nil {
		return m, err
	}
	if m.Body, err = key.Text("message", "body", m.ID, body); err != nil {
		return m, err
	}
	m.HTML, err = key.Text("message", "html", m.ID, html)
	return m, err
}

// files gives the files of a case by message, or of one message of it.
func files(ctx context.Context, r *visit.Reader, key visit.Key, c *Case, message string) (map[string][]File, error) {
	sql, args := sqlFiles, []any{c.ID, maxCaseFiles}
	if message != "" {
		sql, args = sqlFilesOf, []any{c.ID, message, MaxFiles}
	}
	rows, err := r.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]File{}
	for rows.Next() {
		f, err := scanFile(key, rows.Scan)
		if err != nil {
			return nil, err
		}
		all[f.Message] = append(all[f.Message], f)
	}
	return all, rows.Err()
}

func scanFile(key visit.Key, into func(...any) error) (f File, err error) {
	var head []byte
	if err := into(&f.ID, &f.Message, &head, &f.Size); err != nil {
		return f, err
	}
	b, err := key.Open("attachment", "head", f.ID, head)
	if err == nil && len(b) > 0 {
		err = json.Unmarshal(b, &f.FileHead)
	}
	return f, err
}

// Content gives a file's bytes.
func Content(ctx context.Context, r *visit.Reader, number int64, messageID, fileID string) (File, visit.Content, error) {
	c, key, err := readable(ctx, r, number)
	if err != nil {
		return File{}, visit.Content{}, err
	}
	f, err := scanFile(key, func(dest ...any) error { return r.QueryRow(ctx, sqlFile, []any{c.ID, messageID, fileID}, dest...) })
	if errors.Is(err, store.ErrNoRows) {
		return File{}, visit.Content{}, fault.New(fault.NotFound, "fault.file.not_found")
	}
	if err != nil {
		return File{}, visit.Content{}, err
	}
	r.Object(f.ID)
	b, err := r.Blob(ctx, key, f.ID)
	return f, b, err
}

// Original gives the bytes of a letter as it arrived.
func Original(ctx context.Context, r *visit.Reader, number int64, messageID string) (visit.Content, error) {
	c, key, err := readable(ctx, r, number)
	if err != nil {
		return visit.Content{}, err
	}
	m, err := scanMessage(key, func(dest ...any) error { return r.QueryRow(ctx, sqlMessage, []any{c.ID, messageID}, dest...) })
	if errors.Is(err, store.ErrNoRows) || err == nil && m.Raw == "" {
		return visit.Content{}, fault.New(fault.NotFound, "fault.file.not_found")
	}
	if err != nil {
		return visit.Content{}, err
	}
	r.Object(m.ID)
	return r.Blob(ctx, key, m.Raw)
}

// readable reads a case whose content is still there, and says in the record which it was.
func readable(ctx context.Context, r *visit.Reader, number int64) (Case, visit.Key, error) {
	c, key, err := byNumber(ctx, r, number)
	if err != nil {
		return c, key, err
	}
	r.Case(number)
	if c.Erased {
		return c, key, fault.New(fault.NotFound, "fault.case.erased", "number", number)
	}
	return c, key, nil
}
