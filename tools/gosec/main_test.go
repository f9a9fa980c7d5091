package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestScan(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":           "module m\n\ngo 1.26\n",
		"weak.go":          "package p\n\nimport \"crypto/md5\"\n\nfunc Sum(b []byte) [16]byte { return md5.Sum(b) }\n",
		"excused.go":       "package p\n\nimport \"os\"\n\nfunc Read(name string) ([]byte, error) {\n\treturn os.ReadFile(name) // #nosec G304 -- reading it is the point\n}\n",
		"storetest/bad.go": "package bad\n\nimport \"crypto/md5\"\n\nfunc Sum(b []byte) [16]byte { return md5.Sum(b) }\n",
		"testdata/bad.go":  "package bad\n\nimport \"crypto/md5\"\n\nfunc Sum(b []byte) [16]byte { return md5.Sum(b) }\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	found, err := scan(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"G401", "G501"} { // a rule and its import: the rules are loaded
		if !slices.ContainsFunc(found, func(l string) bool { return strings.HasPrefix(l, "weak.go:") && strings.Contains(l, rule) }) {
			t.Errorf("%s was not found in weak.go", rule)
		}
	}
	if len(found) != 2 {
		t.Errorf("found %d, want 2:\n%s", len(found), strings.Join(found, "\n"))
	}
}

// An analyzer (G115, on SSA) must be loaded too, not only the rules; and code that does not compile is told.
func TestScanAnalysers(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module m\n\ngo 1.26\n",
		"a/narrow.go": "package a\n\nfunc Narrow(n int) uint8 { return uint8(n) }\n",
		"b/broken.go": "package b\n\nfunc Broken() { undefined() }\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	found, err := scan(nil)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(found, "\n")
	if !strings.Contains(all, "G115") || !strings.Contains(all, "not analysed") {
		t.Errorf("found:\n%s", all)
	}
}
