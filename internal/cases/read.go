package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"insegel/internal/clock"
	"insegel/internal/mailmsg"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Thread is a case with all that was said in it.
type Thread struct {
	Case
	Messages []Message
}

// Read gives a case whole. It runs four statements whatever the number of messages. Of an erased case the clear
// part is given.
func Read(ctx context.Context, r *visit.Reader, number int64) (Thread, error) {
	c, key, err := byNumber(ctx, r, number)
	if err != nil {
		return Thread{}, err
	}
	r.Case(number)
	t := Thread{Case: c}
	if c.Erased {
		return t, nil
	}
	if t.Messages, err = messages(ctx, r, key, &c); err != nil {
		return t, err
	}
	of, err := files(ctx, r, key, &c, "")
	if err != nil {
		return t, err
	}
	sent, err := deliveries(ctx, r, key, sqlDeliveries, number, maxCaseFiles)
	if err != nil {
		return t, err
	}
	for i := range t.Messages {
		m := &t.Messages[i]
		m.Files = of[m.ID]
		for _, d := range sent[m.ID] {
			if d.Place < int64(len(m.To)) {
				d.To = m.To[d.Place]
			}
			m.Deliveries = append(m.Deliveries, d)
		}
	}
	return t, nil
}

// Get gives a case without its messages.
func Get(ctx context.Context, r *visit.Reader, number int64) (Case, error) {
	c, _, err := byNumber(ctx, r, number)
	if err == nil {
		r.Case(number)
	}
	return c, err
}

func deliveries(ctx context.Context, r *visit.Reader, key visit.Key, sql string, args ...any) (map[string][]Delivery, error) {
	rows, err := r.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]Delivery{}
	for rows.Next() {
		d, err := scanDelivery(key, rows.Scan)
		if err != nil {
			return nil, err
		}
		all[d.Message] = append(all[d.Message], d)
	}
	return all, rows.Err()
}

func scanDelivery(key visit.Key, into func(...any) error) (d Delivery, err error) {
	var detail []byte
	var first, next int64
	if err := into(&d.Message, &d.Place, &d.State, &d.Status, &detail, &d.Tries, &first, &next); err != nil {
		return d, err
	}
	d.First, d.Next = clock.FromMicros(first), clock.FromMicros(next)
	d.Detail, err = key.Text("delivery", "detail", deliveryRow(d.Message, d.Place), detail)
	return d, err
}

func deliveryRow(message string, place int64) string { return fmt.Sprintf("%s %d", message, place) }

// ToSend gives what a delivery needs: the message with its files, its case, and the delivery. done is true where there is nothing
// left to send.
func ToSend(ctx context.Context, r *visit.Reader, messageID string, place int64) (c Case, m Message, d Delivery, done bool, err error) {
	var number int64
	err = r.QueryRow(ctx, sqlMessageCase, []any{messageID}, &number)
	if errors.Is(err, store.ErrNoRows) {
		return c, m, d, true, nil
	}
	if err != nil {
		return c, m, d, false, err
	}
	c, key, err := byNumber(ctx, r, number)
	if err != nil || c.Erased {
		return c, m, d, c.Erased, err
	}
	r.Case(number)
	d, err = scanDelivery(key, func(dest ...any) error { return r.QueryRow(ctx, sqlDelivery, []any{messageID, place}, dest...) })
	if errors.Is(err, store.ErrNoRows) || err == nil && d.State != Queued {
		return c, m, d, true, nil
	}
	if err != nil {
		return c, m, d, false, err
	}
	m, err = scanMessage(key, func(dest ...any) error { return r.QueryRow(ctx, sqlMessage, []any{c.ID, messageID}, dest...) })
	if err != nil {
		return c, m, d, false, err
	}
	of, err := files(ctx, r, key, &c, messageID)
	m.Files = of[messageID]
	if place < int64(len(m.To)) {
		d.To = m.To[place]
	}
	return c, m, d, false, err
}

// FileOf gives a file's bytes by its id, for sending it along.
func FileOf(ctx context.Context, r *visit.Reader, number int64, f File) (visit.Content, error) {
	_, b, err := Content(ctx, r, number, f.Message, f.ID)
	return b, err
}

// Ref is a message that is known by a message id.
type Ref struct {
	Message string
	Case    int64
	ID      string
}

// Ours tells whether the message id is one that we gave: ours begin with the message's own id, which nobody outside chooses.
func (f Ref) Ours() bool { return strings.HasPrefix(f.ID, f.Message+"@") }

// maxRefs is how many messages of one id are looked at: anybody can write a letter with an id that is taken.
const maxRefs = 16

// ByReference gives the messages of ours or theirs that have a message id, the oldest case first.
func ByReference(ctx context.Context, r *visit.Reader, messageID string) ([]Ref, error) {
	rows, err := r.Query(ctx, sqlRefs, r.Lookup("message-id", messageID), maxRefs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Ref
	for rows.Next() {
		f := Ref{ID: messageID}
		if err := rows.Scan(&f.Message, &f.Case); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, rows.Err()
}

// Party tells whether an address takes part in a case.
func Party(ctx context.Context, r *visit.Reader, number int64, mail string) (bool, error) {
	var caseID string
	err := r.QueryRow(ctx, sqlParty, []any{number, r.Lookup("party", mailmsg.NormalizeAddress(mail))}, &caseID)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
