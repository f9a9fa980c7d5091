package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby granted, free of\n charge, to any person obtaining a copy":                        "MIT",
		"                                 Apache License\n                           Version 2.0, January 2004": "Apache-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                                                  "",
		"All rights reserved.":                                                                                  "",
	} {
		got, err := identify(text)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
		fails string
	}{
		{"licence and notice", map[string]string{"LICENSE.md": "Apache License Version 2.0", "NOTICE": "made by them"}, "Apache-2.0", ""},
		{"two", map[string]string{"LICENSE": "Apache License Version 2.0", "LICENSE-3RD": "Permission is hereby granted, free of charge, to any person obtaining a copy"}, "Apache-2.0, MIT", ""},
		{"none", map[string]string{"README": "MIT"}, "", "has no licence"},
		{"unknown", map[string]string{"COPYING": "GNU AFFERO"}, "", "look at it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p, err := read("theirs", "v1", dir)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("error %v, want one with %q", err, c.fails)
				}
				return
			}
			if err != nil || p.licence != c.want || len(p.texts) != len(c.files) {
				t.Errorf("%+v, %v; want %s", p, err, c.want)
			}
			if doc := write([]part{p}); !strings.Contains(doc, "| theirs | v1 | "+c.want+" |") {
				t.Errorf("the document has no line for it:\n%s", doc)
			}
		})
	}
}
