package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"insegel/internal/fault"
)

// house is a pair of folders with their root key.
type house struct {
	dirs []string
	root *Root
}

func newHouse(t testing.TB) house {
	t.Helper()
	dir := t.TempDir()
	root, err := CreateRoot(filepath.Join(dir, "data.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return house{dirs: []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, root: root}
}

func (h house) open(t testing.TB) *Places {
	t.Helper()
	p, err := OpenPlaces(h.dirs, h.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h house) file(i int, tenant string) string { return filepath.Join(h.dirs[i], tenant+epochSuffix) }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestPlacesNeedTwoFolders(t *testing.T) {
	h := newHouse(t)
	link := filepath.Join(filepath.Dir(h.dirs[0]), "link")
	if err := os.MkdirAll(h.dirs[0], 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(h.dirs[0], link); err != nil {
		t.Fatal(err)
	}
	for name, dirs := range map[string][]string{
		"none": nil, "one": h.dirs[:1], "twice": {h.dirs[0], h.dirs[0] + "/"}, "by a link": {h.dirs[0], link},
	} {
		_, err := OpenPlaces(dirs, h.root, nil)
		t.Run(name, func(t *testing.T) { is(t, err, fault.Invalid, keyPlacesFew) })
	}
	info := must[os.FileInfo](t)(os.Stat(must[*Places](t)(OpenPlaces(h.dirs, h.root, nil)).Dirs()[1]))
	if info.Mode().Perm() != 0o700 {
		t.Fatal(info.Mode())
	}
}

func TestTenantNamesCannotLeaveTheFolder(t *testing.T) {
	p := newHouse(t).open(t)
	for _, bad := range []string{"", "../x", "a/b", "A", "å", "a.epoch", ".", "-x", strings.Repeat("a", maxTenant+1), "a\x00"} {
		_, err := p.Create(bad)
		is(t, err, fault.Invalid, keyTenantName)
		_, err = p.Load(bad)
		is(t, err, fault.Invalid, keyTenantName)
		is(t, p.Remove(bad), fault.Invalid, keyTenantName)
	}
}

func TestLifeOfATenant(t *testing.T) {
	h := newHouse(t)
	p, ring := h.open(t), must[*Ring](t)
	_, err := p.Load("t1")
	is(t, err, fault.Unavailable, keyEpochMissing)
	one := ring(p.Create("t1"))
	_, err = p.Create("t1")
	is(t, err, fault.Conflict, keyEpochExists)
	k := NewKey(nil)
	epoch, wrapped := one.Wrap(k, caseKey())

	two := ring(p.Begin("t1"))
	if two.Current != 1 || two.Next != 2 {
		t.Fatalf("%d %d", two.Current, two.Next)
	}
	again := ring(p.Begin("t1"))
	epoch2, wrapped2, err := again.Rewrap(epoch, caseKey(), wrapped)
	if err != nil || again.Next != 2 {
		t.Fatal(again.Next, err)
	}
	ring(p.Finish("t1"))
	three := ring(p.Finish("t1"))
	if three.Current != 2 || three.Next != 0 {
		t.Fatalf("%d %d", three.Current, three.Next)
	}
	loaded := ring(h.open(t).Load("t1"))
	if got, err := loaded.Unwrap(epoch2, caseKey(), wrapped2); err != nil || !got.Equal(k) {
		t.Fatal(err)
	}
	_, err = loaded.Unwrap(epoch, caseKey(), wrapped)
	is(t, err, fault.NotFound, keyErased)
	if len(loaded.Healed)+len(loaded.Lacking) != 0 {
		t.Fatal(loaded.Healed, loaded.Lacking)
	}
	for range 2 {
		if err := p.Remove("t1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range h.dirs {
		if names := entries(t, dir); !slices.Equal(names, []string{lockName}) {
			t.Fatal("left behind:", names)
		}
	}
}

func entries(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	for _, e := range must[[]os.DirEntry](t)(os.ReadDir(dir)) {
		names = append(names, e.Name())
	}
	return names
}

// One copy that is not right is written anew from the other, whichever it is, and reported.
func TestOneCopyHealsTheOther(t *testing.T) {
	for name, spoil := range map[string]func(good, old []byte) []byte{
		"missing":   func(_, _ []byte) []byte { return nil },
		"empty":     func(_, _ []byte) []byte { return []byte{} },
		"truncated": func(good, _ []byte) []byte { return good[:len(good)-1] },
		"flipped":   func(good, _ []byte) []byte { b := bytes.Clone(good); b[60] ^= 1; return b },
		"too long":  func(good, _ []byte) []byte { return append(bytes.Clone(good), make([]byte, maxEpochFile)...) },
		"behind":    func(_, old []byte) []byte { return old },
		"noise":     func(_, _ []byte) []byte { return pattern(137) },
	} {
		for i := range 2 {
			t.Run(name, func(t *testing.T) {
				h := newHouse(t)
				p := h.open(t)
				must[*Ring](t)(p.Create("t1"))
				old := must[[]byte](t)(os.ReadFile(h.file(i, "t1")))
				ring := must[*Ring](t)(p.Begin("t1"))
				k := NewKey(nil)
				epoch, wrapped := ring.Wrap(k, caseKey())
				good := must[[]byte](t)(os.ReadFile(h.file(i, "t1")))
				replace(t, h.file(i, "t1"), spoil(good, old))

				healed := must[*Ring](t)(h.open(t).Load("t1"))
				if !slices.Equal(healed.Healed, h.dirs[i:i+1]) || len(healed.Lacking) != 0 {
					t.Fatal(healed.Healed, healed.Lacking)
				}
				replace(t, h.file(1-i, "t1"), nil) // what was healed must stand alone
				alone := must[*Ring](t)(h.open(t).Load("t1"))
				if got, err := alone.Unwrap(epoch, caseKey(), wrapped); err != nil || !got.Equal(k) {
					t.Fatal(err)
				}
			})
		}
	}
}

func replace(t testing.TB, path string, data []byte) {
	t.Helper()
	err := os.Remove(path)
	if data != nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoWholeCopySaysWhy(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	p := h.open(t)
	must[*Ring](t)(p.Create("t1"))
	must[*Ring](t)(p.Create("t2"))
	must[*Ring](t)(other.open(t).Create("t1"))
	good := must[[]byte](t)(os.ReadFile(h.file(0, "t1")))
	foreign := must[[]byte](t)(os.ReadFile(other.file(0, "t1")))
	sibling := must[[]byte](t)(os.ReadFile(h.file(0, "t2")))
	spoilt := bytes.Clone(good)
	spoilt[len(spoilt)/2] ^= 1
	for name, c := range map[string]struct {
		a, b []byte
		key  string
	}{
		"both missing":        {nil, nil, keyEpochMissing},
		"both damaged":        {spoilt, spoilt, keyEpochDamaged},
		"missing and damaged": {nil, spoilt, keyEpochDamaged},
		"wrong root key":      {foreign, foreign, keyEpochRoot},
		"wrong and missing":   {nil, foreign, keyEpochRoot},
		"another tenant's":    {sibling, sibling, keyEpochDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			for i, data := range [][]byte{c.a, c.b} {
				_ = os.WriteFile(h.file(i, "t1"), good, 0o600)
				replace(t, h.file(i, "t1"), data)
			}
			_, err := h.open(t).Load("t1")
			is(t, err, fault.Unavailable, c.key)
			if !strings.Contains(err.Error(), h.dirs[1]) {
				t.Fatal("does not say where:", err)
			}
			for i, data := range [][]byte{c.a, c.b} {
				if now, _ := os.ReadFile(h.file(i, "t1")); !bytes.Equal(now, data) {
					t.Fatal("something was overwritten")
				}
			}
		})
	}
}

// A copy under another root key may be another installation's only one.
func TestForeignCopyIsNeverTouched(t *testing.T) {
	h, other := newHouse(t), newHouse(t)
	p := h.open(t)
	must[*Ring](t)(p.Create("t1"))
	must[*Ring](t)(other.open(t).Create("t1"))
	foreign := must[[]byte](t)(os.ReadFile(other.file(0, "t1")))
	replace(t, h.file(1, "t1"), foreign)
	ring := must[*Ring](t)(p.Load("t1"))
	if !slices.Equal(ring.Lacking, h.dirs[1:]) || len(ring.Healed) != 0 {
		t.Fatal(ring.Healed, ring.Lacking)
	}
	_, err := p.Begin("t1")
	is(t, err, fault.Unavailable, keyEpochWrite)
	_, err = p.Finish("t1")
	is(t, err, fault.Unavailable, keyEpochWrite)
	is(t, p.Remove("t1"), fault.Unavailable, keyEpochRoot)
	if now := must[[]byte](t)(os.ReadFile(h.file(1, "t1"))); !bytes.Equal(now, foreign) {
		t.Fatal("the other installation's key was overwritten")
	}
	if s := p.StatusOf("t1"); s.Copies[0].State != CopyWhole || s.Copies[1].State != CopyOtherRoot || s.Whole() {
		t.Fatalf("%+v", s)
	}
}

func TestAFolderThatIsAway(t *testing.T) {
	h := newHouse(t)
	p := h.open(t)
	must[*Ring](t)(p.Create("t1"))
	away := h.dirs[1] + ".away"
	if err := os.Rename(h.dirs[1], away); err != nil {
		t.Fatal(err)
	}
	ring := must[*Ring](t)(p.Load("t1")) // one copy is enough to work
	if !slices.Equal(ring.Lacking, h.dirs[1:]) {
		t.Fatal(ring.Lacking)
	}
	_, err := p.Begin("t1") // but not to make a key that has only one
	is(t, err, fault.Unavailable, keyEpochWrite)
	_, err = p.Create("t2")
	is(t, err, fault.Unavailable, keyEpochWrite)
	if s := p.StatusOf("t1"); s.Copies[1].State != CopyUnreadable || s.Current != 1 {
		t.Fatalf("%+v", s)
	}
	if err := os.Rename(away, h.dirs[1]); err != nil {
		t.Fatal(err)
	}
	if ring := must[*Ring](t)(p.Begin("t1")); ring.Next != 2 || len(ring.Lacking) != 0 {
		t.Fatalf("%d %v", ring.Next, ring.Lacking)
	}
	must[*Ring](t)(p.Create("t2"))
}

// A folder that was away while a tenant was removed must not bring it back.
func TestRemovalReachesAFolderThatWasAway(t *testing.T) {
	h := newHouse(t)
	p := h.open(t)
	must[*Ring](t)(p.Create("t1"))
	away := h.dirs[0] + ".away"
	if err := os.Rename(h.dirs[0], away); err != nil {
		t.Fatal(err)
	}
	is(t, p.Remove("t1"), fault.Unavailable, keyEpochWrite)
	if err := os.Rename(away, h.dirs[0]); err != nil {
		t.Fatal(err)
	}
	_, err := p.Load("t1")
	is(t, err, fault.NotFound, keyErased)
	_, err = p.Load("t1")
	is(t, err, fault.Unavailable, keyEpochMissing)
}

func TestCopiesThatContradictStopEverything(t *testing.T) {
	h, p := newHouse(t), (*Places)(nil)
	p = h.open(t)
	must[*Ring](t)(p.Create("t1"))
	one := must[[]byte](t)(os.ReadFile(h.file(1, "t1")))
	if err := p.Remove("t1"); err != nil {
		t.Fatal(err)
	}
	must[*Ring](t)(p.Create("t1"))
	replace(t, h.file(1, "t1"), one)
	for _, try := range []func(string) (*Ring, error){p.Load, p.Begin, p.Finish} {
		_, err := try("t1")
		is(t, err, fault.Unavailable, keyEpochSplit)
	}
	if now := must[[]byte](t)(os.ReadFile(h.file(1, "t1"))); !bytes.Equal(now, one) {
		t.Fatal("one side was chosen")
	}
}

func TestAnOldFolderBesideANewDatabaseIsNotErasure(t *testing.T) {
	h := newHouse(t)
	p := h.open(t)
	must[*Ring](t)(p.Create("t1"))
	old := must[[]byte](t)(os.ReadFile(h.file(0, "t1")))
	ring := must[*Ring](t)(p.Begin("t1"))
	epoch, wrapped := ring.Wrap(NewKey(nil), caseKey())
	for i := range 2 {
		replace(t, h.file(i, "t1"), old)
	}
	_, err := must[*Ring](t)(p.Load("t1")).Unwrap(epoch, caseKey(), wrapped)
	is(t, err, fault.Unavailable, keyAhead)
}

func TestStatusListsEveryTenant(t *testing.T) {
	h := newHouse(t)
	p := h.open(t)
	for _, tenant := range []string{"t2", "t1", "t3"} {
		must[*Ring](t)(p.Create(tenant))
	}
	old := must[[]byte](t)(os.ReadFile(h.file(0, "t2")))
	must[*Ring](t)(p.Begin("t2"))
	replace(t, h.file(0, "t2"), old)
	replace(t, h.file(0, "t3"), nil)
	all := must[[]TenantStatus](t)(p.Status())
	var got []string
	for _, s := range all {
		got = append(got, s.Tenant+" "+string(s.Copies[0].State)+" "+string(s.Copies[1].State))
	}
	if want := []string{"t1 whole whole", "t2 behind whole", "t3 missing whole"}; !slices.Equal(got, want) {
		t.Fatal(got)
	}
	if !all[0].Whole() || all[1].Whole() || all[1].Next != 2 {
		t.Fatalf("%+v", all)
	}
	if err := errors.Join(os.RemoveAll(h.dirs[0]), os.RemoveAll(h.dirs[1])); err != nil {
		t.Fatal(err)
	}
	_, err := p.Status()
	is(t, err, fault.Unavailable, keyEpochRead)
}

// Each goroutine stands for a process of its own: they share nothing but the folders.
func TestSeveralProcessesAgreeOnTheNextKey(t *testing.T) {
	h := newHouse(t)
	must[*Ring](t)(h.open(t).Create("t1"))
	rings := make([]*Ring, 8)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range rings {
		p := h.open(t)
		wg.Go(func() { rings[i], errs[i] = p.Begin("t1") })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	epoch, wrapped := rings[0].Wrap(NewKey(nil), caseKey())
	for _, r := range rings {
		if _, err := r.Unwrap(epoch, caseKey(), wrapped); err != nil || r.Next != 2 {
			t.Fatal(r.Next, err)
		}
	}
}
