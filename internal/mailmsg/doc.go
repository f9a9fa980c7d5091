// Package mailmsg reads and writes letters: bytes in, values out.
//
// It owns what RFC 5322, MIME and the delivery reports say, and what the world's programs write instead:
// Parse keeps every message it can make anything of and names what it mended; Classify tells a letter
// from a bounce, an automatic answer or a loop; SplitReply finds what is new; Build writes a letter that
// nobody can inject a header into; Digest tells two deliveries of one letter.
//
// It does not own where a letter goes, what it becomes or how it is sent, and knows no case, tenant,
// database, network or clock. Everything it reads was written by strangers, so every loop has a bound
// (Limits) and no input may panic: the fuzz targets hold that.
package mailmsg
