package store

import "fmt"

// ScanValue puts a column's value (int64, string, bool, []byte or nil) into dest as both engines must: no
// silent change of type, NULL only into pointers and []byte. The SQLite engine, whose booleans are
// numbers, uses it; PostgreSQL's driver scans so by itself, and the conformance suite holds both to it.
func ScanValue(dest, v any) error {
	switch d := dest.(type) {
	case *int64:
		return into(d, v, toInt)
	case *int:
		n, err := toInt(v)
		*d = int(n)
		return err
	case *string:
		return into(d, v, toText)
	case *bool:
		return into(d, v, toBool)
	case *[]byte:
		if v == nil {
			*d = nil
			return nil
		}
		return into(d, v, toBytes)
	case **int64:
		return orNull(d, v, toInt)
	case **string:
		return orNull(d, v, toText)
	case **bool:
		return orNull(d, v, toBool)
	case **[]byte:
		return orNull(d, v, toBytes)
	}
	return fmt.Errorf("store: cannot scan into %T", dest)
}

func into[T any](d *T, v any, conv func(any) (T, error)) error {
	x, err := conv(v)
	if err == nil {
		*d = x
	}
	return err
}

func orNull[T any](d **T, v any, conv func(any) (T, error)) error {
	if v == nil {
		*d = nil
		return nil
	}
	x, err := conv(v)
	if err == nil {
		*d = &x
	}
	return err
}

func toInt(v any) (int64, error) {
	if n, ok := v.(int64); ok {
		return n, nil
	}
	return 0, fmt.Errorf("store: %T is no number", v)
}

func toText(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", fmt.Errorf("store: %T is no text", v)
}

func toBool(v any) (bool, error) {
	switch b := v.(type) {
	case bool:
		return b, nil
	case int64:
		if b == 0 || b == 1 {
			return b == 1, nil
		}
	}
	return false, fmt.Errorf("store: %T is no boolean", v)
}

func toBytes(v any) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("store: %T is no bytes", v)
	}
	if b == nil {
		return []byte{}, nil // SQLite gives nil for an empty blob; NULL was handled above
	}
	return b, nil
}
