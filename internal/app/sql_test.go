package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"insegel/internal/app"
	"insegel/internal/store"
	"insegel/internal/store/storetest"
)

// TestEveryStatement prepares every statement of every room on both engines, against the whole list of migrations, and compares
// what the migrations make of each.
func TestEveryStatement(t *testing.T) {
	found := gather(t)
	if len(found) <= 80 {
		t.Fatalf("only %d statements found: the gathering has gone blind", len(found))
	}
	t.Logf("%d statements", len(found))
	storetest.Prepare(t, app.Migrations(), found)
	storetest.SameSchema(t, app.Migrations())
}

// statement begins as SQL does; fragments of statements do not.
var statement = regexp.MustCompile(`^\s*(?:SELECT\s|INSERT INTO\s|UPDATE\s+\w+\s+SET\s|DELETE FROM\s)`)

// unfinished are texts that look like statements and are joined with something while running, with how they are held instead.
var unfinished = map[string]string{
	"internal/tenant/check.go": "counts each table that the log names: every check at a test's end runs it",
}

// room is a package with the constants that its texts are made of.
type room struct {
	t      *testing.T
	fset   *token.FileSet
	named  map[string]ast.Expr
	told   map[string]string // what was found, by place
	folder string
}

func gather(t *testing.T) map[string]string {
	t.Helper()
	root := checkout(t)
	told := map[string]string{}
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == filepath.Join("internal", "store") { // the engines' own speak to one engine each
			return fs.SkipDir
		}
		readRoom(t, root, rel, told)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return told
}

func readRoom(t *testing.T, root, folder string, told map[string]string) {
	t.Helper()
	r := &room{t: t, fset: token.NewFileSet(), named: map[string]ast.Expr{}, told: told, folder: folder}
	names, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_templ.go") {
			continue
		}
		f, err := parser.ParseFile(r.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(filepath.Join(folder, filepath.Base(name)))] = f
		r.declare(f)
	}
	for name, f := range files {
		r.find(name, f)
	}
}

func (r *room) declare(f *ast.File) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST && g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			if v := s.(*ast.ValueSpec); len(v.Values) == len(v.Names) {
				for i, n := range v.Names {
					r.named[n.Name] = v.Values[i]
				}
			}
		}
	}
}

// find tells every text in a file that is a statement: each as large as it is joined.
func (r *room) find(name string, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		switch e.(type) {
		case *ast.BasicLit, *ast.BinaryExpr, *ast.CallExpr:
		default:
			return true
		}
		text, ok := r.fold(e)
		switch {
		case ok:
			if statement.MatchString(store.For("sqlite", text)) {
				r.told[name+":"+strconv.Itoa(r.fset.Position(e.Pos()).Line)] = text
			}
			return false
		case statement.MatchString(r.beginning(e)) && unfinished[name] == "":
			r.t.Errorf("%s: a statement is joined with something that this test cannot know", r.fset.Position(e.Pos()))
		}
		_, binary := e.(*ast.BinaryExpr)
		return !binary
	})
}

// fold gives the value of a text that is known before the program runs.
func (r *room) fold(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.ParenExpr:
		return r.fold(e.X)
	case *ast.Ident:
		if v, ok := r.named[e.Name]; ok {
			return r.fold(v)
		}
	case *ast.BinaryExpr:
		left, ok := r.fold(e.X)
		right, also := r.fold(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	case *ast.CallExpr:
		return r.called(e)
	}
	return "", false
}

// called knows the functions that make statements.
func (r *room) called(e *ast.CallExpr) (string, bool) {
	var args []string
	for _, a := range e.Args {
		s, ok := r.fold(a)
		if !ok {
			return "", false
		}
		args = append(args, s)
	}
	switch f := e.Fun.(type) {
	case *ast.Ident:
		if f.Name == "numbered" && len(args) == 1 {
			return numbered(args[0]), true
		}
	case *ast.SelectorExpr:
		if f.Sel.Name == "Differ" && len(args) == 2 {
			return store.Differ(args[0], args[1]), true
		}
	}
	return "", false
}

// numbered is what cases does with its lists.
func numbered(sql string) string {
	for n := 1; strings.Contains(sql, "?"); n++ {
		sql = strings.Replace(sql, "?", "$"+strconv.Itoa(n), 1)
	}
	return sql
}

// beginning is the known text that a chain of + begins with.
func (r *room) beginning(e ast.Expr) string {
	if b, ok := e.(*ast.BinaryExpr); ok {
		if s, ok := r.fold(b.X); ok {
			return s
		}
		return r.beginning(b.X)
	}
	return ""
}

// checkout is the folder that go.mod lies in.
func checkout(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
