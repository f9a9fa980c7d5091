// Package smtpd is the door through which mail comes in: RFC 5321 with STARTTLS, SIZE, PIPELINING,
// 8BITMIME, SMTPUTF8, CHUNKING and ENHANCEDSTATUSCODES.
//
// It owns the conversation: commands, replies, limits, timeouts, the trace line, and the promise that
// 250 after a message is said only when [Intake.Receive] has returned nil. It does not own what an
// address means, where a message is kept, or what becomes of it; it never relays and knows no login.
// What it cannot take it refuses while the sender still holds the message, so nothing gets lost here.
//
// End of data is CR LF . CR LF and nothing else, so no other sequence can smuggle a second message in
// (CVE-2023-51764 and its kin); the bytes between are handed on as they came, for signatures cover them.
package smtpd
