package house

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// rule is one thing that holds in the whole house.
type rule struct {
	name  string
	check func(*tree) []finding
}

func rules() []rule {
	return []rule{
		{"arrows between rooms", arrows},
		{"no HTTP below the channels", httpBelow},
		{"no circle between folders", circles},
		{"each table has one writer", writers},
		{"SQL is constant", builtSQL},
		{"no SQL on the upper floors", sqlAbove},
		{"the clock is passed in", clocks},
		{"the context comes from the caller", contexts},
		{"the logger is passed in, main ends the program", loggers},
		{"no init", inits},
		{"no package variable that changes", variables},
		{"remarks with reasons, nothing put off", remarks},
		{"packages are named for what they provide", packageNames},
		{"long tests by their convention", soaks},
		{"the waist stays small", waistline},
	}
}

// theHouse is the real one: the module this test stands in.
func theHouse(t *testing.T) fs.FS {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return os.DirFS(dir)
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above this test")
		}
		dir = up
	}
}

func TestHouse(t *testing.T) {
	house := parsed(t, theHouse(t))
	used := make([]bool, len(exceptions()))
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range r.check(house) {
				if i := slices.IndexFunc(exceptions(), func(e exception) bool { return e.excuses(f) }); i >= 0 {
					used[i] = true
					continue
				}
				t.Error(f)
			}
		})
	}
	for i, e := range exceptions() {
		if !used[i] {
			t.Errorf("the exception for %q in %s excuses nothing any more: take it out", e.rule, e.path)
		}
		if e.why == "" {
			t.Errorf("the exception for %q in %s gives no reason", e.rule, e.path)
		}
	}
}

const (
	longFile     = 400
	longFunction = 60
)

// TestSizes lists what is long. It does not fail: length is a hint to look for the second idea, no fault.
func TestSizes(t *testing.T) {
	for _, line := range sizes(parsed(t, theHouse(t))) {
		t.Log("long: " + line)
	}
}

func sizes(house *tree) []string {
	var out []string
	for _, s := range house.files {
		if s.generated {
			continue
		}
		if s.lines > longFile {
			out = append(out, s.path+": "+itoa(s.lines)+" lines")
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || s.test {
				continue
			}
			from, to := house.fset.Position(f.Pos()).Line, house.fset.Position(f.End()).Line
			if to-from+1 > longFunction {
				out = append(out, s.path+":"+itoa(from)+": "+f.Name.Name+": "+itoa(to-from+1)+" lines")
			}
		}
	}
	return out
}
