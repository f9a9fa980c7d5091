// Package intake keeps what arrived by mail until it is a case: the sealed bytes as they came, the envelope, and
// why a letter was held back.
//
// It owns the table letter. Taking a letter in is one commit, after which it is never dropped: it is filed in a case, held in
// quarantine with its reason, or discarded by a recorded act. It does not read letters (mailmsg), make cases (cases) or decide
// where one belongs (channel/mail).
package intake

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/queue"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// JobFile is the job that makes a letter a message of a case. Its argument is the letter's id.
const JobFile = "mail.file"

// State is where a letter is.
type State string

// The states of a letter.
const (
	Waiting   State = "waiting"   // its job is due
	Filed     State = "filed"     // it is a message of a case; only its digest stays here
	Held      State = "held"      // in quarantine, whole, with a reason
	Discarded State = "discarded" // by a person; its key was destroyed
)

// Envelope is how a letter was delivered.
type Envelope struct {
	RemoteIP  string `json:"ip"`
	HELO      string `json:"helo"`
	From      string `json:"from"`
	Recipient string `json:"rcpt"` // with its "+" part
	TLS       string `json:"tls,omitempty"`
	Session   string `json:"session,omitempty"` // id in the program's log lines
}

// Letter is one that arrived, as the database has it.
type Letter struct {
	ID       string
	Queue    string
	Purpose  string
	State    State
	Reason   string // why it is held: a short machine word
	Size     int64
	Received time.Time
	Case     int64 // where it was filed
	blob     string
	envelope []byte
}

// Migrations are the room's table. digest is an HMAC, so that not even who holds the database can test for a letter.
var Migrations = []store.Migration{{Number: 8, Name: "intake", SQL: `
CREATE TABLE letter (
	id TEXT PRIMARY KEY,
	queue TEXT NOT NULL,
	purpose TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	digest BYTEA NOT NULL,
	envelope BYTEA,
	blob TEXT NOT NULL,
	size BIGINT NOT NULL,
	received BIGINT NOT NULL,
	case_no BIGINT NOT NULL
);
CREATE UNIQUE INDEX letter_digest ON letter (digest);
CREATE INDEX letter_state ON letter (state, received, id);
`}}

const (
	sqlInsert = `
INSERT INTO letter (id, queue, purpose, state, reason, digest, envelope, blob, size, received, case_no)
VALUES ($1, $2, $3, 'waiting', '', $4, $5, $6, $7, $8, 0)`
	sqlTwin    = `SELECT id FROM letter WHERE digest = $1`
	sqlColumns = `SELECT id, queue, purpose, state, reason, size, received, case_no, blob, envelope FROM letter`
	sqlGet     = sqlColumns + ` WHERE id = $1`
	sqlHeld    = sqlColumns + `
WHERE state = 'held' AND (received < $1 OR (received = $1 AND id < $2))
AND purpose IN ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
	$27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50,
	$51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64, $65, $66)
ORDER BY received DESC, id DESC LIMIT $67`
	sqlOldest  = `SELECT COALESCE(MIN(received), 0), COUNT(*) FROM letter WHERE state = 'waiting'`
	sqlFiled   = `UPDATE letter SET state = 'filed', reason = '', envelope = NULL, blob = '', case_no = $1 WHERE id = $2`
	sqlHold    = `UPDATE letter SET state = 'held', reason = $1 WHERE id = $2`
	sqlRelease = `UPDATE letter SET state = 'waiting' WHERE id = $1`
	sqlDiscard = `UPDATE letter SET state = 'discarded', envelope = NULL, blob = '' WHERE id = $1`
)

// Receive makes a letter durable for one queue, and queues its job. The same bytes delivered twice to a queue are one letter:
// digest is SHA-256 of the message without its leading trace headers. More than limit bytes are a fault TooLarge.
func Receive(ctx context.Context, v *visit.Visit, q queue.Queue, env Envelope, digest [32]byte, raw io.Reader, limit int64) (letterID string, err error) {
	env = bounded(env)
	b, err := json.Marshal(env)
	if err != nil {
		return "", fmt.Errorf("envelope: %w", err)
	}
	draft, err := v.Spool(raw, limit)
	if err != nil {
		return "", err
	}
	letterID = v.NewID()
	mark := v.Lookup("letter", q.ID+" "+hex.EncodeToString(digest[:]))
	twin, err := visit.Update(ctx, v, func(w *visit.Writer) (string, error) {
		var twin string
		switch err := w.QueryRow(ctx, sqlTwin, []any{mark}, &twin); {
		case err == nil:
			w.Object(twin)
			w.Set("letter", "again")
			return twin, nil
		case !errors.Is(err, store.ErrNoRows):
			return "", err
		}
		return "", arrive(w, letterID, q, draft, mark, b)
	})
	if err != nil || twin != "" {
		v.Discard(draft)
		return twin, err
	}
	return letterID, nil
}

func arrive(w *visit.Writer, letterID string, q queue.Queue, d *visit.Draft, mark, envelope []byte) error {
	key, err := w.NewKey(letterID, "letter", q.Purpose)
	if err != nil {
		return err
	}
	now := w.Visit().Now()
	w.Keep(key, d)
	w.Put(sqlInsert, letterID, q.ID, q.Purpose, mark, w.Seal(key, "letter", "envelope", letterID, envelope), d.ID, d.Size, clock.Micros(now))
	w.Job(JobFile, letterID, now)
	w.Object(letterID)
	w.Set("queue", q.ID)
	w.Made("letter", 1)
	return nil
}

// bounded cuts what a stranger's server says of itself to what RFC 5321 4.5.3.1 allows, generously.
func bounded(e Envelope) Envelope {
	for _, s := range []*string{&e.HELO, &e.From, &e.Recipient, &e.TLS} {
		if len(*s) > 1000 {
			*s = (*s)[:1000]
		}
	}
	return e
}

