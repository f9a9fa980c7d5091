package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// No way of printing shows a key, not even one that stands in an unexported field, where fmt may not
// call its methods.
func TestNoKeyCanBePrinted(t *testing.T) {
	var raw [keySize]byte
	for i := range raw {
		raw[i] = byte(0xA0 + i)
	}
	fk := FileKey{&fileInner{hold(raw)}}
	k := keyOf(raw, nil)
	k.Lookup("warm", "up")
	ring := (&epochs{generation: 2, current: 1, next: 2, keys: [2][keySize]byte{raw, raw}}).ring("t1", nil)
	root := rootOf(raw, nil)
	places := &Places{root: root}
	type inside struct {
		k    Key
		kp   *Key
		fk   FileKey
		root Root
		ring Ring
		p    *Places
	}
	values := []any{k, &k, fk, &fk, *root, root, *ring, ring, places, []Key{k}, map[string]Key{"a": k},
		inside{k, &k, fk, *root, *ring, places}, struct{ K any }{k}}
	for _, v := range values {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%U", "%c"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
		for name, secret := range traces(raw) {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%T shows the key as %s: %s", v, name, out.String())
			}
		}
	}
	for word, v := range map[string]any{hiddenKey: k, hiddenFile: fk, hiddenRoot: root, hiddenRing: ring, hiddenPlaces: places} {
		for _, verb := range []string{"%v", "%#v", "%x", "%d"} {
			if s := fmt.Sprintf(verb, v); s != word {
				t.Errorf("%s prints %q", verb, s)
			}
		}
	}
}

// traces are four bytes of a key in every writing that fmt and json know.
func traces(raw [keySize]byte) map[string]string {
	some := raw[4:8]
	return map[string]string{
		"bytes":   string(some),
		"hex":     hex.EncodeToString(some),
		"HEX":     strings.ToUpper(hex.EncodeToString(some)),
		"base64":  base64.StdEncoding.EncodeToString(raw[:])[:10],
		"numbers": strings.Trim(fmt.Sprint(some), "[]"),
		"go":      "0xa4, 0xa5, 0xa6",
		"json":    "164,165,166",
		"octal":   strings.Trim(fmt.Sprintf("%o", some), "[]"),
		"binary":  strings.Trim(fmt.Sprintf("%b", some), "[]"),
		"unicode": "U+00A4 U+00A5",
		"quoted":  `\xa4\xa5`,
	}
}
