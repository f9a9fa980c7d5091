package visit

import (
	"context"
	"encoding/json"
	"time"

	"insegel/internal/access"
	"insegel/internal/audit"
	"insegel/internal/fault"
	"insegel/internal/jobs"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// Writer writes within a change. It also is a store.Writer, for the rooms below.
type Writer struct {
	Reader
	w         store.Writer
	change    map[string][2]string
	changeKey Key
	day       *tenant.DayKey
	wake      time.Time
}

// Exec runs a statement and tells how many rows it touched.
func (w *Writer) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := mayWrite(sql); err != nil {
		return 0, err
	}
	return w.w.Exec(ctx, sql, args...)
}

// Put queues a statement whose result nobody needs.
func (w *Writer) Put(sql string, args ...any) {
	if err := mayWrite(sql); err != nil {
		panic(err) // a defect of the program, not of input: the committer turns it into this change's error
	}
	w.w.Put(sql, args...)
}

// Query runs a statement that reads, or one that writes what Exec may and returns it.
func (w *Writer) Query(ctx context.Context, sql string, args ...any) (store.Rows, error) {
	if err := mayAsk(sql, mayWrite); err != nil {
		return nil, err
	}
	return w.w.Query(ctx, sql, args...)
}

// QueryRow scans the first row of what Query may run.
func (w *Writer) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	if err := mayAsk(sql, mayWrite); err != nil {
		return err
	}
	return w.w.QueryRow(ctx, sql, args, dest...)
}

// NewKey makes the key of one new thing, bound to its purpose, which must be among the visit's.
func (w *Writer) NewKey(keyID, kind, purpose string) (Key, error) {
	if !w.v.May(purpose) {
		return Key{}, fault.New(fault.NotFound, "fault.not_found")
	}
	k, err := w.v.tenant.NewKey(w.w, keyID, kind, purpose)
	if err != nil {
		return Key{}, err
	}
	return Key{r: &w.Reader, bound: tenant.Bound{ID: keyID, Purpose: purpose, Key: k}}, nil
}

// NextNumber gives the next case number, without gaps.
func (w *Writer) NextNumber() int64 { return w.v.tenant.Log.NextNumber() }

// Seal seals a value for its place. Nothing seals to nothing.
func (w *Writer) Seal(k Key, table, column, row string, plain []byte) []byte {
	if len(plain) == 0 {
		return nil
	}
	return w.v.tenant.Seal(k.bound, table, column, row, plain)
}

// SealText seals a text.
func (w *Writer) SealText(k Key, table, column, row, plain string) []byte {
	return w.Seal(k, table, column, row, []byte(plain))
}

// Erase destroys a key: what it sealed is gone here now, and in every copy when the epoch key is next destroyed.
func (w *Writer) Erase(keyID string) { tenant.DestroyKey(w.w, keyID) }

// Job queues work for later, in this transaction.
func (w *Writer) Job(kind, arg string, due time.Time) {
	now := w.v.Now()
	jobs.Add(w.w, jobs.Job{ID: w.v.NewID(), Kind: kind, Arg: arg, Due: due, Created: now})
	if w.wake.IsZero() || due.Before(w.wake) {
		w.wake = due
	}
}

// Done removes the job that this change has done.
func (w *Writer) Done(jobID string) { jobs.Done(w.w, jobID) }

// Set says what a clear field became, and Was what it was.
func (w *Writer) Set(field, value string) { put(&w.note.set, field, value) }

// Was says what a clear field was before.
func (w *Writer) Was(field, value string) { put(&w.note.was, field, value) }

// Made counts rows that this change made (+) or removed (−): what the log itself counts them by.
func (w *Writer) Made(table string, n int64) {
	if w.note.made == nil {
		w.note.made = map[string]int64{}
	}
	w.note.made[table] += n
}

// Changed says what a sealed field was and became; it is sealed under the thing's own key and dies with it.
func (w *Writer) Changed(k Key, field, before, after string) {
	if w.change == nil {
		w.change = map[string][2]string{}
	}
	w.change[field], w.changeKey = [2]string{before, after}, k
}

