package access

import "insegel/internal/store"

// Migrations are the room's tables. Secrets are stored as SHA-256 only; a session's network and device
// are sealed by who opens it.
var Migrations = []store.Migration{
	{Number: 4, Name: "access", SQL: `
CREATE TABLE member (
	account TEXT PRIMARY KEY,
	role TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	since BIGINT NOT NULL
);
CREATE TABLE session (
	hash BYTEA PRIMARY KEY,
	account TEXT NOT NULL,
	created BIGINT NOT NULL,
	seen BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account);
CREATE INDEX session_expires ON session (expires);
CREATE TABLE token (
	hash BYTEA PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	account TEXT NOT NULL,
	scopes TEXT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX token_account ON token (account);
`},
}

const (
	// One statement decides a visit: who it is, in which role, and which purposes that role reads.
	sqlBySession = `
SELECT s.account, s.account, '', s.seen, s.expires, m.role, p.id, p.readers
FROM session s JOIN member m ON m.account = s.account AND m.active
CROSS JOIN purpose p
WHERE s.hash = $1`
	// #nosec G101 -- SQL that names tokens, not one of them
	sqlByToken = `
SELECT t.account, t.id, t.scopes, t.created, t.expires, m.role, p.id, p.readers
FROM token t JOIN member m ON m.account = t.account AND m.active
CROSS JOIN purpose p
WHERE t.hash = $1`
	sqlPurposes = `SELECT p.id FROM purpose p`

	sqlMemberSet = `
INSERT INTO member (account, role, active, since) VALUES ($1, $2, $3, $4)
ON CONFLICT (account) DO UPDATE SET role = excluded.role, active = excluded.active, since = excluded.since`
	sqlMembers        = `SELECT account, role, active FROM member ORDER BY account`
	sqlSessionNew     = `INSERT INTO session (hash, account, created, seen, expires) VALUES ($1, $2, $3, $4, $5)`
	sqlSessionSeen    = `UPDATE session SET seen = $1 WHERE hash = $2`
	sqlSessionEnd     = `DELETE FROM session WHERE hash = $1`
	sqlSessionsEnd    = `DELETE FROM session WHERE account = $1`
	sqlSessionsExpire = `DELETE FROM session WHERE expires <= $1 OR seen <= $2`
	sqlTokenNew       = `
INSERT INTO token (hash, id, account, scopes, created, expires) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlTokensEnd = `DELETE FROM token WHERE account = $1`
)
