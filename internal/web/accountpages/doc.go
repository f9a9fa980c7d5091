// Package accountpages shows the doors: choosing a password, logging in and out, asking for a new link.
//
// It owns what these pages look like and the forms on them. It does not own the rules: how long a
// password must be, when an account is locked and how long a link lives are the account room's.
package accountpages
