package cases

import (
	"strconv"
	"strings"

	"insegel/internal/store"
)

// Migrations are the room's tables. Sealed columns: head, body, html, and a delivery's text. In clear: numbers,
// states, times and ids, which lists sort and clocks run on.
var Migrations = []store.Migration{{Number: 9, Name: "cases", SQL: `
CREATE TABLE cases (
	id TEXT PRIMARY KEY,
	number BIGINT NOT NULL UNIQUE,
	kind TEXT NOT NULL,
	class TEXT NOT NULL,
	queue TEXT NOT NULL,
	purpose TEXT NOT NULL,
	state TEXT NOT NULL,
	live BOOLEAN NOT NULL,
	priority BIGINT NOT NULL,
	assignee TEXT NOT NULL,
	head BYTEA,
	created BIGINT NOT NULL,
	updated BIGINT NOT NULL,
	closed BIGINT NOT NULL,
	due BIGINT NOT NULL,
	version BIGINT NOT NULL,
	messages BIGINT NOT NULL,
	may_belong BIGINT NOT NULL
);
CREATE INDEX cases_updated ON cases (updated, number);
CREATE INDEX cases_live ON cases (live, updated, number);
CREATE INDEX cases_queue ON cases (queue, updated, number);
CREATE INDEX cases_assignee ON cases (assignee, live, updated, number);
CREATE INDEX cases_state ON cases (state, updated, number);
CREATE TABLE message (
	id TEXT PRIMARY KEY,
	case_id TEXT NOT NULL,
	at BIGINT NOT NULL,
	kind TEXT NOT NULL,
	channel TEXT NOT NULL,
	author TEXT NOT NULL,
	head BYTEA,
	body BYTEA,
	html BYTEA,
	raw TEXT NOT NULL,
	state TEXT NOT NULL,
	files BIGINT NOT NULL
);
CREATE INDEX message_case ON message (case_id, at, id);
CREATE TABLE attachment (
	id TEXT PRIMARY KEY,
	message TEXT NOT NULL,
	case_id TEXT NOT NULL,
	place BIGINT NOT NULL,
	head BYTEA,
	size BIGINT NOT NULL
);
CREATE INDEX attachment_case ON attachment (case_id, message, place);
CREATE TABLE party (
	case_id TEXT NOT NULL,
	hash BYTEA NOT NULL,
	PRIMARY KEY (case_id, hash)
);
CREATE TABLE message_ref (
	hash BYTEA NOT NULL,
	message TEXT NOT NULL,
	case_no BIGINT NOT NULL,
	PRIMARY KEY (hash, message)
);
CREATE INDEX message_ref_case ON message_ref (case_no);
CREATE TABLE delivery (
	message TEXT NOT NULL,
	place BIGINT NOT NULL,
	case_no BIGINT NOT NULL,
	state TEXT NOT NULL,
	status TEXT NOT NULL,
	detail BYTEA,
	tries BIGINT NOT NULL,
	first BIGINT NOT NULL,
	next BIGINT NOT NULL,
	PRIMARY KEY (message, place)
);
CREATE INDEX delivery_case ON delivery (case_no);
CREATE TABLE acknowledged (
	hash BYTEA PRIMARY KEY,
	day BIGINT NOT NULL,
	count BIGINT NOT NULL
);
`}}

// columns of a case with its wrapped key: one statement brings a list whole. A case whose key was destroyed
// stays in it, with nothing to open.
const (
	columns = `
SELECT c.id, c.number, c.kind, c.class, c.queue, c.purpose, c.state, c.priority, c.assignee, c.head,
	c.created, c.updated, c.closed, c.due, c.version, c.messages, c.may_belong,
	COALESCE(k.kind, ''), COALESCE(k.purpose, ''), COALESCE(k.epoch, 0), k.wrapped
FROM cases c LEFT JOIN sealkey k ON k.id = c.id`

	sqlByNumber = columns + ` WHERE c.number = $1`
)

