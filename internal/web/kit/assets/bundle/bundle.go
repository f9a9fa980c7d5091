// Package bundle turns the vendored and own sources of the assets into what is served. It runs when a
// developer asks (gen) and in the test that holds dist/ against its sources; never in the program.
package bundle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// File is one made file.
type File struct {
	Name string
	Data []byte
}

// font is the only file that the style sheet refers to, by a name that carries its digest.
const font = "inter.woff2"

// Make reads src/ and vendor/ under dir and returns all of dist/.
func Make(dir string) ([]File, error) {
	woff, err := os.ReadFile(filepath.Join(dir, "vendor", font)) // #nosec G304 -- a developer's tool
	if err != nil {
		return nil, err
	}
	css, err := build(filepath.Join(dir, "src", "desk.css"))
	if err != nil {
		return nil, err
	}
	css = bytes.ReplaceAll(css, []byte("/font/"+font), []byte("inter."+Digest(woff)+".woff2"))
	js, err := build(filepath.Join(dir, "src", "desk.js"))
	if err != nil {
		return nil, err
	}
	svg, err := os.ReadFile(filepath.Join(dir, "src", "seal.svg")) // #nosec G304
	if err != nil {
		return nil, err
	}
	licences, err := licences(filepath.Join(dir, "vendor"))
	if err != nil {
		return nil, err
	}
	out := []File{{font, woff}}
	for _, f := range []File{{"desk.css", css}, {"desk.js", js}, {"seal.svg", svg}, {"licences.txt", licences}} {
		out = append(out, f, File{f.Name + ".gz", zipped(f.Data)})
	}
	return out, nil
}

// Digest is the part of a served path that changes with the content.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

func build(entry string) ([]byte, error) {
	r := api.Build(api.BuildOptions{
		EntryPoints:       []string{entry},
		Bundle:            true,
		MinifyWhitespace:  true,
		MinifySyntax:      true,
		MinifyIdentifiers: true,
		LegalComments:     api.LegalCommentsNone, // licences.txt is served beside
		Charset:           api.CharsetUTF8,
		Engines:           []api.Engine{{Name: api.EngineChrome, Version: "121"}, {Name: api.EngineFirefox, Version: "121"}, {Name: api.EngineSafari, Version: "17.2"}},
		External:          []string{"/font/*"},
		Format:            api.FormatIIFE,
		LogLevel:          api.LogLevelSilent,
	})
	if len(r.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(r.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	return r.OutputFiles[0].Contents, nil
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid, and a Buffer takes all
	_, _ = z.Write(data)
	_ = z.Close()
	return b.Bytes()
}

// licences gathers what the vendored parts ask to be shown with them (MIT, 0BSD, OFL 1.1).
func licences(vendor string) ([]byte, error) {
	var b bytes.Buffer
	for _, p := range []string{"designsystemet", "htmx", "inter"} {
		text, err := os.ReadFile(filepath.Join(vendor, p+".LICENSE")) // #nosec G304
		if err != nil {
			return nil, err
		}
		b.WriteString("== " + p + " ==\n\n")
		b.Write(bytes.TrimSpace(text))
		b.WriteString("\n\n")
	}
	return b.Bytes(), nil
}