func put(m *map[string]string, k, v string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[k] = v
}

// record makes the change's record. It runs last, inside the change.
func (w *Writer) record(ctx context.Context, recordID string) (*audit.Record, error) {
	v := w.v
	rec := &audit.Record{ID: recordID, At: v.Now(), Action: v.action.Name(), Actor: v.actor.ID(), Case: w.note.caseNo,
		ActSalt: v.tenant.IDs().Bytes(audit.SaltSize),
		Act: audit.Act{Actor: v.actor.ID(), Role: string(v.actor.Role), Case: w.note.caseNo, Object: w.note.object, Opened: w.opened,
			Made: w.note.made, Set: w.note.set, Was: w.note.was, Result: w.note.result}}
	var err error
	if v.actor.Address.IsValid() {
		rec.Origin, err = w.origin(ctx, recordID)
	}
	if err == nil && w.change != nil {
		rec.Change, err = w.part(w.changeKey.bound, "change", recordID, w.change)
	}
	return rec, err
}

func (w *Writer) origin(ctx context.Context, recordID string) (audit.Part, error) {
	day, err := w.dayKey(ctx)
	if err != nil {
		return audit.Part{}, err
	}
	return w.part(tenant.Bound{ID: day.ID, Purpose: access.PurposeLog, Key: day.Key}, "origin", recordID,
		map[string]string{"address": w.v.actor.Address.String()})
}

func (w *Writer) part(k tenant.Bound, column, recordID string, value any) (audit.Part, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return audit.Part{}, err
	}
	salt := w.v.tenant.IDs().Bytes(audit.SaltSize)
	return audit.Part{Key: k.ID, Commit: audit.Commit(column, salt, b),
		Sealed: w.v.tenant.Seal(k, "record", column, recordID, append(salt[:len(salt):len(salt)], b...))}, nil
}

// dayKey gives the key of today's origins, made with the day's first record.
func (w *Writer) dayKey(ctx context.Context) (*tenant.DayKey, error) {
	dayID := "day:" + w.v.Now().Format(time.DateOnly)
	if d := w.v.tenant.Day.Load(); d != nil && d.ID == dayID {
		return d, nil
	}
	d := &tenant.DayKey{ID: dayID}
	row, err := tenant.GetKey(ctx, w.w, dayID)
	switch {
	case err == nil:
		d.Key, err = w.v.tenant.Unwrap(row)
	case fault.KindOf(err) == fault.NotFound:
		d.Key, err = w.v.tenant.NewKey(w.w, dayID, "day", access.PurposeLog)
	}
	w.day = d
	return d, err
}

// acknowledged carries out what waits for the commit: memory and wake-ups follow it, never lead.
func (w *Writer) acknowledged() {
	if w.day != nil {
		w.v.tenant.Day.Store(w.day)
	}
	if !w.wake.IsZero() && w.v.waist.c.Wake != nil {
		w.v.waist.c.Wake(w.v.tenant.ID, w.wake)
	}
}

// Keeper writes the tables of the golden list.
type Keeper struct{ s store.Writer }

// Exec runs a statement on a table of the golden list.
func (k *Keeper) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := mayKeep(sql); err != nil {
		return 0, err
	}
	return k.s.Exec(ctx, sql, args...)
}

// Put queues a statement on a table of the golden list.
func (k *Keeper) Put(sql string, args ...any) {
	if err := mayKeep(sql); err != nil {
		panic(err)
	}
	k.s.Put(sql, args...)
}

// Query reads.
func (k *Keeper) Query(ctx context.Context, sql string, args ...any) (store.Rows, error) {
	if err := mayAsk(sql, mayKeep); err != nil {
		return nil, err
	}
	return k.s.Query(ctx, sql, args...)
}

// QueryRow reads one row.
func (k *Keeper) QueryRow(ctx context.Context, sql string, args []any, dest ...any) error {
	if err := mayAsk(sql, mayKeep); err != nil {
		return err
	}
	return k.s.QueryRow(ctx, sql, args, dest...)
}
