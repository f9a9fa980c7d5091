package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// parcel is an npm package at one version, the digest of its tarball, and what of it is kept under
// which name in vendor/.
type parcel struct {
	spec   string
	sha256 string
	files  map[string]string
}

func parcels() []parcel {
	return []parcel{
		{"@digdir/designsystemet-css@1.22.0", "0eeef1d967ee4f21e5e59f37c20666db8b66f20d93d4617907c4c4661f52298c", designsystemet()},
		{"htmx.org@2.0.11", "165a2655073e9e6e55e307a7c74e8ebcdb76afb7701f9c16cfd106a13add408e", map[string]string{
			"package/dist/htmx.min.js": "htmx.min.js",
			"package/LICENSE":          "htmx.LICENSE",
		}},
		{"@fontsource-variable/inter@5.3.0", "d26710dd38e7217484a1d47ee76c024977ec550548876f26d06ed1844af09a14", map[string]string{
			"package/files/inter-latin-wght-normal.woff2": "inter.woff2",
			"package/LICENSE": "inter.LICENSE",
		}},
	}
}

// designsystemet names the components in use. The whole is 190 kB; what no page uses is not sent.
func designsystemet() map[string]string {
	m := map[string]string{"package/LICENSE": "designsystemet.LICENSE"}
	for _, c := range []string{
		"alert", "avatar", "badge", "base", "button", "divider", "error-summary",
		"field", "fieldset", "heading", "input", "label", "link", "list", "paragraph",
		"skip-link", "table", "tag", "validation-message",
	} {
		m["package/dist/src/"+c+".css"] = "ds/" + c + ".css"
	}
	return m
}

func fetchAll(ctx context.Context, vendor string) error {
	tmp, err := os.MkdirTemp("", "insegel-assets")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.RemoveAll(vendor); err != nil {
		return err
	}
	for _, p := range parcels() {
		if err := p.fetch(ctx, tmp, vendor); err != nil {
			return fmt.Errorf("%s: %w", p.spec, err)
		}
	}
	return nil
}

func (p parcel) fetch(ctx context.Context, tmp, vendor string) error {
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--ignore-scripts", p.spec) // #nosec G204 -- the constant list above
	cmd.Dir = tmp
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	tarball, err := os.ReadFile(filepath.Join(tmp, filepath.Base(strings.TrimSpace(string(out))))) // #nosec G304 -- a temporary folder of this tool
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(tarball); hex.EncodeToString(sum[:]) != p.sha256 {
		return fmt.Errorf("the package has another digest than the pinned one: %x", sum)
	}
	return p.unpack(tarball, vendor)
}

func (p parcel) unpack(tarball []byte, vendor string) error {
	z, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return err
	}
	r, found := tar.NewReader(z), 0
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name, wanted := p.files[h.Name]
		if !wanted {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(r, 4<<20))
		if err != nil {
			return err
		}
		to := filepath.Join(vendor, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { // #nosec G301 -- public files
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil { // #nosec G306 G703 -- public files, below a folder of the checkout
			return err
		}
		found++
	}
	if found != len(p.files) {
		return fmt.Errorf("%d of %d files are in the package", found, len(p.files))
	}
	return nil
}
