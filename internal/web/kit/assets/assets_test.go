package assets

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"insegel/internal/web/kit/assets/bundle"
)

// What is committed in dist/ is what its sources give today.
func TestDistIsMadeOfItsSources(t *testing.T) {
	want, err := bundle.Make(".")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("dist")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%d files in dist, %d are made", len(entries), len(want))
	}
	for _, f := range want {
		got, err := os.ReadFile(filepath.Join("dist", f.Name))
		if err != nil || !bytes.Equal(got, f.Data) {
			t.Errorf("%s is not what its sources give (%v): go run ./internal/web/kit/assets/gen", f.Name, err)
		}
	}
}

// The first load is bounded at 150 kB over the wire; a page of HTML goes on top.
func TestFirstLoadIsSmall(t *testing.T) {
	total := 0
	for _, name := range []string{"desk.css", "desk.js", "seal.svg", "inter.woff2"} {
		r := httptest.NewRequest("GET", Path(name), nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%s: %d", name, w.Code)
		}
		total += w.Body.Len()
	}
	t.Logf("style, script, mark and font: %d bytes", total)
	if total > 110_000 {
		t.Errorf("%d bytes leave too little of 150,000 for the page itself", total)
	}
}

func TestHandler(t *testing.T) {
	get := func(path, encoding string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		return w
	}
	w := get(Path("desk.css"), "br, gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("headers %v", w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	plain := get(Path("desk.css"), "gzip;q=0")
	if plain.Header().Get("Content-Encoding") != "" || !bytes.Equal(plain.Body.Bytes(), packed) {
		t.Error("who refuses gzip gets something else")
	}
	for _, path := range []string{"/assets/desk.css", "/assets/", "desk.css", "/assets/desk.000000000000.css", "/assets/../dist/desk.css"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		if w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Each address in the style sheet is one that is served, or a picture inside the sheet itself.
func TestStyleSheetRefersToWhatIsServed(t *testing.T) {
	for _, m := range regexp.MustCompile(`url\(["']?([^"')]+)`).FindAllSubmatch(table()["desk.css"].data, -1) {
		ref := string(m[1])
		if !strings.HasPrefix(ref, "data:image/svg+xml") && table()[Prefix+ref] == nil {
			t.Errorf("the style sheet asks for %s", ref)
		}
	}
}
