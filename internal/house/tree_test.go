package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing"
)

const module = "insegel/"

// source is one Go file of the program, with where it stands.
type source struct {
	path      string // from the root, with slashes
	dir       string
	room      string // "" for what is not in the drawing
	level     int
	floor     string
	test      bool // _test.go, or of a package that only tests use
	generated bool
	soak      bool // built only with the tag soak
	text      string
	lines     int
	ast       *ast.File
}

// tree is the program's source, parsed. Build tags are not followed: all files count.
type tree struct {
	fset  *token.FileSet
	files []*source
	sql   map[string]string // .sql files that are not migrations
}

// finding is one place that breaks a rule.
type finding struct {
	rule, path string
	line       int
	text       string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s: %s", f.path, f.line, f.rule, f.text) }

// load parses every Go file below the root of the module but not those of modules inside it, of testdata
// and of folders that go itself passes over.
func load(root fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), sql: map[string]string{}}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && passedOver(root, p, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		return t.add(root, p)
	})
	return t, err
}

func passedOver(root fs.FS, p, name string) bool {
	if name == "testdata" || name == "node_modules" || name[0] == '.' || name[0] == '_' {
		return true
	}
	_, err := fs.Stat(root, path.Join(p, "go.mod"))
	return err == nil
}

func (t *tree) add(root fs.FS, p string) error {
	switch path.Ext(p) {
	case ".go":
	case ".sql":
		if path.Base(path.Dir(p)) != "migrations" {
			text, err := fs.ReadFile(root, p)
			t.sql[p] = string(text)
			return err
		}
		return nil
	default:
		return nil
	}
	text, err := fs.ReadFile(root, p)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(t.fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s := &source{path: p, dir: path.Dir(p), text: string(text), lines: strings.Count(string(text), "\n"), ast: file, level: -1}
	s.test = strings.HasSuffix(p, "_test.go") || harness(s.dir)
	s.generated = ast.IsGenerated(file)
	s.soak = strings.Contains(constraint(file), "soak")
	folder := strings.TrimPrefix(s.dir, "internal/")
	if room, level, ok := roomOf(folder); ok {
		s.room, s.level, s.floor = room, level, drawing()[level].name
	}
	t.files = append(t.files, s)
	return nil
}

// harness tells whether a folder holds helpers of tests: named …test (storetest, smtptest), this house, or
// below test/ at the root.
func harness(dir string) bool {
	return strings.HasSuffix(path.Base(dir), "test") || strings.HasPrefix(dir, "test/") || dir == "internal/house"
}

func constraint(f *ast.File) string {
	for _, g := range f.Comments {
		for _, c := range g.List {
			if c.Pos() < f.Package && strings.HasPrefix(c.Text, "//go:build ") {
				return c.Text
			}
		}
	}
	return ""
}

func (t *tree) at(s *source, pos token.Pos, rule, format string, args ...any) finding {
	return finding{rule: rule, path: s.path, line: t.fset.Position(pos).Line, text: fmt.Sprintf(format, args...)}
}

// own goes through the files that people wrote and that end up in the program.
func (t *tree) own(fn func(*source)) {
	for _, s := range t.files {
		if !s.test && !s.generated {
			fn(s)
		}
	}
}

// imports tells what a file calls the packages it imports.
func (s *source) imports() map[string]string {
	names := map[string]string{}
	for _, i := range s.ast.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = p
	}
	return names
}

// calledAs gives the import path and name of pkg.Name, where e is that.
func calledAs(names map[string]string, e ast.Expr) (pkg, name string) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return names[x.Name], sel.Sel.Name
}

func parsed(t *testing.T, root fs.FS) *tree {
	t.Helper()
	tr, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
