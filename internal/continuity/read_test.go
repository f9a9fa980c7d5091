package continuity

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"insegel/internal/fault"
)

const (
	someTenant = "01a206da-d05e-7c09-8400-9660d2c78887"
	someFile   = "01a206da-d05e-7c09-8400-9660d2c788aa"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A manifest comes from a disk that others may have written to: no path in it leaves the backup.
func TestManifestStaysInItsFolder(t *testing.T) {
	piece := Piece{Path: "databases/x"}
	for name, m := range map[string]*Manifest{
		"a tenant that is a path":   {Format: format, Tenants: []Tenant{{ID: "../../etc", Database: piece, Keys: piece, List: piece}}},
		"a database above":          {Format: format, Tenants: []Tenant{{ID: someTenant, Database: Piece{Path: "../x"}, Keys: piece, List: piece}}},
		"keys anywhere":             {Format: format, Tenants: []Tenant{{ID: someTenant, Database: piece, Keys: Piece{Path: "/etc/passwd"}, List: piece}}},
		"a list above, in a detour": {Format: format, Tenants: []Tenant{{ID: someTenant, Database: piece, Keys: piece, List: Piece{Path: "lists/../../x"}}}},
		"no format":                 {},
		"a later format":            {Format: format + 1},
	} {
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		write(t, filepath.Join(dir, manifestName), string(b))
		if _, _, err := readManifest(dir); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestListStaysWithItsTenant(t *testing.T) {
	sum := strings.Repeat("0", 64)
	good := sum + "  files/" + someTenant + "/aa/" + someFile
	for line, want := range map[string]bool{
		good: true,
		sum + "  files/" + someTenant + "/../../x/" + someFile: false,
		sum + "  /etc/passwd":                                false,
		sum + "  files/" + someFile + "/aa/" + someFile:      false,
		sum + "  files/" + someTenant + "/aa/bb/" + someFile: false,
		sum + "  files/" + someTenant + "/aa/passwd":         false,
		sum + " files/" + someTenant + "/aa/" + someFile:     false,
		"": false,
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "list"), line+"\n")
		err := eachListed(dir, Tenant{ID: someTenant, List: Piece{Path: "list"}}, func(string, string) error { return nil })
		if (err == nil) != want {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// What a file of keys lacks would be taken for erased: one that was cut must not be taken for whole.
func TestCutKeysAreRefused(t *testing.T) {
	head := `{"tenant":"` + someTenant + `","records":7,"epoch":2,"count":2}` + "\n"
	one, two := `{"id":"a","kind":"case","epoch":2,"wrapped":"AAAA"}`+"\n", `{"id":"b","kind":"case","epoch":2,"wrapped":"AAAA"}`+"\n"
	for text, want := range map[string]bool{
		head + one + two: true, head + one: false, head: false, "": false, head + one + one: false, head + one + two[:20]: false,
		strings.Replace(head, someTenant, someFile, 1) + one + two: false, head + one + two + "x": false,
	} {
		path := filepath.Join(t.TempDir(), someTenant+".keys")
		write(t, path, text)
		_, all, err := readKeys(path, someTenant)
		if (err == nil) != want || want && len(all) != 2 {
			t.Errorf("%q: %d keys, %v", text, len(all), err)
		}
	}
}

func TestNewestKeys(t *testing.T) {
	keysOf := func(dir string, records, epoch int, ids ...string) string {
		b, err := json.Marshal(keysHead{Tenant: someTenant, Records: int64(records), Epoch: uint64(epoch), Count: int64(len(ids))})
		if err != nil {
			t.Fatal(err)
		}
		text := string(b) + "\n"
		for _, id := range ids {
			text += `{"id":"` + id + `","epoch":1,"wrapped":"AAAA"}` + "\n"
		}
		write(t, filepath.Join(dir, someTenant+".keys"), text)
		return dir
	}
	backup := keysOf(t.TempDir(), 10, 2, "a", "b")
	for name, c := range map[string]struct {
		folders []string
		want    int
	}{
		"only the backup's":                    {[]string{backup, t.TempDir()}, 2},
		"a later log has erased one":           {[]string{backup, keysOf(t.TempDir(), 11, 2, "a")}, 1},
		"a later epoch counts for more":        {[]string{backup, keysOf(t.TempDir(), 9, 3, "a"), keysOf(t.TempDir(), 99, 2, "a", "b", "c")}, 1},
		"a log that lost its end is not later": {[]string{backup, keysOf(t.TempDir(), 5, 2, "a")}, 2},
		"of two alike the living one":          {[]string{backup, keysOf(t.TempDir(), 10, 2, "a")}, 1},
	} {
		got, _, err := newestKeys(someTenant, c.folders)
		if err != nil || len(got) != c.want {
			t.Errorf("%s: %d keys, want %d: %v", name, len(got), c.want, err)
		}
	}
	bad := t.TempDir()
	write(t, filepath.Join(bad, someTenant+".keys"), "not keys")
	if _, _, err := newestKeys(someTenant, []string{backup, bad}); fault.Of(err).Key != "fault.backup.damaged" {
		t.Errorf("a file that cannot be read is passed over: %v", err)
	}
}

func TestAt(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"20261123T100000.000Z", "20261123T110000.000Z", "20261123T120000.000Z.partial", "2old Z"} {
		write(t, filepath.Join(dir, name, manifestName), `{"format":1}`)
	}
	ten := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		ten.Add(-time.Millisecond): "", ten: "20261123T100000.000Z", ten.Add(59 * time.Minute): "20261123T100000.000Z",
		ten.Add(3 * time.Hour): "20261123T110000.000Z", {}: "20261123T110000.000Z",
	} {
		got, err := At(dir, at)
		if (err != nil) != (want == "") || want != "" && filepath.Base(got.Path) != want {
			t.Errorf("at %v: %s %v, want %s", at, got.Path, err, want)
		}
	}
}

// FuzzBackup reads a backup that anybody may have written.
func FuzzBackup(f *testing.F) {
	f.Add([]byte(`{"format":1,"tenants":[{"id":"`+someTenant+`","database":{"path":"a"},"keys":{"path":"b"},"list":{"path":"list"},"files":1}]}`), []byte("00  files/"+someTenant+"/aa/"+someFile+"\n"), []byte(`{"tenant":"`+someTenant+`","count":0}`))
	f.Fuzz(func(t *testing.T, manifest, list, keyFile []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, manifestName), string(manifest))
		write(t, filepath.Join(dir, "list"), string(list))
		write(t, filepath.Join(dir, "keys", someTenant+".keys"), string(keyFile))
		if m, _, err := readManifest(dir); err == nil {
			for _, one := range m.Tenants {
				for _, p := range []string{one.Database.Path, one.Keys.Path, one.List.Path} {
					if strings.HasPrefix(filepath.Clean(p), "..") || filepath.IsAbs(p) {
						t.Errorf("taken: %q", p)
					}
				}
			}
			if _, err := Verify(t.Context(), dir, nil); err != nil && fault.KindOf(err) == fault.Internal {
				t.Errorf("verify: %v", err)
			}
		}
		_ = eachListed(dir, Tenant{ID: someTenant, List: Piece{Path: "list"}}, func(_, path string) error {
			if !strings.HasPrefix(filepath.Clean(path), "files/"+someTenant+"/") {
				t.Errorf("listed: %q", path)
			}
			return nil
		})
		_, _, _ = readKeys(filepath.Join(dir, "keys", someTenant+".keys"), someTenant)
	})
}
