package audit

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// vectors computes what docs/formats.md prints.
func vectors(t *testing.T) map[string]string {
	t.Helper()
	v := map[string]string{}
	set := func(name string, b []byte) { v[name] = hex.EncodeToString(b) }
	count := func(from byte) []byte {
		b := make([]byte, SaltSize)
		for i := range b {
			b[i] = from + byte(i)
		}
		return b
	}
	act := Act{Actor: "account:a1", Role: "handler", Case: 1042, Object: "m1", Opened: []string{"case:1042"}, Made: map[string]int64{"message": 1},
		Set: map[string]string{"state": "waiting"}, Was: map[string]string{"state": "open"}}
	b, err := act.bytes()
	if err != nil {
		t.Fatal(err)
	}
	v["act"] = string(b)
	first := Commit("act", count(0x10), b)
	origin := Commit("origin", count(0x20), []byte(`{"address":"192.0.2.1"}`))
	set("act.commit", first)
	set("origin.commit", origin)
	leaf := Leaf("01a207a2-3280-7001-9dfe-c5fd09ac52a8", time.Date(2026, 11, 23, 9, 0, 0, 123456000, time.UTC), "message.reply", first, origin, nil)
	v["leaf"] = strconv.Quote(string(leaf))
	var f frontier
	done := f.append(leaf)
	set("row.commits", joinCommits(first, origin, nil))
	set("row.0.hashes", done)
	set("row.1.hashes", f.append(Leaf("01a207a2-3280-7002-9dfe-c5fd09ac52a8", time.UnixMicro(1), "case.read", first, nil, nil)))
	set("row.2.hashes", f.append(Leaf("01a207a2-3280-7003-9dfe-c5fd09ac52a8", time.UnixMicro(2), "case.read", first, nil, nil)))
	set("head.frontier", f.bytes())
	root := f.root()
	set("root", root[:])
	s := testSigner(t, "t1", 0)
	v["log.key"] = s.Key()
	signed, err := s.sign(f.size, f.root())
	if err != nil {
		t.Fatal(err)
	}
	v["checkpoint"] = strconv.Quote(string(signed))
	byHand(t, v, leaf)
	return v
}

// byHand does the same from the description alone, without this package or the library.
func byHand(t *testing.T, v map[string]string, leaf []byte) {
	t.Helper()
	unhex := func(name string) []byte { b, _ := hex.DecodeString(v[name]); return b }
	same := func(name string, got []byte) {
		if hex.EncodeToString(got) != v[name] {
			t.Errorf("%s by hand is %x", name, got)
		}
	}
	sum := func(parts ...[]byte) []byte {
		h := sha256.New()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	salt := []byte("\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f")
	same("act.commit", sum([]byte("insegel-part-v1\nact\n"), salt, []byte(v["act"])))
	b64 := base64.StdEncoding.EncodeToString
	want := "insegel-record-v1\n01a207a2-3280-7001-9dfe-c5fd09ac52a8\n1795424400123456\nmessage.reply\n" +
		b64(unhex("act.commit")) + "\n" + b64(unhex("origin.commit")) + "\n-\n"
	if string(leaf) != want {
		t.Errorf("leaf by hand is %q", want)
	}
	same("row.0.hashes", sum([]byte{0}, leaf))
	pair := unhex("row.1.hashes")
	same("row.1.hashes", append(pair[:32:32], sum([]byte{1}, unhex("row.0.hashes"), pair[:32])...))
	same("head.frontier", append(pair[32:64:64], unhex("row.2.hashes")...))
	same("root", sum([]byte{1}, pair[32:], unhex("row.2.hashes")))

	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	key := ed25519.NewKeyFromSeed(seed)
	text := "insegel/t1\n3\n" + b64(unhex("root")) + "\n"
	pub := append([]byte{1}, key.Public().(ed25519.PublicKey)...)
	id := sum([]byte("insegel/t1\n"), pub)[:4]
	if got := "insegel/t1+" + hex.EncodeToString(id) + "+" + b64(pub); got != v["log.key"] {
		t.Errorf("key by hand is %s", got)
	}
	note := text + "\n\u2014 insegel/t1 " + b64(append(id, ed25519.Sign(key, []byte(text))...)) + "\n"
	if strconv.Quote(note) != v["checkpoint"] {
		t.Errorf("checkpoint by hand is %q", note)
	}
}

// docsVectors reads the block "```log-vectors" of docs/formats.md: lines of name = value.
func docsVectors(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "docs", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	v, inside := map[string]string{}, false
	for in := bufio.NewScanner(f); in.Scan(); {
		switch line := in.Text(); {
		case line == "```log-vectors":
			inside = true
		case line == "```":
			inside = false
		case inside:
			name, value, ok := strings.Cut(line, " = ")
			if !ok || v[name] != "" {
				t.Fatalf("not one vector: %q", line)
			}
			v[name] = value
		}
	}
	return v
}

func TestVectorsAreThoseOfTheDocs(t *testing.T) {
	code, docs := vectors(t), docsVectors(t)
	names := make([]string, 0, len(code))
	for name := range code {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if docs[name] != code[name] {
			t.Errorf("docs/formats.md should say\n%s = %s", name, code[name])
		}
	}
	for name := range docs {
		if code[name] == "" {
			t.Errorf("docs/formats.md has a vector %q that nothing checks", name)
		}
	}
}

// The printed checkpoint must open too, and the printed edge must be its root.
func TestVectorsOpen(t *testing.T) {
	v := docsVectors(t)
	signed, err := strconv.Unquote(v["checkpoint"])
	if err != nil {
		t.Fatal(err)
	}
	c, err := testSigner(t, "t1", 0).Open([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	edge, err := hex.DecodeString(v["head.frontier"])
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFrontier(c.Size, edge)
	if err != nil || f.root() != c.Root || (c.Root == tlog.Hash{}) {
		t.Errorf("%+v, %v, %v", c, f.root(), err)
	}
}
