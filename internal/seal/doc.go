// Package seal encrypts what people wrote and keeps the keys that can be destroyed.
//
// Three floors of keys. The root key is one file outside the data. Under it every tenant has an epoch
// key, in at least two folders outside every database and backup, rewritten without history. Under the
// epoch key each case, contact, document and day has a random key of its own, which the caller stores
// wrapped in the tenant's database. Destroying an epoch key after the survivors were wrapped anew is
// what makes an erasure reach every backup.
//
// It owns the byte formats (docs/formats.md, "Seal"), the key files and how they survive a crash, and
// the rule that no key can be printed. It does not own which key belongs to what, who may have it,
// where wrapped keys are stored, when epochs turn, or any SQL: those are visit's, tenant's and the
// features' own. It does not log, and it knows no tenant but by its id.
//
// Every value is bound to its place (AD, KeyID): bytes moved to another row, column, purpose or tenant
// do not open. A defect of the caller (sealing with the zero Key, wrapping for another tenant) panics,
// because going on would lose content or write it in clear.
package seal
