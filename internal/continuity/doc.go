// Package continuity makes copies of a whole installation while it runs, tells whether they are whole, and loads them again.
//
// A backup is a folder named for its time: databases as of one moment each, the sealed files that their rows name, the wrapped
// keys, and a manifest with the digest of every byte, signed by the operator's log. Nothing in it is in clear, and neither
// the root key nor an epoch key is: whoever keeps a backup needs those from their own folders.
//
// It owns the form of a backup and the rules of restoring (docs/operations.md tells them to people): keys come from the newest
// copy there is, so that what was erased stays erased. It does not choose an engine, does not serve, and decides
// nothing about who may ask for a backup.
package continuity
