package house

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// clocks finds who asks the machine for the time: everything that decides by time is given a clock.
func clocks(t *tree) []finding {
	return t.calls("clock", func(s *source) bool { return s.room != "clock" && !s.command() }, map[string][]string{
		"time": {"Now", "Since", "Until"},
	}, "%s.%s: the clock is passed in")
}

// contexts finds work that nobody can end: a context comes from the caller.
func contexts(t *tree) []finding {
	return t.calls("context", func(s *source) bool { return !s.command() }, map[string][]string{
		"context": {"Background", "TODO"},
	}, "%s.%s: the context comes from the caller")
}

// loggers finds logging past the logger that was passed in.
func loggers(t *tree) []finding {
	out := t.calls("log", func(*source) bool { return true }, map[string][]string{
		"log/slog": {"Default", "SetDefault", "Debug", "Info", "Warn", "Error", "Log", "LogAttrs",
			"DebugContext", "InfoContext", "WarnContext", "ErrorContext", "With", "SetLogLoggerLevel"},
		"log": {"Print", "Printf", "Println", "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln", "Default",
			"SetOutput", "SetFlags", "SetPrefix", "Output", "Writer"},
	}, "%s.%s: the logger is passed in")
	return append(out, t.calls("exit", func(s *source) bool { return !s.command() }, map[string][]string{
		"os": {"Exit"},
	}, "%s.%s: only main ends the program")...)
}

// command tells whether a file is of a main package, where the outside begins.
func (s *source) command() bool { return s.ast.Name.Name == "main" }

// calls finds uses (also as values) of functions of other packages.
func (t *tree) calls(rule string, in func(*source) bool, which map[string][]string, text string) []finding {
	var out []finding
	t.own(func(s *source) {
		if !in(s) {
			return
		}
		names := s.imports()
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, name := calledAs(names, sel); slices.Contains(which[pkg], name) {
					out = append(out, t.at(s, n.Pos(), rule, text, path.Base(pkg), name))
				}
			}
			return true
		})
	})
	return out
}

// inits finds func init, which runs before anybody could pass anything in.
func inits(t *tree) []finding {
	var out []finding
	t.own(func(s *source) {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				out = append(out, t.at(s, f.Pos(), "init", "func init: what is needed is passed in"))
			}
		}
	})
	return out
}

// remarks finds what should not be left in the code: work put off, and checks turned off without a reason. A #nosec
// names its rule and says why; a second one for the same rule in the same file need not say it again.
func remarks(t *tree) []finding {
	putOff := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	var out []finding
	for _, s := range t.files {
		if s.generated || s.dir == "internal/house" {
			continue
		}
		reasoned := map[string]bool{}
		for _, g := range s.ast.Comments {
			for _, c := range g.List {
				if putOff.MatchString(c.Text) {
					out = append(out, t.at(s, c.Pos(), "remarks", "%s: file an issue, or do it", putOff.FindString(c.Text)))
				}
				if why := turnedOff(c.Text, reasoned); why != "" {
					out = append(out, t.at(s, c.Pos(), "remarks", "%s", why))
				}
			}
		}
	}
	return out
}

// turnedOff tells what is wrong with a comment that turns a check off.
func turnedOff(comment string, reasoned map[string]bool) string {
	switch {
	case strings.Contains(comment, "//nol"+"int"):
		return "nol" + "int is for a tool that is not used here"
	case regexp.MustCompile(`//lint:(file-)?ignore\s+\S+\s*$`).MatchString(comment):
		return "staticcheck is turned off without a reason"
	case !regexp.MustCompile(`#nosec\b`).MatchString(comment):
		return ""
	}
	m := regexp.MustCompile(`#nosec ((?:G\d{3}[, ]*)+)(-- \S+)?`).FindStringSubmatch(comment)
	if m == nil {
		return "#nosec names no rule: write #nosec Gnnn -- reason"
	}
	for _, rule := range regexp.MustCompile(`G\d{3}`).FindAllString(m[1], -1) {
		if m[2] != "" {
			reasoned[rule] = true
		}
		if !reasoned[rule] {
			return "#nosec " + rule + " gives no reason, and none above does: write #nosec " + rule + " -- reason"
		}
	}
	return ""
}

// packageNames finds packages named for nothing they provide.
func packageNames(t *tree) []finding {
	empty := []string{"models", "model", "utils", "util", "common", "helpers", "helper", "manager", "service", "services", "impl", "misc", "base", "shared", "types"}
	var out []finding
	for _, s := range t.files {
		if name := strings.TrimSuffix(s.ast.Name.Name, "_test"); slices.Contains(empty, name) {
			out = append(out, t.at(s, s.ast.Package, "names", "package %s is named for nothing it provides", name))
		}
	}
	return out
}

// soaks holds the long tests to their convention: build tag soak, and names that begin with TestSoak.
func soaks(t *tree) []finding {
	var out []finding
	for _, s := range t.files {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Name.Name == "TestMain" {
				continue
			}
			if named := strings.HasPrefix(f.Name.Name, "TestSoak"); named != s.soak {
				out = append(out, t.at(s, f.Pos(), "soak", "%s: long tests are named TestSoak…, in files with //go:build soak, and only those", f.Name.Name))
			}
		}
	}
	return out
}

// waist is what the waist may be long: it stays readable in one sitting. Counted are the files that decide, open and
// write; what stands beside them (founding a tenant, rotating keys, reading the log) goes in through them and is bounded too.
const (
	waist      = 600
	waistWhole = 1200
)

// waistCore are the files that decide, open and write.
func waistCore(s *source) bool {
	return strings.HasSuffix(s.path, "/waist.go") || strings.HasSuffix(s.path, "/reader.go") || strings.HasSuffix(s.path, "/writer.go")
}

func waistline(t *tree) []finding {
	core, whole := 0, 0
	var last *source
	for _, s := range t.files {
		if s.room != "visit" || s.test {
			continue
		}
		whole += s.lines
		if waistCore(s) {
			core += s.lines
		}
		last = s
	}
	var out []finding
	if core >= waist {
		out = append(out, finding{rule: "waist", path: last.dir, line: 1, text: "visit has " + itoa(core) + " lines, and must stay under " + itoa(waist)})
	}
	if whole >= waistWhole {
		out = append(out, finding{rule: "waist", path: last.dir, line: 1, text: "visit and what stands beside it has " + itoa(whole) + " lines, and must stay under " + itoa(waistWhole)})
	}
	return out
}
