package lang

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	templparser "github.com/a-h/templ/parser/v2"
	"github.com/a-h/templ/parser/v2/visitor"
)

// sources lists the files of the program with an ending, by walking up to go.mod and down again.
func sources(t *testing.T, ending string) []string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("no go.mod above the test")
		}
		root = filepath.Dir(root)
	}
	var out []string
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(p, ending) && !strings.HasSuffix(p, "_test.go") {
				out = append(out, p)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // cmd is young
			t.Fatal(err)
		}
	}
	return out
}

// use is one place where a key is said.
type use struct {
	where  string
	key    string
	prefix bool     // the rest of the key is computed
	args   []string // names of the arguments that are given
	open   bool     // further arguments come from a slice
}

// uses finds each T("key", "name", value, …) and each "fault.…" literal. What templ generated is Go too.
func uses(t *testing.T) []use {
	t.Helper()
	var out []use
	fset := token.NewFileSet()
	for _, name := range sources(t, ".go") {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		inFault := strings.Contains(filepath.ToSlash(name), "internal/fault/")
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "T" && len(n.Args) > 0 {
					out = append(out, usesIn(fset, n)...)
				}
			case *ast.BasicLit:
				if s, ok := literal(n); ok && strings.HasPrefix(s, "fault.") && !strings.ContainsAny(s, " %") {
					out = append(out, use{where: fset.Position(n.Pos()).String(), key: s, open: true, prefix: strings.HasSuffix(s, ".") && !inFault})
				}
			}
			return true
		})
	}
	return out
}

func usesIn(fset *token.FileSet, call *ast.CallExpr) []use {
	u := use{where: fset.Position(call.Pos()).String(), open: call.Ellipsis.IsValid()}
	first := call.Args[0]
	for {
		b, ok := first.(*ast.BinaryExpr)
		if !ok {
			break
		}
		first, u.prefix = b.X, true
	}
	key, ok := literal(first)
	if !ok {
		return nil // a key that a variable holds was a literal elsewhere
	}
	u.key = key
	for i := 1; i < len(call.Args); i += 2 {
		if s, ok := literal(call.Args[i]); ok {
			u.args = append(u.args, s)
		}
	}
	return []use{u}
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

func TestEveryKeyThatIsSaidExists(t *testing.T) {
	en := texts(t, En)
	all := uses(t)
	if len(all) < 100 {
		t.Fatalf("only %d uses: the sources were not read", len(all))
	}
	for _, u := range all {
		switch {
		case u.prefix:
			if !slices.ContainsFunc(keys(en), func(k string) bool { return strings.HasPrefix(k, u.key) }) {
				t.Errorf("%s: no key begins with %q", u.where, u.key)
			}
		case !Has(u.key):
			t.Errorf("%s: %q is in no catalogue", u.where, u.key)
		case !u.open:
			checkArgs(t, u, en)
		}
	}
}

// checkArgs holds what a call gives against what the text wants.
func checkArgs(t *testing.T, u use, en map[string]string) {
	text, plural := en[u.key], false
	if text == "" {
		text, plural = en[u.key+".other"], true
	}
	if plural && !slices.Contains(u.args, "count") {
		t.Errorf("%s: %s has a plural form, but no count is given", u.where, u.key)
	}
	for _, p := range placeholders(t, u.key, text) {
		if name := strings.Trim(p, "{}."); !slices.Contains(u.args, name) {
			t.Errorf("%s: %s wants %s", u.where, u.key, p)
		}
	}
	for _, a := range u.args {
		if !strings.Contains(text, "{{."+a+"}}") && (a != "count" || !plural) {
			t.Errorf("%s: %s has no place for %q", u.where, u.key, a)
		}
	}
}

// Every text of the areas that pages own is said somewhere: what nobody says goes stale unseen.
func TestNoKeyIsForgotten(t *testing.T) {
	var literals []string
	for _, ending := range []string{".go", ".templ"} {
		for _, name := range sources(t, ending) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			literals = append(literals, string(data))
		}
	}
	code := strings.Join(literals, "\n")
	// Said by handlers and rules that come with their features; held here so that the words are ready.
	waiting := []string{"account.error.", "account.title.", "case.error.", "case.flash.", "case.new.title", "case.log.title", "case.list.title"}
	for _, k := range keys(texts(t, En)) {
		k = strings.TrimSuffix(strings.TrimSuffix(k, ".one"), ".other")
		area, _, _ := strings.Cut(k, ".")
		if area != "common" && area != "case" && area != "account" {
			continue
		}
		if slices.ContainsFunc(waiting, func(w string) bool { return strings.HasPrefix(k, w) }) {
			continue
		}
		stem := k[:strings.LastIndex(k, ".")+1]
		if !strings.Contains(code, `"`+k+`"`) && !strings.Contains(code, `"`+stem+`"`) {
			t.Errorf("nobody says %s", k)
		}
	}
}

// Attributes that are read out or shown to a person.
var spoken = []string{"aria-label", "aria-description", "aria-roledescription", "title", "placeholder", "alt", "label", "content", "summary"}

func TestNoTextIsHardCodedInPages(t *testing.T) {
	files := sources(t, ".templ")
	if len(files) < 5 {
		t.Fatalf("only %d pages found", len(files))
	}
	for _, name := range files {
		f, err := templparser.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range hardCoded(t, f) {
			t.Errorf("%s: %q is written into the page", filepath.Base(name), s)
		}
	}
}

func TestHardCodedTextIsFound(t *testing.T) {
	f, err := templparser.ParseString("package x\n\ntempl X(l Lang) {\n\t<p title=\"Hello\">Good day { l.T(\"a.b\") } { \"you\" }</p>\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	got := hardCoded(t, f)
	slices.Sort(got)
	if !slices.Equal(got, []string{"Good day", "Hello", "you"}) {
		t.Errorf("found %q", got)
	}
}

// hardCoded lists what a page would say in one language only: text between tags, spoken attributes, and
// string literals that are shown without going through T.
func hardCoded(t *testing.T, f *templparser.TemplateFile) []string {
	t.Helper()
	var out []string
	add := func(s string) {
		if strings.ContainsFunc(s, unicode.IsLetter) {
			out = append(out, strings.TrimSpace(s))
		}
	}
	v := visitor.New()
	v.Text = func(n *templparser.Text) error { add(n.Value); return nil }
	v.StringExpression = func(n *templparser.StringExpression) error {
		e, err := parser.ParseExpr(n.Expression.Value)
		if err != nil {
			return nil // several expressions in one pair of braces; the compiler has read them
		}
		ast.Inspect(e, func(n ast.Node) bool {
			if c, ok := n.(*ast.CallExpr); ok {
				if sel, ok := c.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "T" {
					return false
				}
			}
			if l, ok := n.(*ast.BasicLit); ok {
				s, _ := literal(l)
				add(s)
			}
			return true
		})
		return nil
	}
	meta := false
	v.ConstantAttribute = func(n *templparser.ConstantAttribute) error {
		k, ok := n.Key.(templparser.ConstantAttributeKey)
		if ok && k.Name == "name" {
			meta = true // <meta name content>: for machines
		}
		if ok && slices.Contains(spoken, k.Name) && (k.Name != "content" || !meta) {
			add(n.Value)
		}
		return nil
	}
	if err := f.Visit(v); err != nil {
		t.Fatal(err)
	}
	return out
}
