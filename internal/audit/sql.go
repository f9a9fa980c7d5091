package audit

import "insegel/internal/store"

// Migrations are the log's tables. A record's row holds the hashes of all tree nodes that it completes, so that any
// proof is read from at most one row a level. epoch is the tenant's newest epoch key, read under the head's lock so
// that no node wraps a key under one that is about to be destroyed.
var Migrations = []store.Migration{{Number: 1, Name: "log",
	SQLite:   tables + `INSERT INTO log_head (id, size, frontier, epoch, number) VALUES (1, 0, X'', 0, 1000)`,
	Postgres: tables + `INSERT INTO log_head (id, size, frontier, epoch, number) VALUES (1, 0, '', 0, 1000)`,
}}

const tables = `
CREATE TABLE log_head (
	id BIGINT PRIMARY KEY,
	size BIGINT NOT NULL,
	frontier BYTEA NOT NULL,
	epoch BIGINT NOT NULL,
	number BIGINT NOT NULL
);
CREATE TABLE record (
	seq BIGINT PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	at BIGINT NOT NULL,
	action TEXT NOT NULL,
	actor TEXT NOT NULL,
	case_no BIGINT NOT NULL,
	act BYTEA NOT NULL,
	act_salt BYTEA NOT NULL,
	origin_key TEXT NOT NULL,
	origin BYTEA,
	change_key TEXT NOT NULL,
	change BYTEA,
	commits BYTEA NOT NULL,
	hashes BYTEA NOT NULL
);
CREATE INDEX record_case ON record (case_no, seq);
CREATE INDEX record_action ON record (action, seq);
CREATE INDEX record_actor ON record (actor, seq);
`

const (
	sqlLock  = `UPDATE log_head SET size = size WHERE id = 1 RETURNING size, frontier, epoch, number`
	sqlHead  = `SELECT size, frontier, epoch, number FROM log_head WHERE id = 1`
	sqlWrite = `UPDATE log_head SET size = $1, frontier = $2, number = $3 WHERE id = 1`
	sqlEpoch = `UPDATE log_head SET epoch = $1 WHERE id = 1`
	sqlHas   = `SELECT seq FROM record WHERE id = $1`
	sqlAdd   = `
INSERT INTO record (seq, id, at, action, actor, case_no, act, act_salt, origin_key, origin, change_key, change, commits, hashes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	sqlColumns = `SELECT seq, id, at, action, actor, case_no, act, act_salt, origin_key, origin, change_key, change, commits, hashes FROM record`
	sqlFrom    = sqlColumns + ` WHERE seq >= $1 ORDER BY seq LIMIT $2`
	sqlOfCase  = sqlColumns + ` WHERE case_no = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`
	sqlDone    = sqlColumns + ` WHERE case_no = $1 AND action IN ($2, $3, $4, $5) ORDER BY seq DESC LIMIT $6`
	sqlLists   = sqlColumns + ` WHERE action = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`
	sqlLatest  = sqlColumns + ` WHERE seq < $1 ORDER BY seq DESC LIMIT $2`
	sqlHashes  = `SELECT hashes FROM record WHERE seq = $1`
	sqlCount   = `SELECT COUNT(*) FROM record`
)
