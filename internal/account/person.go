package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"

	"insegel/internal/access"
	"insegel/internal/clock"
	"insegel/internal/fault"
	"insegel/internal/lang"
	"insegel/internal/store"
	"insegel/internal/visit"
)

// Person is who an account is.
type Person struct {
	ID   string
	Name string
	Mail string
	Lang lang.Lang
	Role access.Role
}

// Account is a person with the state of their account, for the list of accounts.
type Account struct {
	Person
	Active  bool
	Chosen  bool // a password was chosen
	Locked  bool
	Created time.Time
	Seen    time.Time // last log-in, zero if never
}

// head is what is sealed of an account.
type head struct {
	Name string    `json:"name"`
	Mail string    `json:"mail"`
	Lang lang.Lang `json:"lang"`
}

func (h head) seal(w *visit.Writer, k visit.Key, accountID string) ([]byte, error) {
	b, err := json.Marshal(h)
	return w.Seal(k, "account", "head", accountID, b), err
}

// sealed is an account's row as joined with its key.
type sealed struct {
	role string
	head []byte
	key  visit.Wrapped
}

func (s *sealed) into() []any {
	return []any{&s.key.ID, &s.head, &s.role, &s.key.Kind, &s.key.Purpose, &s.key.Epoch, &s.key.Wrapped}
}

// open unseals a row. What the visit's purposes do not allow is NotFound.
func (s *sealed) open(r *visit.Reader) (Person, visit.Key, error) {
	k, err := r.Unwrap(s.key)
	if err != nil {
		return Person{}, visit.Key{}, err
	}
	b, err := k.Open("account", "head", s.key.ID, s.head)
	if err != nil {
		return Person{}, visit.Key{}, err
	}
	var h head
	if err := json.Unmarshal(b, &h); err != nil {
		return Person{}, visit.Key{}, err
	}
	return Person{ID: s.key.ID, Name: h.Name, Mail: h.Mail, Lang: h.Lang, Role: access.Role(s.role)}, k, nil
}

// person opens one account.
func person(ctx context.Context, r *visit.Reader, accountID string) (Person, visit.Key, error) {
	var s sealed
	err := r.QueryRow(ctx, sqlPerson, []any{accountID}, s.into()...)
	if errors.Is(err, store.ErrNoRows) {
		return Person{}, visit.Key{}, errNobody
	}
	if err != nil {
		return Person{}, visit.Key{}, err
	}
	return s.open(r)
}

var errNobody = fault.New(fault.NotFound, "fault.account.not_found")

// Self is the visiting account, read within a view that a page makes anyway.
func Self(ctx context.Context, r *visit.Reader) (Person, error) {
	p, _, err := person(ctx, r, r.Visit().Actor().Account)
	return p, err
}

// Me is the visiting account.
func Me(ctx context.Context, v *visit.Visit) (Person, error) {
	return visit.View(ctx, v, func(r *visit.Reader) (Person, error) { return Self(ctx, r) })
}

// MaxPage is how many accounts one call lists.
const MaxPage = 200

// List gives accounts in the order they were made, after an id.
func List(ctx context.Context, v *visit.Visit, after string, limit int) ([]Account, error) {
	return visit.View(ctx, v, func(r *visit.Reader) ([]Account, error) {
		rows, err := r.Query(ctx, sqlList, after, max(1, min(limit, MaxPage)))
		if err != nil {
			return nil, err
		}
		defer func() { _ = rows.Close() }()
		var all []Account
		for rows.Next() {
			a, err := scanAccount(r, rows)
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
		return all, rows.Err()
	})
}

func scanAccount(r *visit.Reader, rows store.Rows) (a Account, err error) {
	var s sealed
	var length, locked, created, seen int64
	if err := rows.Scan(append(s.into(), &a.Active, &length, &locked, &created, &seen)...); err != nil {
		return a, err
	}
	a.Chosen, a.Locked = length > 0, locked != 0
	a.Created, a.Seen = clock.FromMicros(created), clock.FromMicros(seen)
	a.Person, _, err = s.open(r)
	return a, err
}

// namesAtOnce is how many places sqlNames has.
const namesAtOnce = 50

// Names gives what accounts are called, by id, for lists that show them. Who is not there any more has no name.
func Names(ctx context.Context, r *visit.Reader, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	for len(ids) > 0 {
		some := ids[:min(len(ids), namesAtOnce)]
		ids = ids[len(some):]
		if err := namesOf(ctx, r, some, names); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func namesOf(ctx context.Context, r *visit.Reader, ids []string, names map[string]string) error {
	args := make([]any, namesAtOnce)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)]
	}
	rows, err := r.Query(ctx, sqlNames, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s sealed
		if err := rows.Scan(s.into()...); err != nil {
			return err
		}
		p, _, err := s.open(r)
		if err != nil {
			return err
		}
		names[p.ID] = p.Name
	}
	return rows.Err()
}

// MaxName is how long a person's name may be, in bytes.
const MaxName = 200

// cleanName trims a name and refuses what could not be shown on one line.
func cleanName(name, mail string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		name, _, _ = strings.Cut(mail, "@") // who is invited by a command may not have told a name
	}
	if len(name) > MaxName || strings.ContainsFunc(name, unicode.IsControl) || strings.ToValidUTF8(name, "") != name {
		return "", fault.New(fault.Invalid, "fault.account.name", "count", MaxName)
	}
	return name, nil
}
