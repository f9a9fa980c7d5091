// Package access decides who may do what: actions, roles, and the credential that a visit is entered with.
//
// It owns the list of actions (every route, command and job names one), what each role may do, and the tables
// member, session and token, which are read in every visit so that a change of role takes effect at once (B1).
// It does not own people: names, addresses and passwords are the account room's.
package access

// Action is one thing that can be done. Its name is what the log says and what a token's scope allows. Actions
// are made here only, so that the list below is the whole list.
type Action struct {
	name     string
	need     Permission
	public   bool     // nobody needs to be logged in
	purposes []string // what a public or system visit may open; nil: all that the role reads
	operator bool     // only in the operator's tenant
}

// Name gives the action's name, as in the log: "case.read".
func (a Action) Name() string { return a.name }

// Public tells whether it is open to everybody.
func (a Action) Public() bool { return a.public }

// Permission is what a role is made of.
type Permission string

// The permissions, from weak to strong.
const (
	PermRead    Permission = "cases.read"
	PermHandle  Permission = "cases.handle"
	PermHold    Permission = "quarantine.handle"
	PermAudit   Permission = "log.read"
	PermManage  Permission = "tenant.manage"
	PermOwn     Permission = "own" // one's own account and session
	PermSystem  Permission = "system"
	PermConsole Permission = "console"
)

// Built-in purposes: entries of the register of processing (GDPR art. 30) that every tenant has because the
// program itself processes these data.
const (
	PurposeAccounts = "accounts" // the people who log in
	PurposeSettings = "settings" // names of queues, of the tenant, of customers
	PurposeLog      = "log"      // where from: addresses in the log, under the day's key
)

var ownData = []string{PurposeAccounts, PurposeSettings}

// The actions of people.
var (
	ListCases   = Action{name: "case.list", need: PermRead}
	ReadCase    = Action{name: "case.read", need: PermRead}
	CreateCase  = Action{name: "case.create", need: PermHandle}
	ChangeCase  = Action{name: "case.change", need: PermHandle}
	Reply       = Action{name: "message.reply", need: PermHandle}
	Note        = Action{name: "message.note", need: PermHandle}
	ReadFile    = Action{name: "file.read", need: PermRead}
	ReadMail    = Action{name: "message.original", need: PermRead}
	ShowLog     = Action{name: "log.case", need: PermAudit}
	ListLog     = Action{name: "log.list", need: PermManage}
	ListHeld    = Action{name: "quarantine.list", need: PermHold}
	ReadHeld    = Action{name: "quarantine.read", need: PermHold}
	ReleaseHeld = Action{name: "quarantine.release", need: PermHold}
	DiscardHeld = Action{name: "quarantine.discard", need: PermHold}

	ListQueues    = Action{name: "queue.list", need: PermRead}
	CreateQueue   = Action{name: "queue.create", need: PermManage}
	ListPurposes  = Action{name: "purpose.list", need: PermRead}
	CreatePurpose = Action{name: "purpose.create", need: PermManage}
	ListAccounts  = Action{name: "account.list", need: PermRead}
	InviteAccount = Action{name: "account.invite", need: PermManage}
	ChangeAccount = Action{name: "account.change", need: PermManage}
	UnlockAccount = Action{name: "account.unlock", need: PermManage}
	IssueReset    = Action{name: "account.reset.issue", need: PermManage}
	CreateToken   = Action{name: "token.create", need: PermManage}
	EraseCase     = Action{name: "case.erase", need: PermManage}

	Logout = Action{name: "session.end", need: PermOwn}

	CreateTenant = Action{name: "tenant.create", need: PermManage, operator: true}
	ListTenants  = Action{name: "tenant.list", need: PermManage, operator: true}
	RotateKeys   = Action{name: "keys.rotate", need: PermSystem}
	Backup       = Action{name: "backup.now", need: PermManage, operator: true}
	VerifyLog    = Action{name: "log.verify", need: PermManage}

	// Of who has the machine only.
	CheckTenant = Action{name: "tenant.check", need: PermConsole}
	AcceptLog   = Action{name: "log.accept", need: PermConsole}
	ConfirmKeys = Action{name: "keys.copied", need: PermConsole, operator: true}
	Restore     = Action{name: "backup.restore", need: PermConsole}
	Resume      = Action{name: "restore.resume", need: PermConsole}
)

// The actions of nobody in particular: what a stranger's browser may do.
var (
	Login          = Action{name: "session.begin", public: true, purposes: ownData}
	AskReset       = Action{name: "account.reset.ask", public: true, purposes: ownData}
	ShowLink       = Action{name: "account.link.show", public: true, purposes: ownData}
	ChoosePassword = Action{name: "account.password.choose", public: true, purposes: ownData}
	ShowPublic     = Action{name: "page.public", public: true, purposes: []string{PurposeSettings}}
)

// The actions of the program itself. Only a system credential enters with them.
var (
	ReceiveMail = Action{name: "mail.receive", need: PermSystem}
	FileMail    = Action{name: "mail.file", need: PermSystem}
	SendMail    = Action{name: "mail.send", need: PermSystem}
	SendNotice  = Action{name: "notice.send", need: PermSystem, purposes: ownData}
	KeepHouse   = Action{name: "house.keep", need: PermSystem}
	// KeepDirectory writes the index of tenants and addresses in the operator's tenant.
	KeepDirectory = Action{name: "directory.keep", need: PermSystem, operator: true}
)

// Actions lists every action: tests drive each route and each token scope with it, and the API's documents
// print it.
func Actions() []Action {
	return []Action{
		ListCases, ReadCase, CreateCase, ChangeCase, Reply, Note, ReadFile, ReadMail, ShowLog, ListLog,
		ListHeld, ReadHeld, ReleaseHeld, DiscardHeld,
		ListQueues, CreateQueue, ListPurposes, CreatePurpose, ListAccounts, InviteAccount, ChangeAccount, UnlockAccount, IssueReset,
		CreateToken, EraseCase, Logout, CreateTenant, ListTenants, RotateKeys, Backup, VerifyLog,
		CheckTenant, AcceptLog, ConfirmKeys, Restore, Resume,
		Login, AskReset, ShowLink, ChoosePassword, ShowPublic,
		ReceiveMail, FileMail, SendMail, SendNotice, KeepHouse, KeepDirectory,
	}
}

// Scopes lists the names that a token's scope may have: the actions of people.
func Scopes() []string {
	var names []string
	for _, a := range Actions() {
		if !a.public && a.need != PermSystem && a.need != PermConsole && a.need != PermOwn {
			names = append(names, a.name)
		}
	}
	return names
}