// Get gives a letter, of a purpose that the visit has.
func Get(ctx context.Context, r *visit.Reader, letterID string) (Letter, error) {
	l, err := scan(func(dest ...any) error { return r.QueryRow(ctx, sqlGet, []any{letterID}, dest...) })
	if errors.Is(err, store.ErrNoRows) || err == nil && !r.Visit().May(l.Purpose) {
		return Letter{}, fault.New(fault.NotFound, "fault.letter.not_found")
	}
	return l, err
}

// Open gives the key that a letter is sealed under, its envelope and its bytes.
func (l Letter) Open(ctx context.Context, r *visit.Reader) (visit.Key, Envelope, visit.Content, error) {
	var env Envelope
	key, err := l.Key(ctx, r)
	if err == nil {
		env, err = l.Envelope(key)
	}
	if err != nil {
		return key, env, visit.Content{}, err
	}
	c, err := r.Blob(ctx, key, l.blob)
	return key, env, c, err
}

// Envelope opens a letter's envelope without touching its bytes, for lists.
func (l Letter) Envelope(key visit.Key) (env Envelope, err error) {
	b, err := key.Open("letter", "envelope", l.ID, l.envelope)
	if err == nil {
		err = json.Unmarshal(b, &env)
	}
	if err != nil {
		return env, fmt.Errorf("envelope of %s: %w", l.ID, err)
	}
	return env, nil
}

// Key gives the key that a letter is sealed under, within a change.
func (l Letter) Key(ctx context.Context, r *visit.Reader) (visit.Key, error) {
	return r.Key(ctx, l.ID, "letter:"+l.ID)
}

// Blob is the id of the letter's bytes.
func (l Letter) Blob() string { return l.blob }

// MarkFiled says that a letter is a message of a case now: its bytes were re-keyed to the case, and its own key goes with the
// case's. It is not destroyed yet, for a backup may hold the letter as it waited.
func MarkFiled(w *visit.Writer, l Letter, number int64, key visit.Key) {
	w.Put(sqlFiled, number, l.ID)
	w.Follow(l.ID, key)
}

// Hold puts a letter into quarantine with its reason.
func Hold(w *visit.Writer, letterID, reason string) {
	w.Put(sqlHold, reason, letterID)
	w.Object(letterID)
	w.Set("letter", string(Held))
	w.Set("reason", reason)
}

// Page is where a list of held letters goes on.
type Page struct {
	Before time.Time
	ID     string
}

// MaxPage bounds a list; maxPurposes is how many purposes the statement has places for.
const (
	MaxPage     = 200
	maxPurposes = 64
)

// HeldLetters lists the quarantine, the newest first.
func HeldLetters(ctx context.Context, r *visit.Reader, p Page, limit int) ([]Letter, error) {
	before := clock.Micros(p.Before)
	if before == 0 {
		before = 1<<62 - 1
	}
	purposes := r.Visit().Purposes()
	if len(purposes) > maxPurposes {
		return nil, fault.New(fault.Invalid, "fault.list.purposes", "max", maxPurposes)
	}
	args := []any{before, p.ID}
	for i := range maxPurposes {
		if i < len(purposes) {
			args = append(args, purposes[i])
		} else {
			args = append(args, "")
		}
	}
	rows, err := r.Query(ctx, sqlHeld, append(args, max(1, min(limit, MaxPage)))...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Letter
	for rows.Next() {
		l, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}

// Backlog tells how many letters wait to be filed, and since when.
func Backlog(ctx context.Context, r *visit.Reader) (n int64, oldest time.Time, err error) {
	var us int64
	err = r.QueryRow(ctx, sqlOldest, nil, &us, &n)
	return n, clock.FromMicros(us), err
}

// Release sends a held letter on its way again. Its job files it whatever held it before: a person has looked.
func Release(ctx context.Context, v *visit.Visit, letterID string) error {
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) { return struct{}{}, LetGo(ctx, w, letterID) })
	return err
}

// LetGo is Release within a change that does something else besides.
func LetGo(ctx context.Context, w *visit.Writer, letterID string) error {
	return act(ctx, w, letterID, func(l Letter) {
		w.Put(sqlRelease, l.ID)
		w.Job(JobFile, l.ID, w.Visit().Now())
		w.Set("letter", string(Waiting))
	})
}

// Discard gives a held letter up: its key is destroyed.
func Discard(ctx context.Context, v *visit.Visit, letterID string) error {
	_, err := visit.Update(ctx, v, func(w *visit.Writer) (struct{}, error) { return struct{}{}, GiveUp(ctx, w, letterID) })
	return err
}

// GiveUp is Discard within a change that does something else besides.
func GiveUp(ctx context.Context, w *visit.Writer, letterID string) error {
	return act(ctx, w, letterID, func(l Letter) {
		w.Put(sqlDiscard, l.ID)
		w.Drop(l.blob)
		w.Erase(l.ID)
		w.Set("letter", string(Discarded))
	})
}

func act(ctx context.Context, w *visit.Writer, letterID string, do func(Letter)) error {
	l, err := Get(ctx, &w.Reader, letterID)
	if err != nil {
		return err
	}
	if l.State != Held {
		return fault.New(fault.Conflict, "fault.letter.not_held")
	}
	w.Object(l.ID)
	w.Was("letter", string(Held))
	do(l)
	return nil
}

func scan(into func(...any) error) (Letter, error) {
	var l Letter
	var state string
	var received int64
	err := into(&l.ID, &l.Queue, &l.Purpose, &state, &l.Reason, &l.Size, &received, &l.Case, &l.blob, &l.envelope)
	l.State, l.Received = State(state), clock.FromMicros(received)
	return l, err
}
