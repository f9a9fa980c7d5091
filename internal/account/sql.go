package account

import "insegel/internal/store"

// Migrations are the room's tables. head is name, address and language, sealed under the account's own key; the address is found by
// its HMAC. password is an Argon2id hash in PHC form, empty until one is chosen. Of a link only the hash is kept, and its
// secret, sealed, until the letter with it is on its way.
var Migrations = []store.Migration{{Number: 6, Name: "account", SQL: `
CREATE TABLE account (
	id TEXT PRIMARY KEY,
	mail_hash BYTEA NOT NULL UNIQUE,
	head BYTEA NOT NULL,
	password TEXT NOT NULL,
	failed BIGINT NOT NULL,
	locked BIGINT NOT NULL,
	created BIGINT NOT NULL,
	seen BIGINT NOT NULL
);
CREATE TABLE link (
	hash BYTEA PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	account TEXT NOT NULL,
	kind TEXT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	used BIGINT NOT NULL,
	secret BYTEA
);
CREATE INDEX link_account ON link (account);
CREATE INDEX link_expires ON link (expires);
`}}

const (
	sqlNew = `
INSERT INTO account (id, mail_hash, head, password, failed, locked, created, seen) VALUES ($1, $2, $3, '', 0, 0, $4, 0)`
	sqlByMail = `SELECT id, password, failed, locked FROM account WHERE mail_hash = $1`
	sqlByID   = `SELECT id, password, failed, locked FROM account WHERE id = $1`
	// Only who has a role logs in; who was deactivated is as unknown as a stranger.
	sqlActiveByMail = `
SELECT a.id, a.password, a.failed, a.locked FROM account a JOIN member m ON m.account = a.id AND m.active WHERE a.mail_hash = $1`
	sqlFailed  = `UPDATE account SET failed = $1, locked = $2 WHERE id = $3`
	sqlEntered = `UPDATE account SET failed = 0, seen = $1, password = $2 WHERE id = $3`
	sqlChosen  = `UPDATE account SET password = $1, failed = 0, locked = 0 WHERE id = $2`
	sqlUnlock  = `UPDATE account SET failed = 0, locked = 0 WHERE id = $1`

	sqlPerson = `
SELECT a.id, a.head, m.role, k.kind, k.purpose, k.epoch, k.wrapped
FROM account a JOIN member m ON m.account = a.id JOIN sealkey k ON k.id = a.id WHERE a.id = $1`
	sqlList = `
SELECT a.id, a.head, m.role, k.kind, k.purpose, k.epoch, k.wrapped, m.active, length(a.password), a.locked, a.created, a.seen
FROM account a JOIN member m ON m.account = a.id JOIN sealkey k ON k.id = a.id WHERE a.id > $1 ORDER BY a.id LIMIT $2`
	// A page of a list has 50 rows; so many names are asked for at once, and places left over repeat an id.
	sqlNames = `
SELECT a.id, a.head, '', k.kind, k.purpose, k.epoch, k.wrapped
FROM account a JOIN sealkey k ON k.id = a.id
WHERE a.id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
	$26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50)`

	sqlLinkNew = `
INSERT INTO link (hash, id, account, kind, created, expires, used, secret) VALUES ($1, $2, $3, $4, $5, $6, 0, $7)`
	sqlLinkByHash = `
SELECT l.id, l.account, l.kind, l.expires, l.used, l.secret FROM link l JOIN member m ON m.account = l.account AND m.active WHERE l.hash = $1`
	sqlLinkByID = `
SELECT l.id, l.account, l.kind, l.expires, l.used, l.secret FROM link l JOIN member m ON m.account = l.account AND m.active WHERE l.id = $1`
	sqlLinkUsed   = `UPDATE link SET used = $1, secret = NULL WHERE account = $2 AND used = 0`
	sqlLinkMailed = `UPDATE link SET secret = NULL WHERE id = $1`
	sqlLinksEnd   = `DELETE FROM link WHERE account = $1`
	sqlLinksOld   = `DELETE FROM link WHERE expires < $1`
)
