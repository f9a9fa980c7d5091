package house

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// constructors make values that cannot be changed, or errors: a package variable may hold one.
func constructors() map[string]string {
	return map[string]string{
		"errors.New": "an error", "fmt.Errorf": "an error",
		module + "internal/fault.New": "an error", module + "internal/fault.Because": "an error",
		"regexp.MustCompile": "cannot be changed", "strings.NewReplacer": "cannot be changed", "strings.Join": "a text",
		"net/netip.MustParseAddr": "cannot be changed", "net/netip.MustParsePrefix": "cannot be changed",
		module + "internal/store.Differ": "a statement in both dialects",
		"sync.OnceValue":                 "made once, when first wanted", "sync.OnceValues": "made once, when first wanted",
	}
}

// variables finds package variables that could change while the program runs. Allowed are errors, embedded files,
// values that cannot be changed, and tables: literals that nothing in the house writes.
func variables(t *tree) []finding {
	written := t.written()
	var out []finding
	t.own(func(s *source) {
		names := s.imports()
		for _, d := range s.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if name.Name == "_" || embedded(g, v) {
						continue
					}
					if why := changeable(v, i, s.dir, names, written); why != "" {
						out = append(out, t.at(s, name.Pos(), "variables", "var %s %s", name.Name, why))
					}
				}
			}
		}
	})
	return out
}

func embedded(g *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// changeable tells why a package variable could change, or nothing.
func changeable(v *ast.ValueSpec, i int, dir string, names map[string]string, written map[string]string) string {
	if where := written[dir+"."+v.Names[i].Name]; where != "" {
		return "is written in " + where
	}
	if pkg, name := calledAs(names, v.Type); len(v.Values) == 0 && pkg == "net/netip" && name == "Addr" {
		return "" // no address: its methods change nothing
	}
	if len(v.Values) != len(v.Names) {
		return "has no value: it is there to be written"
	}
	switch e := v.Values[i].(type) {
	case *ast.CompositeLit:
		if pkg, name := calledAs(names, e.Type); pkg == "sync" || pkg == "sync/atomic" || pkg == "bytes" {
			return "is a " + pkg + "." + name + ": it is there to change"
		}
		return ""
	case *ast.BasicLit:
		return "should be a constant"
	case *ast.CallExpr:
		fun := e.Fun
		if x, ok := fun.(*ast.IndexExpr); ok { // OnceValue[T](…)
			fun = x.X
		}
		pkg, name := calledAs(names, fun)
		if own, ok := fun.(*ast.Ident); ok {
			pkg, name = module+dir, own.Name
			if strings.HasPrefix(v.Names[i].Name, "sql") { // SQL text, made of constants by the room's own function
				return ""
			}
		}
		if constructors()[pkg+"."+name] != "" {
			return ""
		}
	case *ast.UnaryExpr: // an error of a type of its own
		if _, ok := e.X.(*ast.CompositeLit); ok && e.Op == token.AND && strings.HasPrefix(strings.ToLower(v.Names[i].Name), "err") {
			return ""
		}
	}
	return "is not an error, an embedded file, a value that cannot be changed, or a table that nothing writes"
}

// written finds every name that something writes: by assignment, ++, &, delete, clear, copy or sorting. Names are
// the package's own or pkg.Name of another room's. Names of locals count too: a local that is
// called like a package variable is better called otherwise.
func (t *tree) written() map[string]string {
	places := map[string]string{}
	for _, s := range t.files {
		if s.test || s.generated {
			continue
		}
		names := s.imports()
		note := func(e ast.Expr) {
			if name := root(e, s.dir, names); name != "" {
				places[name] = s.path + ":" + strconv.Itoa(t.fset.Position(e.Pos()).Line)
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					if n.Tok != token.DEFINE {
						note(l)
					}
				}
			case *ast.IncDecStmt:
				note(n.X)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					note(n.X)
				}
			case *ast.CallExpr:
				if changes(n.Fun, names) && len(n.Args) > 0 {
					note(n.Args[0])
				}
			}
			return true
		})
	}
	return places
}

func changes(fun ast.Expr, names map[string]string) bool {
	if id, ok := fun.(*ast.Ident); ok {
		return id.Name == "delete" || id.Name == "clear" || id.Name == "copy"
	}
	pkg, name := calledAs(names, fun)
	return pkg == "sort" || pkg == "slices" && (strings.HasPrefix(name, "Sort") || name == "Reverse") ||
		pkg == "maps" && (name == "Copy" || name == "DeleteFunc")
}

// root finds whose value an expression reaches into: x in x[1].y, and pkg.X.
func root(e ast.Expr, dir string, names map[string]string) string {
	switch e := e.(type) {
	case *ast.Ident:
		return dir + "." + e.Name
	case *ast.IndexExpr:
		return root(e.X, dir, names)
	case *ast.ParenExpr:
		return root(e.X, dir, names)
	case *ast.SelectorExpr:
		if pkg, name := calledAs(names, e); strings.HasPrefix(pkg, module) {
			return strings.TrimPrefix(pkg, module) + "." + name
		}
		return root(e.X, dir, names)
	case *ast.SliceExpr:
		return root(e.X, dir, names)
	}
	return ""
}

func itoa(n int) string { return strconv.Itoa(n) }