// A page is read along one index, from where the last one ended; what is left to filter is little. The purposes are
// at most maxPurposes; places that are left over hold nothing.
const (
	sixteen  = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`
	after    = `(c.updated, c.number) < (?, ?)`
	filtered = `
AND c.purpose IN (` + sixteen + `, ` + sixteen + `, ` + sixteen + `, ` + sixteen + `)
AND (CAST(? AS TEXT) = '' OR c.state = ?)
AND (CAST(? AS TEXT) = '' OR c.queue = ?)
AND c.updated >= ?
ORDER BY c.updated DESC, c.number DESC LIMIT ?`
)

var (
	sqlListAll   = numbered(columns + ` WHERE ` + after + filtered)
	sqlListLive  = numbered(columns + ` WHERE c.live = ? AND ` + after + filtered)
	sqlListState = numbered(columns + ` WHERE c.state = ? AND ` + after + filtered)
	sqlListQueue = numbered(columns + ` WHERE c.queue = ? AND ` + after + filtered)
	sqlListWho   = numbered(columns + ` WHERE c.assignee = ? AND c.live = ? AND ` + after + filtered)
)

// numbered writes $1, $2, … for each ? in turn. No text here holds a question mark of its own.
func numbered(sql string) string {
	var b strings.Builder
	n := 0
	for _, c := range sql {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

const (
	sqlInsert = `
INSERT INTO cases (id, number, kind, class, queue, purpose, state, live, priority, assignee, head, created, updated, closed, due, version, messages, may_belong)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, 0, 0, 1, 1, $13)`
	sqlTouch = `
UPDATE cases SET updated = $1, messages = messages + $2, version = version + 1, state = $3, live = $4, closed = $5 WHERE id = $6`
	sqlChange = `
UPDATE cases SET state = $1, live = $2, priority = $3, assignee = $4, queue = $5, closed = $6, updated = $7, version = version + 1
WHERE id = $8`

	sqlMessageNew = `
INSERT INTO message (id, case_id, at, kind, channel, author, head, body, html, raw, state, files)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	sqlMessages     = `SELECT id, at, kind, channel, author, head, body, html, raw, state, files FROM message WHERE case_id = $1 ORDER BY at DESC, id DESC LIMIT $2`
	sqlHeads        = `SELECT id, kind, head FROM message WHERE case_id = $1 ORDER BY at DESC, id DESC LIMIT $2`
	sqlMessage      = `SELECT id, at, kind, channel, author, head, body, html, raw, state, files FROM message WHERE case_id = $1 AND id = $2`
	sqlMessageState = `UPDATE message SET state = $1 WHERE id = $2`
	sqlMessageCase  = `SELECT c.number FROM message m JOIN cases c ON c.id = m.case_id WHERE m.id = $1`

	sqlFileNew = `INSERT INTO attachment (id, message, case_id, place, head, size) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlFiles   = `SELECT id, message, head, size FROM attachment WHERE case_id = $1 ORDER BY message DESC, place LIMIT $2`
	sqlFilesOf = `SELECT id, message, head, size FROM attachment WHERE case_id = $1 AND message = $2 ORDER BY place LIMIT $3`
	sqlFile    = `SELECT id, message, head, size FROM attachment WHERE case_id = $1 AND message = $2 AND id = $3`

	sqlPartyNew = `INSERT INTO party (case_id, hash) VALUES ($1, $2) ON CONFLICT (case_id, hash) DO NOTHING`
	sqlParty    = `SELECT p.case_id FROM party p JOIN cases c ON c.id = p.case_id WHERE c.number = $1 AND p.hash = $2`

	sqlRefNew = `INSERT INTO message_ref (hash, message, case_no) VALUES ($1, $2, $3) ON CONFLICT (hash, message) DO NOTHING`
	sqlRefs   = `SELECT message, case_no FROM message_ref WHERE hash = $1 ORDER BY case_no, message LIMIT $2`

	sqlDeliveryNew = `
INSERT INTO delivery (message, place, case_no, state, status, tries, first, next) VALUES ($1, $2, $3, 'queued', '', 0, $4, $4)`
	sqlDeliveries   = `SELECT message, place, state, status, detail, tries, first, next FROM delivery WHERE case_no = $1 ORDER BY message DESC, place LIMIT $2`
	sqlDelivery     = `SELECT message, place, state, status, detail, tries, first, next FROM delivery WHERE message = $1 AND place = $2`
	sqlDeliverySet  = `UPDATE delivery SET state = $1, status = $2, detail = $3, tries = tries + 1, next = $4 WHERE message = $5 AND place = $6`
	sqlDeliveryFail = `UPDATE delivery SET state = 'failed', status = $1, detail = $2 WHERE message = $3 AND place = $4`
	sqlDeliveryLeft = `SELECT COALESCE(SUM(CASE WHEN state = 'queued' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), 0) FROM delivery WHERE message = $1`

	sqlAcknowledge = `
INSERT INTO acknowledged (hash, day, count) VALUES ($1, $2, 1)
ON CONFLICT (hash) DO UPDATE SET count = CASE WHEN acknowledged.day = excluded.day THEN acknowledged.count + 1 ELSE 1 END, day = excluded.day
RETURNING count`
)
