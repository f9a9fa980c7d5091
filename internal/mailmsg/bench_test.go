package mailmsg

import "testing"

func BenchmarkParse(b *testing.B) {
	raw := []byte("From: =?utf-8?Q?=C3=85?= <a@example.org>\r\nSubject: =?utf-8?B?w6XDpMO2?=\r\nContent-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhej =C3=A5\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hej</p>\r\n--b--\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
