package house

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sharedTables are tables that several rooms write on purpose, with the reason. Empty: each table has one writer,
// and whoever else wants a change asks that room for it.
func sharedTables() map[string]string { return map[string]string{} }

// The words are looked for as SQL writes them, all large or all small, so that "Select a queue" is a sentence.
var (
	insertsOrDeletes = regexp.MustCompile(`(?i)\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|DELETE\s+FROM|TRUNCATE\s+TABLE)\s+"?([a-z_][a-z0-9_]*)"?(?:\s*\(|\s+(?:AS|SELECT|VALUES|DEFAULT|WHERE|USING|RETURNING|WITH)\b|\s*;|\s*$)`)
	updates          = regexp.MustCompile(`(?i)\bUPDATE\s+(?:OR\s+\w+\s+|ONLY\s+)?"?([a-z_][a-z0-9_]*)"?(?:\s+AS)?(?:\s+\w+)?\s+SET\b`)
	isSQL            = regexp.MustCompile(`(?s)^\s*(?:(?:SELECT|select)\s|(?:INSERT|insert)\s.*\b(?:INTO|into)\b|(?:UPDATE|update)\s+\S+\s+(?:SET|set)\b|(?:UPDATE|DELETE FROM|INSERT INTO)\s*$|(?:DELETE FROM|delete from)\s|(?:WITH|with)\s+\w+\s+(?:AS|as)\s*\(|(?:CREATE|DROP|ALTER|create|drop|alter)\s+(?:UNIQUE\s+|VIRTUAL\s+)?(?:TABLE|INDEX|TRIGGER|VIEW|DATABASE|ROLE|SCHEMA|table|index|trigger|view|database|role|schema)\b)`)
)

// writers finds tables that more than one folder writes.
func writers(t *tree) []finding {
	type place struct {
		folder string
		f      finding
	}
	by := map[string][]place{}
	note := func(folder, text string, f finding) {
		for _, m := range append(insertsOrDeletes.FindAllStringSubmatch(text, -1), updates.FindAllStringSubmatch(text, -1)...) {
			table := strings.ToLower(m[1])
			by[table] = append(by[table], place{folder, f})
		}
	}
	for _, s := range t.files {
		if s.test {
			continue
		}
		eachText(s.ast, func(e ast.Expr, text string) { note(outer(s.dir), text, t.at(s, e.Pos(), "tables", "")) })
	}
	for p, text := range t.sql {
		note(outer(p), text, finding{rule: "tables", path: p, line: 1})
	}
	var out []finding
	for _, table := range sorted(by) {
		places := by[table]
		owner := places[0].folder
		for _, p := range places {
			if p.folder != owner && sharedTables()[table] == "" {
				f := p.f
				f.text = "writes " + table + ", which " + owner + " writes too (" + places[0].f.path + ")"
				out = append(out, f)
			}
		}
	}
	return out
}

// eachText calls fn for every string constant, with what is joined by + as one.
func eachText(n ast.Node, fn func(ast.Expr, string)) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch e := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BinaryExpr, *ast.BasicLit:
			if text, ok := literal(e.(ast.Expr)); ok {
				fn(e.(ast.Expr), text)
				return false
			}
		}
		return true
	})
}

// literal folds a string literal or several joined by +, with names of constants left out.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.ParenExpr:
		return literal(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		l, lok := literal(e.X)
		r, rok := literal(e.Y)
		return l + r, lok && rok
	}
	return "", false
}

// builtSQL finds SQL put together while running: by a format, by replacing, or with something that is not a constant.
func builtSQL(t *tree) []finding {
	constants := t.constants()
	var out []finding
	t.own(func(s *source) {
		known := scope{s.dir, s.imports(), constants}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch e := n.(type) {
			case *ast.CallExpr:
				if name, ok := known.builder(e); ok {
					out = append(out, t.at(s, e.Pos(), "sql", "%s builds SQL", name))
				}
			case *ast.BinaryExpr:
				if e.Op != token.ADD {
					return true
				}
				if _, constant := known.fold(e); !constant && isSQL.MatchString(known.beginning(e)) {
					out = append(out, t.at(s, e.Pos(), "sql", "SQL is joined with something that is not a constant"))
				}
				return false
			}
			return true
		})
	})
	return out
}

// scope knows the constants that a file can name.
type scope struct {
	dir       string
	names     map[string]string
	constants map[string]string
}

// builder tells whether a call makes a text of SQL: fmt's formats, strings.Replace, a Builder's WriteString.
func (k scope) builder(call *ast.CallExpr) (string, bool) {
	pkg, name := calledAs(k.names, call.Fun)
	sel, method := call.Fun.(*ast.SelectorExpr)
	switch {
	case pkg == "fmt", pkg == "strings" && strings.HasPrefix(name, "Replace"):
		name = pkg + "." + name
	case pkg == "" && method && sel.Sel.Name == "WriteString":
		name = "WriteString"
	default:
		return "", false
	}
	for _, a := range call.Args[:min(2, len(call.Args))] { // Sprintf(format, …) and Fprintf(w, format, …)
		if text, ok := k.fold(a); ok && isSQL.MatchString(text) {
			return name, true
		}
	}
	return "", false
}

// sqlAbove finds SQL on floors that have none.
func sqlAbove(t *tree) []finding {
	var out []finding
	t.own(func(s *source) {
		if !slices.Contains(noSQL(), s.floor) {
			return
		}
		eachText(s.ast, func(e ast.Expr, text string) {
			if isSQL.MatchString(text) {
				out = append(out, t.at(s, e.Pos(), "sql above", "%s holds SQL, and stands on a floor that has none", s.room))
			}
		})
	})
	return out
}

// beginning is the text that a chain of + begins with.
func (k scope) beginning(e ast.Expr) string {
	if text, ok := k.fold(e); ok {
		return text
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return k.beginning(e.X)
	case *ast.ParenExpr:
		return k.beginning(e.X)
	}
	return ""
}

// fold gives the value of a constant text: literals and constants of the house, joined by +.
func (k scope) fold(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		l, lok := k.fold(e.X)
		r, rok := k.fold(e.Y)
		return l + r, lok && rok
	case *ast.ParenExpr:
		return k.fold(e.X)
	case *ast.Ident:
		text, ok := k.constants[k.dir+"."+e.Name]
		return text, ok
	case *ast.SelectorExpr:
		pkg, name := calledAs(k.names, e)
		text, ok := k.constants[strings.TrimPrefix(pkg, module)+"."+name]
		return text, ok
	}
	return literal(e)
}

// constants gives the constant texts of the program: "internal/cases.sqlNew". Constants made of constants are
// found by going round as long as there is news.
func (t *tree) constants() map[string]string {
	values := map[string]string{}
	for news := true; news; {
		news = false
		for _, s := range t.files {
			known := scope{s.dir, s.imports(), values}
			eachConstant(s.ast, func(name string, value ast.Expr) {
				if _, ok := values[s.dir+"."+name]; ok {
					return
				}
				if text, ok := known.fold(value); ok {
					values[s.dir+"."+name], news = text, true
				}
			})
		}
	}
	return values
}

func eachConstant(n ast.Node, fn func(string, ast.Expr)) {
	ast.Inspect(n, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			return true
		}
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
				for i, name := range v.Names {
					fn(name.Name, v.Values[i])
				}
			}
		}
		return false
	})
}
