// Package fault says what went wrong in a way that every surface can answer: a kind that decides the
// HTTP status, the SMTP reply and the exit code, and a translation key for who reads it.
//
// It owns the kinds and the one map from kind to code. It does not own sentences (lang does) and it
// never logs: an error is logged once, at the edge.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind is what a caller may decide by. The zero value is Internal, so that an error of unknown
// origin never passes for something milder.
type Kind uint8

// The kinds of fault. Who may not see a thing gets NotFound, never NotAllowed.
const (
	Internal    Kind = iota // a defect or a damaged store: the cause stays in the log
	Invalid                 // what was asked for cannot be, and the asker can mend it
	NotFound                // it is not there, or not for this actor
	NotAllowed              // the actor is known and may see the thing, but not do this to it
	Unknown                 // nobody is logged in: log in first
	Conflict                // somebody else changed it meanwhile, or it exists already
	TooLarge                // over an explicit size limit
	TooMany                 // over an explicit rate or count limit: later it may pass
	Unavailable             // cannot now: database away, disk full, node draining; try again
)

// Error is a fault with a kind, a translation key and its arguments. Key names an entry of the
// catalogues ("fault.case.not_found"); Args fill its placeholders and never hold what a person wrote.
type Error struct {
	Kind Kind
	Key  string
	Args map[string]any
	Err  error // the cause, for the log only
}

// New makes a fault. Args are pairs: name, value, name, value.
func New(kind Kind, key string, args ...any) *Error {
	return &Error{Kind: kind, Key: key, Args: pairs(args)}
}

// Because makes a fault that carries its cause for the log.
func Because(err error, kind Kind, key string, args ...any) *Error {
	return &Error{Kind: kind, Key: key, Args: pairs(args), Err: err}
}

func pairs(args []any) map[string]any {
	if len(args) == 0 {
		return nil
	}
	m := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		m[fmt.Sprint(args[i])] = args[i+1]
	}
	return m
}

func (e *Error) Error() string {
	s := e.Key
	if len(e.Args) > 0 {
		s = fmt.Sprintf("%s %v", s, e.Args)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, fault.New(kind, key)) true for the same kind and key whatever the arguments.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Key == e.Key
}

// KindOf tells the kind of err: the kind of the outermost Error in its chain, Unavailable where a
// context ended, Internal for anything else.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// Of gives the outermost Error of a chain, or one of KindOf(err) with the kind's general key.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	k := KindOf(err)
	return &Error{Kind: k, Key: codes[k].key, Err: err}
}

type code struct {
	key  string
	http int
	smtp int
	enh  string
	exit int
}

// One map for all surfaces. HTTP: RFC 9110 15. SMTP: 4xx where trying again may help, 5xx where it cannot (RFC 5321 4.2.1);
// enhanced codes after RFC 3463.
var codes = map[Kind]code{
	Internal:    {"fault.internal", 500, 451, "4.3.0", 1},
	Invalid:     {"fault.invalid", 422, 554, "5.6.0", 1},
	NotFound:    {"fault.not_found", 404, 550, "5.1.1", 1},
	NotAllowed:  {"fault.not_allowed", 403, 550, "5.7.1", 1},
	Unknown:     {"fault.unknown", 401, 530, "5.7.0", 1},
	Conflict:    {"fault.conflict", 409, 451, "4.3.0", 1},
	TooLarge:    {"fault.too_large", 413, 552, "5.3.4", 1},
	TooMany:     {"fault.too_many", 429, 451, "4.7.0", 1},
	Unavailable: {"fault.unavailable", 503, 451, "4.3.0", 1},
}

// HTTP gives the status of a kind.
func (k Kind) HTTP() int { return codes[k].http }

// Key gives the translation key of a kind as such, for a fault whose own key no catalogue has.
func (k Kind) Key() string { return codes[k].key }

// SMTP gives the reply code and the enhanced status code (RFC 3463) of a kind.
func (k Kind) SMTP() (int, string) { return codes[k].smtp, codes[k].enh }

// Exit gives the exit code of a command that failed with this kind: 1. Wrong usage is 2 and is the
// command line's own.
func (k Kind) Exit() int { return codes[k].exit }
