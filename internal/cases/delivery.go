package cases

import (
	"context"
	"time"

	"insegel/internal/clock"
	"insegel/internal/mailmsg"
	"insegel/internal/visit"
)

// Outcome is what an attempt to send came to.
type Outcome struct {
	State  string    // Queued again, Sent or Failed
	Status string    // RFC 3463
	Detail string    // the other side's words
	Next   time.Time // of another attempt
}

// maxDetail bounds the other side's words, in runes.
const maxDetail = 1000

// Attempted writes what an attempt came to, and what that makes of the message as a whole.
func Attempted(ctx context.Context, w *visit.Writer, number int64, messageID string, place int64, o Outcome) error {
	c, key, err := readable(ctx, &w.Reader, number)
	if err != nil {
		return err
	}
	row := deliveryRow(messageID, place)
	w.Put(sqlDeliverySet, o.State, o.Status, w.SealText(key, "delivery", "detail", row, cut(o.Detail, maxDetail)), clock.Micros(o.Next), messageID, place)
	w.Object(messageID)
	w.Set("delivery", o.State)
	return settle(ctx, w, &c, messageID)
}

// Bounced writes that an answer came back after it had been handed over. place is −1 where the report does not say whose
// it was: then it counts for all.
func Bounced(ctx context.Context, w *visit.Writer, key visit.Key, c *Case, m Message, place int64, status, detail string) error {
	for _, d := range m.Deliveries {
		if place >= 0 && d.Place != place {
			continue
		}
		row := deliveryRow(m.ID, d.Place)
		w.Put(sqlDeliveryFail, status, w.SealText(key, "delivery", "detail", row, cut(detail, maxDetail)), m.ID, d.Place)
	}
	w.Set("delivery", Failed)
	return settle(ctx, w, c, m.ID)
}

// settle derives a message's state from its deliveries: failed if one is, queued while one is, else sent.
func settle(ctx context.Context, w *visit.Writer, c *Case, messageID string) error {
	var queued, failed int64
	if err := w.QueryRow(ctx, sqlDeliveryLeft, []any{messageID}, &queued, &failed); err != nil {
		return err
	}
	state := Sent
	switch {
	case failed > 0:
		state = Failed
	case queued > 0:
		state = Queued
	}
	w.Put(sqlMessageState, state, messageID)
	c.move(w, c.State)
	w.Put(sqlTouch, clock.Micros(c.Updated), 0, string(c.State), c.State.Live(), clock.Micros(c.Closed), c.ID)
	return nil
}

// MaxAcknowledgements is how many automatic answers one address gets in a day (RFC 3834 2: against loops that no header
// tells of).
const MaxAcknowledgements = 5

// MayAcknowledge counts an automatic answer to an address, and tells whether it may be sent.
func MayAcknowledge(ctx context.Context, w *visit.Writer, mail string) (bool, error) {
	var n int64
	day := w.Visit().Now().Unix() / 86400
	err := w.QueryRow(ctx, sqlAcknowledge, []any{w.Lookup("acknowledged", mailmsg.NormalizeAddress(mail)), day}, &n)
	return n <= MaxAcknowledgements, err
}
