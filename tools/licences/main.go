// Command licences prints docs/licences.md: the modules that are linked into the program, their licences,
// and what those licences ask to be passed on. It is run in the program's module.
//
// A module without a licence, or with one that is not in the list of those that go with Apache-2.0, is an
// error: it must be looked at by somebody.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	text, err := document()
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
	fmt.Print(text)
}

// part is something of others that the program contains.
type part struct {
	name, version, licence string
	texts                  []string
}

func document() (string, error) {
	parts, err := modules()
	if err != nil {
		return "", err
	}
	files, err := carried("internal")
	if err != nil {
		return "", err
	}
	return write(append(parts, files...)), nil
}

func write(parts []part) string {
	var b strings.Builder
	b.WriteString("# Licences of what the program contains\n\n" +
		"Insegel itself is under the Apache License 2.0 (LICENSE). Linked into it or carried in it are these\n" +
		"works of others; their texts follow. Written by `make generate`.\n\n| work | version | licence |\n|---|---|---|\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.name, p.version, p.licence)
	}
	for _, p := range parts {
		fmt.Fprintf(&b, "\n## %s\n", p.name)
		for _, t := range p.texts {
			fmt.Fprintf(&b, "\n```\n%s\n```\n", t)
		}
	}
	return b.String()
}

// modules lists what a build of the program for Linux links, whatever machine this is.
func modules() ([]part, error) {
	cmd := exec.Command("go", "list", "-deps", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/...")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, said.String())
	}
	lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(l string) bool { return l == "" })
	slices.Sort(lines)
	golang, err := standardLibrary()
	if err != nil {
		return nil, err
	}
	parts := []part{golang}
	for _, line := range slices.Compact(lines) {
		f := strings.Split(line, "\t")
		p, err := read(f[0], f[1], f[2])
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func standardLibrary() (part, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return part{}, err
	}
	p, err := read("Go's standard library", "", strings.TrimSpace(string(out)))
	p.version = "of the building Go"
	return p, err
}

// carried finds what lies in the tree with a licence beside it: scripts, styles, fonts.
func carried(root string) ([]part, error) {
	var parts []part
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".go") || !licenceFile().MatchString(d.Name()) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		kind, err := identify(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		parts = append(parts, part{filepath.ToSlash(path), "", kind, []string{clean(text)}})
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return parts, err
}

func licenceFile() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|notice|ofl)([.-].*)?$|[.-](licen[cs]e|ofl)(\.(txt|md))?$`)
}

func read(name, version, dir string) (part, error) {
	p := part{name: name, version: version}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return p, err
	}
	var kinds []string
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), ".go") || !licenceFile().MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return p, err
		}
		p.texts = append(p.texts, clean(text))
		if strings.HasPrefix(strings.ToLower(e.Name()), "notice") {
			continue
		}
		kind, err := identify(string(text))
		if err != nil {
			return p, fmt.Errorf("%s, %s: %w", name, e.Name(), err)
		}
		kinds = append(kinds, kind)
	}
	if len(kinds) == 0 {
		return p, fmt.Errorf("%s has no licence in %s", name, dir)
	}
	slices.Sort(kinds)
	p.licence = strings.Join(slices.Compact(kinds), ", ")
	return p, nil
}

// identify knows the licences that go with Apache-2.0 by sentences that no other of them has.
func identify(text string) (string, error) {
	flat := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, l := range []struct{ name, has string }{
		{"Apache-2.0", "apache license version 2.0"},
		{"Apache-2.0", "licensed under the apache license, version 2.0"},
		{"MPL-2.0", "mozilla public license version 2.0"},
		{"MPL-2.0", "mozilla public license, version 2.0"},
		{"OFL-1.1", "sil open font license version 1.1"},
		{"0BSD", "zero-clause bsd"},
		{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"},
		{"ISC", "permission to use, copy, modify, and distribute this software for any purpose"},
		{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
		{"BSD-3-Clause", "may be used to endorse or promote products derived"},
		{"BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"},
		{"public domain", "public domain"},
		{"picture not shipped", "https://commons.wikimedia.org/wiki/file:"}, // where a project's logo comes from; no part of its code
	} {
		if strings.Contains(flat, l.has) {
			return l.name, nil
		}
	}
	return "", errors.New("a licence that is not known to go with Apache-2.0: look at it, and add it to identify")
}

func clean(text []byte) string {
	s := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "```", "'''")
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\f")
	}
	return strings.Join(lines, "\n")
}
