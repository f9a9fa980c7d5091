// Package audit keeps a tenant's log: one Merkle tree (RFC 6962) of records, appended in the transaction of the
// change that they tell of, and signed checkpoints of it (C2SP tlog-checkpoint).
//
// It owns the tables log_head and record, the bytes of a leaf, the mark kept outside the database, and
// verification. It does not decide who may act (access) or when a record is due (visit), and nothing in it can
// change or remove a record once appended: only parts that lie beside a leaf may be erased.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"insegel/internal/clock"
)

// SaltSize is the length of the fresh salt in each commitment.
const SaltSize = 16

// CommitSize is the length of a commitment.
const CommitSize = sha256.Size

// Record is one line of the log. The leaf commits to three parts: the act (ids and numbers, in clear), the origin
// (addresses, under the day's key, gone after 90 days) and the change (before and after, under the case's key,
// dies with it). A part that is absent has a nil commitment.
type Record struct {
	ID      string
	At      time.Time
	Action  string
	Actor   string // "account:…", as in the act; a column so that one can ask for it
	Case    int64  // the number of the case, 0 for none; as in the act
	Act     Act
	ActSalt []byte
	Origin  Part
	Change  Part
}

// Part is a sealed piece beside the leaf.
type Part struct {
	Key    string // id of the key it is sealed under; empty: no such part
	Sealed []byte // seal of salt‖bytes
	Commit []byte
}

// Act is what a record says in clear: never a word that a person wrote or is called.
type Act struct {
	Actor  string            `json:"actor"`
	Role   string            `json:"role,omitempty"`
	Case   int64             `json:"case,omitempty"`
	Object string            `json:"object,omitempty"` // id of what was touched
	Opened []string          `json:"opened,omitempty"` // what was unsealed: "case:17", "account:…"
	Made   map[string]int64  `json:"made,omitempty"`   // rows made (+) or removed (-), by table: the log's own count
	Set    map[string]string `json:"set,omitempty"`    // states, ids and numbers that changed, after
	Was    map[string]string `json:"was,omitempty"`    // the same, before
	Result string            `json:"result,omitempty"` // "refused" and why, by key
}

func (a Act) bytes() ([]byte, error) {
	// encoding/json sorts map keys and writes struct fields in order: the bytes are stable, and they are what is stored.
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil {
		return nil, fmt.Errorf("encode act: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Commit is the salted commitment to a part: SHA-256("insegel-part-v1\n" ‖ name ‖ "\n" ‖ salt ‖ bytes).
func Commit(name string, salt, b []byte) []byte {
	h := sha256.New()
	h.Write([]byte("insegel-part-v1\n" + name + "\n"))
	h.Write(salt)
	h.Write(b)
	return h.Sum(nil)
}

// Leaf is the bytes that the tree holds of a record. No personal data: an id, a time, an action and three commitments.
func Leaf(id string, at time.Time, action string, act, origin, change []byte) []byte {
	return fmt.Appendf(nil, "insegel-record-v1\n%s\n%d\n%s\n%s\n%s\n%s\n",
		id, clock.Micros(at), action, commitText(act), commitText(origin), commitText(change))
}

func commitText(c []byte) string {
	if len(c) == 0 {
		return "-"
	}
	return base64.StdEncoding.EncodeToString(c)
}
