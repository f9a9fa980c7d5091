package access

import (
	"net/netip"
	"time"
)

// Credential is what somebody enters with: a session's or a token's secret, or the program's own word. It is made by the
// functions below only, and what it is worth is decided in every visit anew.
type Credential struct {
	kind    Kind
	hash    []byte // of a session or token secret
	name    string // of a job or command
	address netip.Addr
}

// Kind tells what sort of actor it is.
type Kind string

// The kinds of actors, as the log names them.
const (
	KindPublic  Kind = "public"  // nobody: a stranger's browser
	KindAccount Kind = "account" // a person, by session
	KindToken   Kind = "token"   // a program of the customer's, by API token
	KindSystem  Kind = "system"  // this program: intake, a job
	KindConsole Kind = "console" // who may run commands on the machine, with the operator's system account
)

// Session is a person's credential: the hash of the session cookie's secret, and where they come from.
func Session(secretHash []byte, from netip.Addr) Credential {
	return Credential{kind: KindAccount, hash: secretHash, address: from}
}

// Bearer is an API token's credential.
func Bearer(secretHash []byte, from netip.Addr) Credential {
	return Credential{kind: KindToken, hash: secretHash, address: from}
}

// Public is nobody's credential. It opens public actions only.
func Public(from netip.Addr) Credential { return Credential{kind: KindPublic, address: from} }

// System is the program's own: name says which part ("smtp", "job mail.send").
func System(name string, from netip.Addr) Credential {
	return Credential{kind: KindSystem, name: name, address: from}
}

// Console is a command's, typed by who has the machine: name is the system account (of the process).
func Console(name string) Credential { return Credential{kind: KindConsole, name: name} }

// Actor is who a visit's credential turned out to be.
type Actor struct {
	Kind    Kind
	Account string // the account's id; of a token: its account's
	Token   string // the token's id
	Name    string // of a system part or console user
	Role    Role
	Address netip.Addr
	Session []byte // the session's hash, to end it
	Expires time.Time
}

// ID names the actor in the log, without a word of what a person is called.
func (a Actor) ID() string {
	switch a.Kind {
	case KindAccount:
		return "account:" + a.Account
	case KindToken:
		return "token:" + a.Token
	case KindPublic:
		return "public"
	default:
		return string(a.Kind) + ":" + a.Name
	}
}
