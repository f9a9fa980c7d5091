package continuity

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

// keysHead is the first line of a file of wrapped keys. The file tells which keys a tenant has, and by that also which it
// has no more. Which of two files is newer is told by the epoch and the log's size; clocks may be wrong.
type keysHead struct {
	Tenant  string    `json:"tenant"`
	At      time.Time `json:"at"`
	Records int64     `json:"records"`
	Epoch   uint64    `json:"epoch"` // the newest that a key is wrapped under
	Count   int64     `json:"count"`
}

type keyLine struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Purpose string `json:"purpose"`
	Epoch   uint64 `json:"epoch"`
	Wrapped []byte `json:"wrapped"`
}

const (
	sqlRecords = `SELECT size FROM log_head WHERE id = 1`
	sqlKeys    = `SELECT COUNT(*), COALESCE(MAX(epoch), 0) FROM sealkey`
)

// newer tells whether h tells of a later state than o.
func (h keysHead) newer(o keysHead) bool {
	if h.Epoch != o.Epoch {
		return h.Epoch > o.Epoch
	}
	return h.Records > o.Records
}

// WriteKeys writes a tenant's wrapped keys into a file, which appears whole or not at all.
func WriteKeys(ctx context.Context, r store.Reader, tenantID string, now time.Time, path string) error {
	h := keysHead{Tenant: tenantID, At: now}
	if err := r.QueryRow(ctx, sqlRecords, nil, &h.Records); err != nil {
		return err
	}
	var epoch int64
	if err := r.QueryRow(ctx, sqlKeys, nil, &h.Count, &epoch); err != nil {
		return err
	}
	h.Epoch = uint64(epoch) // #nosec G115 -- epochs count up from 1
	tmp := path + ".partial"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- in the folder that the operator named
	if err != nil {
		return disk(err, filepath.Dir(path))
	}
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	err = e.Encode(h)
	if err == nil {
		err = tenant.EachKey(ctx, r, func(k tenant.KeyRow) error { return e.Encode(keyLine(k)) })
	}
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = errors.Join(os.Rename(tmp, path), syncPath(filepath.Dir(path)))
	}
	if err != nil {
		return disk(errors.Join(err, ignoreMissing(os.Remove(tmp))), filepath.Dir(path))
	}
	return nil
}

// readHead reads the first line of a file of keys.
func readHead(path string) (h keysHead, err error) {
	f, err := os.Open(path) // #nosec G304
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return h, json.NewDecoder(bufio.NewReader(f)).Decode(&h)
}

// readKeys reads a file of keys whole; one that was cut is refused, for what it lacks would be taken for erased.
func readKeys(path, tenantID string) (h keysHead, all map[string]tenant.KeyRow, err error) {
	bad := func(err error) (keysHead, map[string]tenant.KeyRow, error) {
		return h, nil, fault.Because(err, fault.Conflict, "fault.backup.damaged", "file", path)
	}
	f, err := os.Open(path) // #nosec G304
	if err != nil {
		return bad(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d := json.NewDecoder(bufio.NewReader(f))
	if err := d.Decode(&h); err != nil || h.Tenant != tenantID {
		return bad(errors.Join(err, fmt.Errorf("keys of %q", h.Tenant)))
	}
	all = map[string]tenant.KeyRow{}
	for {
		var k keyLine
		err := d.Decode(&k)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return bad(err)
		}
		all[k.ID] = tenant.KeyRow(k)
	}
	if int64(len(all)) != h.Count {
		return bad(fmt.Errorf("%d keys, want %d", len(all), h.Count))
	}
	return h, all, nil
}

// KeysFile is where the wrapped keys of a tenant are kept in a folder of backups, beside the backups: as of the last change of
// its epoch key. Only the newest are of use, so there is one file, which is replaced.
func KeysFile(folder, tenantID string) string {
	return filepath.Join(folder, keys, tenantID+".keys")
}

// KeepKeys writes a tenant's wrapped keys into folders of backups before its old epoch key is destroyed, so that
// the backups that are there can still be opened if the database is lost before the next one.
func KeepKeys(ctx context.Context, folders []string, tenantID string, r store.Reader, now time.Time) error {
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(folder, keys), 0o700); err != nil {
			return disk(err, folder)
		}
		if err := WriteKeys(ctx, r, tenantID, now, KeysFile(folder, tenantID)); err != nil {
			return err
		}
	}
	return nil
}
