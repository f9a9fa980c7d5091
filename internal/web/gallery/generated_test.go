package gallery

import (
	"bytes"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/a-h/templ/generator"
	"github.com/a-h/templ/parser/v2"

	"insegel/test/browser"
)

// What is committed as *_templ.go is what the pages give today, made by the version that go.mod names:
// go run github.com/a-h/templ/cmd/templ@VERSION generate
func TestGeneratedPagesAreCurrent(t *testing.T) {
	top, seen := browser.Root(t), 0
	err := filepath.WalkDir(filepath.Join(top, "internal"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".templ") {
			return err
		}
		seen++
		want, err := generated(top, name)
		if err != nil {
			return err
		}
		if got, err := os.ReadFile(strings.TrimSuffix(name, ".templ") + "_templ.go"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has changed since its Go was generated (%v)", name, err)
		}
		return nil
	})
	if err != nil || seen < 5 {
		t.Fatalf("%d pages: %v", seen, err)
	}
}

func generated(top, name string) ([]byte, error) {
	f, err := parser.Parse(name)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(top, name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := generator.Generate(f, &b, generator.WithVersion(templ.Version()), generator.WithFileName(filepath.ToSlash(rel))); err != nil {
		return nil, err
	}
	return format.Source(b.Bytes())
}
