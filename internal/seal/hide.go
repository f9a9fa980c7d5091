package seal

import (
	"fmt"
	"io"
	"log/slog"
)

// No key can be printed: every way by which Go turns a value into text answers with these words.
const (
	hiddenKey    = "seal.Key(…)"
	hiddenFile   = "seal.FileKey(…)"
	hiddenRoot   = "seal.Root(…)"
	hiddenRing   = "seal.Ring(…)"
	hiddenPlaces = "seal.Places(…)"
)

func hide(s fmt.State, word string)          { _, _ = io.WriteString(s, word) }
func quoted(word string) ([]byte, error)     { return []byte(`"` + word + `"`), nil }
func (Key) String() string                   { return hiddenKey }
func (Key) Format(s fmt.State, _ rune)       { hide(s, hiddenKey) }
func (Key) MarshalJSON() ([]byte, error)     { return quoted(hiddenKey) }
func (Key) MarshalText() ([]byte, error)     { return []byte(hiddenKey), nil }
func (Key) LogValue() slog.Value             { return slog.StringValue(hiddenKey) }
func (FileKey) String() string               { return hiddenFile }
func (FileKey) Format(s fmt.State, _ rune)   { hide(s, hiddenFile) }
func (FileKey) MarshalJSON() ([]byte, error) { return quoted(hiddenFile) }
func (FileKey) MarshalText() ([]byte, error) { return []byte(hiddenFile), nil }
func (FileKey) LogValue() slog.Value         { return slog.StringValue(hiddenFile) }
func (Root) String() string                  { return hiddenRoot }
func (Root) Format(s fmt.State, _ rune)      { hide(s, hiddenRoot) }
func (Root) MarshalJSON() ([]byte, error)    { return quoted(hiddenRoot) }
func (Root) MarshalText() ([]byte, error)    { return []byte(hiddenRoot), nil }
func (Root) LogValue() slog.Value            { return slog.StringValue(hiddenRoot) }
func (Ring) String() string                  { return hiddenRing }
func (Ring) Format(s fmt.State, _ rune)      { hide(s, hiddenRing) }
func (Ring) MarshalJSON() ([]byte, error)    { return quoted(hiddenRing) }
func (Ring) MarshalText() ([]byte, error)    { return []byte(hiddenRing), nil }
func (Ring) LogValue() slog.Value            { return slog.StringValue(hiddenRing) }
func (*Places) String() string               { return hiddenPlaces }
func (*Places) Format(s fmt.State, _ rune)   { hide(s, hiddenPlaces) }
func (*Places) MarshalJSON() ([]byte, error) { return quoted(hiddenPlaces) }
func (*Places) MarshalText() ([]byte, error) { return []byte(hiddenPlaces), nil }
func (*Places) LogValue() slog.Value         { return slog.StringValue(hiddenPlaces) }
