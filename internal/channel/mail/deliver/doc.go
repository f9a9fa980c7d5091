// Package deliver carries one message to other mail servers: to those that the recipients' domains
// name (RFC 5321 5.1), or to the one smarthost that was configured.
//
// It owns routing, the conversation, TLS on the way, and the verdict on each recipient: delivered,
// to be tried again, or never. It does not own when to try again (NextTry says what the RFC wants; the
// job keeps the count), what a message is made of, or what a failure means to a case.
//
// Delivered is said only after the other side's 2xx to the whole message. Everything doubtful is
// Temporary, a lost answer to the final dot above all: a message may then arrive twice, never not at
// all (RFC 5321 6.1, RFC 1047).
package deliver
