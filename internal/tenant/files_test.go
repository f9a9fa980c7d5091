package tenant_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"insegel/internal/fault"
	"insegel/internal/store"
	"insegel/internal/tenant"
)

func (n *node) keep(keyID string, body []byte) string {
	n.t.Helper()
	d, err := n.tenant.Spool(bytes.NewReader(body), 1<<20)
	n.ok(err)
	n.ok(n.change(func(_ context.Context, w store.Writer) error { n.tenant.Keep(w, n.bound(keyID), d); return nil }))
	return d.ID
}

func (n *node) content(keyID, blobID string) ([]byte, error) {
	var c tenant.Content
	err := n.view(func(ctx context.Context, r store.Reader) (err error) {
		c, err = n.tenant.Content(ctx, r, n.bound(keyID), blobID)
		return err
	})
	if err != nil {
		return nil, err
	}
	r, err := c.Reader()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	if err == nil && int64(len(b)) != c.Size {
		err = errors.New("another size")
	}
	return b, errors.Join(err, r.Close())
}

func (n *node) files() (paths []string) {
	n.t.Helper()
	n.ok(filepath.WalkDir(filepath.Join(n.dir, "files"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, p)
		}
		return err
	}))
	return paths
}

func TestBytesAreKeptInRowsAndFiles(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for _, k := range []string{"a", "b"} {
			_, err := n.make(k)
			n.ok(err)
		}
		word := []byte("kvicksilver")
		for _, size := range []int{0, 1, tenant.Inline - 1, tenant.Inline, tenant.Inline + 1, 300_000} {
			body := bytes.Repeat(word, size/len(word)+1)[:size]
			before := len(n.files())
			blobID := n.keep("a", body)
			if isFile := len(n.files()) > before; isFile != (size > tenant.Inline) {
				t.Errorf("%d bytes: in a file %v", size, isFile)
			}
			if got, err := n.content("a", blobID); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
			}
			_, err := n.content("b", blobID)
			n.want(err, "fault.not_found")
			// They become another's, and no longer open as the first one's.
			n.ok(n.change(func(ctx context.Context, w store.Writer) error {
				b, err := tenant.GetBlob(ctx, w, blobID)
				if err != nil {
					return err
				}
				return n.tenant.Rekey(w, b, n.bound("a"), n.bound("b"))
			}))
			if got, err := n.content("b", blobID); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes under another key: %d, %v", size, len(got), err)
			}
			_, err = n.content("a", blobID)
			n.want(err, "fault.not_found")
		}
		for _, p := range n.files() {
			b, err := os.ReadFile(p)
			n.ok(err)
			if bytes.Contains(b, word) {
				t.Errorf("%s has its words in clear", filepath.Base(p))
			}
		}
	})
}

func TestTooManyBytesLeaveNothing(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		for _, limit := range []int64{0, 10, tenant.Inline, tenant.Inline + 1, 200_000} {
			if d, err := n.tenant.Spool(strings.NewReader(strings.Repeat("x", int(limit))), limit); err != nil || d.Size != limit {
				t.Errorf("%d of %d bytes: %v", limit, limit, err)
			} else {
				n.tenant.Discard(d)
			}
			_, err := n.tenant.Spool(strings.NewReader(strings.Repeat("x", int(limit)+1)), limit)
			if fault.KindOf(err) != fault.TooLarge || err == nil {
				t.Errorf("%d of %d bytes: %v", limit+1, limit, err)
			}
		}
		broken := errors.New("the line broke")
		for _, size := range []int{10, 200_000} {
			_, err := n.tenant.Spool(io.MultiReader(strings.NewReader(strings.Repeat("x", size)), iotest.ErrReader(broken)), 1<<20)
			if !errors.Is(err, broken) {
				t.Errorf("broken after %d bytes: %v", size, err)
			}
		}
		if left := n.files(); len(left) != 0 {
			t.Errorf("left over: %v", left)
		}
	})
}

func TestOrphansAreSweptAndMissingFilesAreTold(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		_, err := n.make("a")
		n.ok(err)
		kept := n.keep("a", make([]byte, 100_000))
		lost := n.keep("a", make([]byte, 100_000))
		_, err = n.tenant.Spool(bytes.NewReader(make([]byte, 100_000)), 1<<20) // its change never came
		n.ok(err)
		n.ok(os.WriteFile(filepath.Join(filepath.Dir(n.files()[0]), n.ids.New()+".tmp"), []byte("half"), 0o600))
		n.ok(os.WriteFile(filepath.Join(n.tenant.Files().Dir(), "README"), []byte("not ours"), 0o600))
		old := time.Now().Add(-2 * time.Hour)
		for _, p := range n.files() {
			n.ok(os.Chtimes(p, old, old))
		}
		fresh, err := n.tenant.Spool(bytes.NewReader(make([]byte, 100_000)), 1<<20) // a change may still be on its way
		n.ok(err)
		n.ok(n.tenant.Files().Remove(lost))
		removed, missing, err := n.tenant.Sweep(t.Context(), time.Now())
		if err != nil || removed != 2 || len(missing) != 1 || missing[0] != lost {
			t.Errorf("removed %d, missing %v, %v", removed, missing, err)
		}
		if b, err := n.content("a", kept); err != nil || len(b) != 100_000 {
			t.Errorf("a file in use: %d, %v", len(b), err)
		}
		n.ok(n.change(func(_ context.Context, w store.Writer) error { n.tenant.Keep(w, n.bound("a"), fresh); return nil }))
		if b, err := n.content("a", fresh.ID); err != nil || len(b) != 100_000 {
			t.Errorf("a fresh file: %d, %v", len(b), err)
		}
		_, err = n.content("a", lost)
		n.want(err, "fault.store.file_missing")
	})
}

func TestAFileThatWasChangedDoesNotOpen(t *testing.T) {
	each(t, func(t *testing.T, n *node) {
		_, err := n.make("a")
		n.ok(err)
		first := n.keep("a", make([]byte, 100_000))
		path := n.files()[0]
		second := n.keep("a", bytes.Repeat([]byte{1}, 100_000))
		whole, err := os.ReadFile(path)
		n.ok(err)
		for name, b := range map[string][]byte{"cut": whole[:len(whole)-1], "cut at a segment": whole[:65536], "empty": {}, "longer": append(bytes.Clone(whole), 0),
			"a bit": func() []byte { b := bytes.Clone(whole); b[70_000] ^= 1; return b }()} {
			n.ok(os.WriteFile(path, b, 0o600))
			if _, err := n.content("a", first); err == nil {
				t.Errorf("%s: it opens", name)
			}
		}
		other, err := filepath.Glob(filepath.Join(n.dir, "files", "*", "*", second))
		if err != nil || len(other) != 1 {
			t.Fatal(other, err)
		}
		b, err := os.ReadFile(other[0])
		n.ok(err)
		n.ok(os.WriteFile(path, b, 0o600))
		if _, err := n.content("a", first); err == nil {
			t.Error("another file in its place: it opens")
		}
		n.ok(os.WriteFile(path, whole, 0o600))
		_, err = n.content("a", first)
		n.ok(err)
	})
}
