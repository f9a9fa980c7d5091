package tenant

import "insegel/internal/store"

// Migrations are the room's tables. sealkey and blob are in every tenant; directory, host, address and wake are used in
// the operator's only, where they are the index of what is true in the tenants.
var Migrations = []store.Migration{{Number: 2, Name: "tenant", SQL: `
CREATE TABLE sealkey (
	id TEXT PRIMARY KEY,
	kind TEXT NOT NULL,
	purpose TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	wrapped BYTEA NOT NULL,
	follows TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sealkey_follows ON sealkey (follows) WHERE follows <> '';
CREATE TABLE blob (
	id TEXT PRIMARY KEY,
	key_id TEXT NOT NULL,
	size BIGINT NOT NULL,
	inline BYTEA,
	filekey BYTEA
);
CREATE INDEX blob_key ON blob (key_id);
CREATE TABLE claim (
	hash BYTEA PRIMARY KEY
);
CREATE TABLE directory (
	id TEXT PRIMARY KEY,
	slug TEXT NOT NULL UNIQUE,
	state TEXT NOT NULL,
	name BYTEA NOT NULL,
	created BIGINT NOT NULL
);
CREATE TABLE host (
	host TEXT PRIMARY KEY,
	tenant TEXT NOT NULL,
	state TEXT NOT NULL
);
CREATE TABLE address (
	hash BYTEA PRIMARY KEY,
	tenant TEXT NOT NULL,
	state TEXT NOT NULL,
	since BIGINT NOT NULL
);
CREATE INDEX address_tenant ON address (tenant, state);
CREATE TABLE wake (
	tenant TEXT PRIMARY KEY,
	due BIGINT NOT NULL
);
`}}

const (
	sqlKeyNew     = `INSERT INTO sealkey (id, kind, purpose, epoch, wrapped) VALUES ($1, $2, $3, $4, $5)`
	sqlKeyGet     = `SELECT kind, purpose, epoch, wrapped FROM sealkey WHERE id = $1`
	sqlKeyEnd     = `DELETE FROM sealkey WHERE id = $1 AND kind <> 'tenant'` // the tenant's own are not a change's to erase
	sqlKeyFollow  = `UPDATE sealkey SET follows = $1 WHERE id = $2`
	sqlFollowEnd  = `DELETE FROM sealkey WHERE follows = $1 AND follows <> ''`
	sqlKeysOld    = `SELECT id, kind, purpose, epoch, wrapped FROM sealkey WHERE id > $1 AND epoch < $2 ORDER BY id LIMIT $3`
	sqlKeyRewrap  = `UPDATE sealkey SET epoch = $1, wrapped = $2 WHERE id = $3 AND epoch = $4`
	sqlKeysAfter  = `SELECT id, kind, purpose, epoch, wrapped FROM sealkey WHERE id > $1 ORDER BY id LIMIT $2`
	sqlKeysCount  = `SELECT COUNT(*) FROM sealkey`
	sqlKeysBehind = `SELECT COUNT(*) FROM sealkey WHERE epoch < $1`

	sqlBlobNew   = `INSERT INTO blob (id, key_id, size, inline, filekey) VALUES ($1, $2, $3, $4, $5)`
	sqlBlobGet   = `SELECT key_id, size, inline, filekey FROM blob WHERE id = $1`
	sqlBlobRekey = `UPDATE blob SET key_id = $1, inline = $2, filekey = $3 WHERE id = $4`
	sqlBlobEnd   = `DELETE FROM blob WHERE id = $1`
	sqlBlobFiles = `SELECT id FROM blob WHERE filekey IS NOT NULL AND id > $1 ORDER BY id LIMIT $2`

	sqlClaimNew = `INSERT INTO claim (hash) VALUES ($1) ON CONFLICT (hash) DO NOTHING`
	sqlClaimGet = `SELECT hash FROM claim WHERE hash = $1`

	sqlTenantNew    = `INSERT INTO directory (id, slug, state, name, created) VALUES ($1, $2, $3, $4, $5)`
	sqlTenantState  = `UPDATE directory SET state = $1 WHERE id = $2`
	sqlTenantBySlug = `SELECT id, slug, state, name, created FROM directory WHERE slug = $1`
	sqlTenantByID   = `SELECT id, slug, state, name, created FROM directory WHERE id = $1`
	sqlTenants      = `SELECT id, slug, state, name, created FROM directory ORDER BY slug`
	sqlHostGet      = `SELECT d.id, d.slug, d.state, d.name, d.created FROM host h JOIN directory d ON d.id = h.tenant WHERE h.host = $1`
	sqlHostNew      = `INSERT INTO host (host, tenant, state) VALUES ($1, $2, 'active')`

	sqlAddressGet     = `SELECT tenant, state FROM address WHERE hash = $1`
	sqlAddressReserve = `INSERT INTO address (hash, tenant, state, since) VALUES ($1, $2, 'pending', $3)`
	sqlAddressConfirm = `UPDATE address SET state = 'active' WHERE hash = $1 AND tenant = $2`
	sqlAddressRelease = `DELETE FROM address WHERE hash = $1 AND tenant = $2 AND state = 'pending'`
	sqlAddressPending = `SELECT hash, since FROM address WHERE tenant = $1 AND state = 'pending' ORDER BY hash LIMIT $2`

	sqlWakeSet = `
INSERT INTO wake (tenant, due) VALUES ($1, $2)
ON CONFLICT (tenant) DO UPDATE SET due = excluded.due WHERE wake.due > excluded.due`
	sqlWakeEnd  = `DELETE FROM wake WHERE tenant = $1 AND due <= $2`
	sqlWakeList = `SELECT tenant, due FROM wake ORDER BY due`
)
