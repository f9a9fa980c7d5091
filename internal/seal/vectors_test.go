package seal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// vectors computes what docs/formats.md prints, from a reader of 00 01 02 …
func vectors(t *testing.T) map[string]string {
	t.Helper()
	v := map[string]string{}
	set := func(name string, b []byte) { v[name] = hex.EncodeToString(b) }

	var raw [keySize]byte
	copy(raw[:], pattern(keySize))
	root := rootOf(raw, &counter{n: 0x40})
	v["root.file"] = strings.TrimSpace(string(formatRoot(raw)))
	v["root.id"] = root.ID()

	e := &epochs{generation: 2, current: 1, next: 2}
	copy(e.keys[0][:], bytes.Repeat([]byte{0x11}, keySize))
	copy(e.keys[1][:], bytes.Repeat([]byte{0x22}, keySize))
	set("epoch.keyring", e.encode())
	set("epoch.ad", epochAD("t1").encode(nil, forRoot))
	set("epoch.file", sealEpochs(root, "t1", e))

	ring := e.ring("t1", &counter{n: 0x50})
	k := keyOf(raw, &counter{n: 0x60})
	_, wrapped := ring.Wrap(k, caseKey())
	set("key.ad", caseKey().encode(nil, 2))
	set("key.wrapped", wrapped)

	set("value.ad", here().encode(nil, forValue))
	set("value.sealed", k.Seal(nil, here(), []byte("Ärendet är löst.")))
	set("value.empty", k.Seal(nil, here(), nil))

	set("lookup.mail", k.Lookup("mail", "anna@example.org"))
	set("derive.reply", k.Derive("reply"))

	fk := FileKey{&fileInner{hold([keySize]byte(bytes.Repeat([]byte{0x33}, keySize)))}}
	set("file.key.wrapped", k.WrapFile(fileAD(), fk))
	set("file.ad", fileAD().encode(nil, forFile))
	small := byHand(fk, fileAD(), []byte("innehåll"))
	set("file.small", small)
	large := byHand(fk, fileAD(), pattern(200_000))
	sum := sha256.Sum256(large)
	set("file.large.sha256", sum[:])
	opens(t, fk, small, []byte("innehåll"))
	opens(t, fk, large, pattern(200_000))
	return v
}

// byHand writes the format of files from its description, without Tink, with salt and prefix counted
// from 0x70, so that the description is held against the code.
func byHand(fk FileKey, ad AD, plain []byte) []byte {
	head := make([]byte, headerSize)
	head[0] = headerSize
	_, _ = (&counter{n: 0x70}).Read(head[1:])
	b := newBox(derive32(fk.in.raw()[:], head[1:33], string(ad.encode(nil, forFile))), nil)
	out := head
	for n := uint32(0); ; n++ {
		room := segmentSize - tagSize
		if n == 0 {
			room -= headerSize
		}
		last := len(plain) <= room
		if last {
			room = len(plain)
		}
		nonce := binary.BigEndian.AppendUint32(bytes.Clone(head[33:40]), n)
		if last {
			return b.aead.Seal(out, append(nonce, 1), plain[:room], nil)
		}
		out = b.aead.Seal(out, append(nonce, 0), plain[:room], nil)
		plain = plain[room:]
	}
}

func opens(t *testing.T, fk FileKey, sealed, want []byte) {
	t.Helper()
	r, err := Reader(bytes.NewReader(sealed), fk, fileAD())
	if err != nil {
		t.Fatal(err)
	}
	f, err := At(bytes.NewReader(sealed), int64(len(sealed)), fk, fileAD())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []io.Reader{r, io.NewSectionReader(f, 0, f.Size())} {
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Fatal("a file written by hand does not open:", err)
		}
	}
}

// docsVectors reads the block "```seal-vectors" of docs/formats.md: lines of name = value.
func docsVectors(t testing.TB) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "docs", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, inside := map[string]string{}, false
	for in := bufio.NewScanner(f); in.Scan(); {
		switch line := in.Text(); {
		case line == "```seal-vectors":
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

// The printed bytes must open too: a format that is only written is no format.
func TestVectorsOpen(t *testing.T) {
	v := docsVectors(t)
	get := func(name string) []byte { return must[[]byte](t)(hex.DecodeString(v[name])) }
	raw, err := parseRoot([]byte(v["root.file"] + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	e := must[*epochs](t)(openEpochs(rootOf(raw, nil), "t1", get("epoch.file")))
	k := must[Key](t)(e.ring("t1", nil).Unwrap(2, caseKey(), get("key.wrapped")))
	if plain := must[[]byte](t)(k.Open(here(), get("value.sealed"))); string(plain) != "Ärendet är löst." {
		t.Fatalf("%q", plain)
	}
	fk := must[FileKey](t)(k.UnwrapFile(fileAD(), get("file.key.wrapped")))
	opens(t, fk, get("file.small"), []byte("innehåll"))
}
