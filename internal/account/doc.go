// Package account keeps the people who log in: inviting them, the links by which they choose a password, logging in and
// out, and what they are called.
//
// It owns the tables account and link, the rules for passwords, how they are hashed, and the limits on guessing. It does not own
// what a person may do (member, session and token are access's), how a letter is sent (channel/mail takes the notice from here),
// or a single page.
//
// Two things are the same for everybody who asks, whether the address has an account or not: the answer, and the work that is
// done for it (ASVS 6.3.8).
package account
