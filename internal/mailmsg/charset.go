package mailmsg

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/gogs/chardet"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// toUTF8 decodes b, which says of itself that it is written in label. The label is believed only as far
// as the bytes bear it out; word says what was mended.
func toUTF8(b []byte, label string) (s, word string) {
	label = charsetLabel(label)
	if label != "utf-16" && label != "utf-16le" && label != "utf-16be" && !strings.HasPrefix(label, "utf-32") {
		if r, ok := bytes.CutPrefix(b, []byte("\xef\xbb\xbf")); ok {
			b = r
		}
	}
	switch label {
	case "", "us-ascii":
		return undeclared(b)
	case "utf-8":
		return declaredUTF8(b)
	case "utf-7":
		if s, ok := decodeUTF7(b); ok {
			return s, ""
		}
		return undeclared(b)
	}
	enc := encodingOf(label, b)
	if enc == nil {
		s, _ := undeclared(b)
		return s, "charset_unknown"
	}
	if singleByte(enc) && multibyteUTF8(b) {
		// Bytes that happen to be UTF-8 are UTF-8: Latin text never looks like that by chance.
		return string(b), "charset_wrong"
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
		return string(out), ""
	}
	if multibyteUTF8(b) {
		return string(b), "charset_wrong"
	}
	if e := firstClean(b, relatives(label)...); e != nil {
		if s, err := e.NewDecoder().Bytes(b); err == nil {
			return string(s), "charset_wrong"
		}
	}
	if err != nil {
		s, _ := undeclared(b)
		return s, "charset_wrong"
	}
	return string(out), "charset_broken"
}

func charsetLabel(s string) string {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), `"'`))
	if i := strings.IndexByte(s, '*'); i >= 0 { // RFC 2231 5: charset*language
		s = s[:i]
	}
	s = strings.ReplaceAll(strings.TrimSpace(s), "_", "-")
	for _, pre := range []string{"charset=", "x-", "cs"} {
		if t, ok := strings.CutPrefix(s, pre); ok && knownCharset(t) {
			s = t
		}
	}
	switch s {
	case "utf8", "utf-8mb4", "utf8mb4", "utf-8-sig", "utf", "unicode-1-1-utf-8":
		return "utf-8"
	case "ascii", "ansi-x3.4-1968", "iso646-us", "iso-ir-6", "7bit", "8bit", "binary", "none", "default",
		"unknown", "unknown-8bit", "x-unknown", "autodetect", "-autodetect", "us-acii", "iso-8859":
		return "us-ascii"
	case "utf7", "unicode-1-1-utf-7", "unicode-2-0-utf-7", "utf-7":
		return "utf-7"
	case "utf16", "ucs-2", "iso-10646-ucs-2", "unicode":
		return "utf-16"
	case "ansi", "ansi-x3.110-1983", "cp-1252", "win-1252", "windows1252", "latin", "iso8859", "west-european":
		return "windows-1252"
	case "gb-2312", "gb2312-80", "gb-18030", "cp936", "ms936", "windows-936", "gb18030-2000", "gbk", "gb2312", "gb-2312-80", "euc-cn":
		return "gb18030"
	case "cp932", "ms932", "windows-932", "shift-jis", "sjis", "x-sjis":
		return "shift_jis"
	case "cp949", "ms949", "ks-c-5601-1987", "ks-c-5601", "uhc", "iso-2022-kr":
		return "euc-kr"
	case "cp950", "big-5", "big5hkscs":
		return "big5"
	case "iso-2022-jp-2", "iso-2022-jp-ms", "cp50220", "cp50221", "iso2022jp", "jis":
		return "iso-2022-jp"
	case "iso-8859-8-i", "logical":
		return "iso-8859-8"
	case "koi8", "koi8r":
		return "koi8-r"
	}
	return s
}

func knownCharset(s string) bool { e, _ := htmlindex.Get(s); return e != nil || s == "utf-7" }

func encodingOf(label string, b []byte) encoding.Encoding {
	switch label {
	case "gb18030":
		return simplifiedchinese.GB18030
	case "iso-2022-jp":
		return japanese.ISO2022JP
	case "utf-16":
		return unicode.UTF16(utf16Order(b), unicode.UseBOM)
	case "utf-32", "utf-32be", "utf-32le":
		order := utf32.BigEndian
		if label == "utf-32le" {
			order = utf32.LittleEndian
		}
		return utf32.UTF32(order, utf32.UseBOM)
	case "cp850", "ibm850", "cp-850", "dos-850":
		return charmap.CodePage850
	}
	// What htmlindex says is what browsers do: iso-8859-1 is read as windows-1252.
	for _, l := range []string{label, strings.Replace(label, "iso8859", "iso-8859", 1), strings.Replace(label, "iso", "iso-", 1), "windows-" + strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(label, "cp"), "win"), "-")} {
		if e, err := htmlindex.Get(l); err == nil && e != encoding.Replacement {
			return e
		}
		if e, err := ianaindex.IANA.Encoding(l); err == nil && e != nil {
			return e
		}
	}
	return nil
}

