package store

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Args turns the arguments of a statement into the few types that both engines keep unchanged: int64,
// string, bool, []byte and nil. Pointers are followed, nil pointers and nil []byte are NULL. Text loses NUL
// and invalid UTF-8, which PostgreSQL refuses, on both engines, so that a text compares equal on both.
// Anything else (time, floating point, a type of a feature's own) is an error and not a surprise later.
func Args(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, a := range args {
		v, err := arg(a)
		if err != nil {
			return nil, fmt.Errorf("store: argument $%d: %w", i+1, err)
		}
		out[i] = v
	}
	return out, nil
}

func arg(a any) (any, error) {
	switch v := a.(type) {
	case nil, int64, bool:
		return v, nil
	case string:
		return Text(v), nil
	case []byte:
		if v == nil {
			return nil, nil
		}
		return v, nil
	case int:
		return int64(v), nil
	case *int64:
		return deref(v), nil
	case *bool:
		return deref(v), nil
	case *string:
		if v == nil {
			return nil, nil
		}
		return Text(*v), nil
	}
	return nil, fmt.Errorf("type %T is not stored; use int64, string, bool or []byte", a)
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// Text is s as both engines can hold it: without NUL and with U+FFFD for what is not UTF-8.
func Text(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

const differMark = "\x00differ\x00"

// Differ is one statement in two texts, for the few that cannot be the same on both engines.
func Differ(sqlite, postgres string) string { return differMark + sqlite + differMark + postgres }

// For picks the text of a dialect. Engines call it on every statement.
func For(dialect, sql string) string {
	rest, ok := strings.CutPrefix(sql, differMark)
	if !ok {
		return sql
	}
	lite, pg, _ := strings.Cut(rest, differMark)
	if dialect == "postgres" {
		return pg
	}
	return lite
}
