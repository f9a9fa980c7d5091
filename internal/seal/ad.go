package seal

import (
	"encoding/binary"
	"fmt"
)

// AD is the place a sealed value belongs to: its associated data. All five parts are ids and names of
// the program, never what a person wrote.
type AD struct {
	Tenant, Purpose, Table, Column, Row string
}

// KeyID names the thing a wrapped key belongs to: Kind is "case", "contact", "document", "day", ….
type KeyID struct {
	Tenant, Purpose, Kind, ID string
}

// version is the first byte of every sealed value and of its associated data. Another algorithm gets
// another number; nothing is ever told apart by its length.
const version = 1

// What is sealed, as the second byte of the associated data, so that a wrapped key can never be passed
// off as a value or a file's key.
const (
	forValue   = 'v'
	forKey     = 'k'
	forFileKey = 'w'
	forFile    = 'f'
	forRoot    = 'r'
)

// encode writes version ‖ what ‖ each part as uint32 length ‖ bytes: no two places share an encoding.
func (a AD) encode(dst []byte, what byte) []byte {
	dst = append(dst, version, what)
	for _, s := range [...]string{a.Tenant, a.Purpose, a.Table, a.Column, a.Row} {
		dst = appendPart(dst, s)
	}
	return dst
}

func (k KeyID) encode(dst []byte, epoch uint64) []byte {
	dst = append(dst, version, forKey)
	for _, s := range [...]string{k.Tenant, k.Purpose, k.Kind, k.ID} {
		dst = appendPart(dst, s)
	}
	return binary.BigEndian.AppendUint64(dst, epoch)
}

// maxPart bounds one part of a place; an id or a name of ours is far shorter, and the length must fit
// its four bytes.
const maxPart = 1 << 16

func appendPart(dst []byte, s string) []byte {
	if len(s) > maxPart {
		panic(fmt.Sprintf("seal: a part of associated data has %d bytes", len(s)))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s))) // #nosec G115 -- bounded just above
	return append(dst, s...)
}