func utf16Order(b []byte) unicode.Endianness {
	even, odd := 0, 0
	for i := range min(len(b), 200) {
		if b[i] != 0 {
			continue
		}
		if i%2 == 0 {
			even++
		} else {
			odd++
		}
	}
	if odd > even {
		return unicode.LittleEndian
	}
	return unicode.BigEndian
}

func singleByte(e encoding.Encoding) bool { _, ok := e.(*charmap.Charmap); return ok }

func multibyteUTF8(b []byte) bool { return !isASCII(b) && utf8.Valid(b) }

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func declaredUTF8(b []byte) (string, string) {
	if utf8.Valid(b) {
		if looksJIS(b) {
			if out, err := japanese.ISO2022JP.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
				return string(out), "charset_wrong"
			}
		}
		return string(b), ""
	}
	if mostlyUTF8(b) {
		return strings.ToValidUTF8(string(b), "\uFFFD"), "charset_broken"
	}
	s, _ := undeclared(b)
	return s, "charset_wrong"
}

// mostlyUTF8 tells a UTF-8 text with a few broken places (a cut character) from one in another charset.
func mostlyUTF8(b []byte) bool {
	good, bad := 0, 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		b = b[n:]
	}
	return good > 0 && good >= bad
}

func looksJIS(b []byte) bool {
	return bytes.Contains(b, []byte("\x1b$B")) || bytes.Contains(b, []byte("\x1b$@"))
}

// undeclared decodes bytes of which nobody said what they are, or said something that cannot be.
func undeclared(b []byte) (string, string) {
	if looksJIS(b) {
		if out, err := japanese.ISO2022JP.NewDecoder().Bytes(b); err == nil {
			return string(out), "charset_guessed"
		}
	}
	if isASCII(b) {
		return string(b), ""
	}
	word := "charset_guessed"
	if utf8.Valid(b) {
		return string(b), word
	}
	if mostlyUTF8(b) {
		return strings.ToValidUTF8(string(b), "\uFFFD"), word
	}
	enc := guess(b)
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD"), word
	}
	return string(out), word
}

// guess names the likeliest charset. Western text is the house's default: another is believed only where
// windows-1252 has no such characters, or for texts long enough to tell and a detector that is sure.
func guess(b []byte) encoding.Encoding {
	high, impossible := 0, false
	for _, c := range b {
		if c >= 0x80 {
			high++
		}
		impossible = impossible || c == 0x81 || c == 0x8d || c == 0x8f || c == 0x90 || c == 0x9d
	}
	if impossible {
		if e := firstClean(b, "shift_jis", "gb18030", "big5", "windows-1251"); e != nil {
			return e
		}
	}
	res, err := chardet.NewTextDetector().DetectBest(b[:min(len(b), 16<<10)])
	if err != nil || res == nil || high < 4 || high*3 < len(b) {
		// A text of another script is mostly high bytes; a Western one has few.
		return charmap.Windows1252
	}
	need := 50
	label := charsetLabel(res.Charset)
	switch label {
	case "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr":
		need = 10
	case "windows-1251", "koi8-r", "iso-8859-5":
		need = 15
	}
	if e := encodingOf(label, b); e != nil && res.Confidence >= need {
		return e
	}
	return charmap.Windows1252
}

// firstClean gives the first of the charsets in which b is all characters.
func firstClean(b []byte, labels ...string) encoding.Encoding {
	for _, l := range labels {
		e := encodingOf(l, b)
		out, err := e.NewDecoder().Bytes(b)
		if err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
			return e
		}
	}
	return nil
}

// relatives are the charsets that the same people write, for bytes that are not in the declared one.
func relatives(label string) []string {
	switch label {
	case "iso-2022-jp", "euc-jp", "shift_jis":
		return []string{"shift_jis", "euc-jp"}
	case "gb18030", "hz-gb-2312", "big5":
		return []string{"gb18030", "big5"}
	case "koi8-r", "koi8-u", "windows-1251", "iso-8859-5":
		return []string{"windows-1251", "koi8-r"}
	}
	return nil
}
