package cases

import (
	"context"
	"errors"
	"fmt"

	"insegel/internal/clock"
	"insegel/internal/fault"
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
	of, err := files(ctx, r, key, &c)
	if err != nil {
		return t, err
	}
	sent, err := deliveries(ctx, r, key, number)
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

func deliveries(ctx context.Context, r *visit.Reader, key visit.Key, number int64) (map[string][]Delivery, error) {
	rows, err := r.Query(ctx, sqlDeliveries, number)
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

// ToSend gives what a delivery needs: the message with its case, and the files. done is true where there is nothing left
// to send.
func ToSend(ctx context.Context, r *visit.Reader, messageID string, place int64) (c Case, m Message, d Delivery, done bool, err error) {
	var number int64
	err = r.QueryRow(ctx, sqlMessageCase, []any{messageID}, &number)
	if errors.Is(err, store.ErrNoRows) {
		return c, m, d, true, nil
	}
	if err != nil {
		return c, m, d, false, err
	}
	t, err := Read(ctx, r, number)
	if err != nil || t.Erased {
		return c, m, d, t.Erased, err
	}
	for _, m := range t.Messages {
		if m.ID != messageID {
			continue
		}
		for _, d := range m.Deliveries {
			if d.Place == place {
				return t.Case, m, d, d.State != Queued, nil
			}
		}
	}
	return c, m, d, true, nil
}

// FileOf gives a file's bytes by its id, for sending it along.
func FileOf(ctx context.Context, r *visit.Reader, number int64, f File) (visit.Content, error) {
	_, b, err := Content(ctx, r, number, f.Message, f.ID)
	return b, err
}

// ByReference finds the case that a message id of ours or theirs belongs to; NotFound where none does.
func ByReference(ctx context.Context, r *visit.Reader, messageID string) (message string, number int64, err error) {
	err = r.QueryRow(ctx, sqlRef, []any{r.Lookup("message-id", messageID)}, &message, &number)
	if errors.Is(err, store.ErrNoRows) {
		return "", 0, fault.New(fault.NotFound, "fault.case.not_found")
	}
	return message, number, err
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
