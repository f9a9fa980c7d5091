// Package assets serves the style sheet, script, font and mark of the pages from the program itself.
// It owns dist/, which gen makes of vendor/ and src/; it does not own what a page refers to.
//
// A path carries the digest of its content, so a browser may keep it for ever and a new build is
// fetched at once.
package assets

import (
	"embed"
	"net/http"
	"strings"
	"sync"

	"crypto/sha256"
	"encoding/hex"
)

//go:embed dist
var dist embed.FS

// Prefix is where Handler is mounted.
const Prefix = "/assets/"

type file struct {
	data, gz []byte
	mime     string
	path     string
}

// table holds each file under its plain name and under its served path. It is read once.
var table = sync.OnceValue(func() map[string]*file {
	t := map[string]*file{}
	for name, mime := range map[string]string{
		"desk.css":     "text/css; charset=utf-8",
		"desk.js":      "text/javascript; charset=utf-8",
		"seal.svg":     "image/svg+xml",
		"inter.woff2":  "font/woff2",
		"licences.txt": "text/plain; charset=utf-8",
	} {
		data, err := dist.ReadFile("dist/" + name)
		if err != nil {
			panic("assets: " + err.Error()) // embedded: only a broken build lacks it
		}
		f := &file{data: data, mime: mime}
		f.gz, _ = dist.ReadFile("dist/" + name + ".gz") // absent where packing gains nothing
		sum := sha256.Sum256(data)
		stem, ext, _ := strings.Cut(name, ".")
		f.path = Prefix + stem + "." + hex.EncodeToString(sum[:6]) + "." + ext
		t[name], t[f.path] = f, f
	}
	return t
})

// Path gives the address of a file by its plain name: Path("desk.css"). A name that is not there gives "".
func Path(name string) string {
	if f := table()[name]; f != nil {
		return f.path
	}
	return ""
}

// Handler answers GET and HEAD under Prefix. A path whose digest is not ours is not found: an old page
// asks for what the old program had.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := table()[r.URL.Path]
		if f == nil || !strings.HasPrefix(r.URL.Path, Prefix) {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.mime)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Add("Vary", "Accept-Encoding")
		data := f.data
		if f.gz != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			data = f.gz
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write(data) // a browser that went away is no fault of ours
		}
	})
}

// acceptsGzip reads Accept-Encoding (RFC 9110 12.5.3) as far as gzip goes: "gzip;q=0" refuses it.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, q, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.Trim(strings.TrimSpace(q), "0.") != "q="
		}
	}
	return false
}
