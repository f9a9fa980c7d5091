package mailmsg

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// decodeUTF7 reads RFC 2152. ok is false where b cannot be UTF-7.
func decodeUTF7(b []byte) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c >= 0x80 {
			return "", false
		}
		if c != '+' {
			out.WriteByte(c)
			continue
		}
		j := i + 1
		for j < len(b) && isBase64(b[j]) {
			j++
		}
		if j == i+1 {
			out.WriteByte('+')
			if j < len(b) && b[j] == '-' {
				i = j
			}
			continue
		}
		run := b[i+1 : j]
		if len(run)%4 == 1 {
			run = run[:len(run)-1]
		}
		// Only characters of the alphabet are here, so what is left over is bits nobody uses.
		dec, _ := base64.RawStdEncoding.DecodeString(string(run))
		u := make([]uint16, 0, len(dec)/2)
		for k := 0; k+1 < len(dec); k += 2 {
			u = append(u, uint16(dec[k])<<8|uint16(dec[k+1]))
		}
		out.WriteString(string(utf16.Decode(u)))
		i = j - 1
		if j < len(b) && b[j] == '-' {
			i = j
		}
	}
	return out.String(), true
}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}
