package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each tree is a module that go test really runs: what is checked is what go says today, not what we
// remember of it.
const (
	good = `package p
import "testing"
func TestGood(t *testing.T) { t.Log("a figure: 42"); t.Run("sub", func(*testing.T) {}) }`
	bad = `package p
import "testing"
func TestBad(t *testing.T) { t.Error("it is broken") }`
	broken = `package p
import "testing"
func TestBroken(t *testing.T) { undefined() }`
	panics = `package p
import "testing"
func TestPanics(t *testing.T) { panic("at the disco") }`
	exits = `package p
import ("os"; "testing")
func TestExits(t *testing.T) { os.Exit(0) }`
	setup = `package p
import ("os"; "testing")
func TestMain(m *testing.M) { os.Stdout.WriteString("no database\n"); os.Exit(3) }
func TestNever(t *testing.T) {}`
	hangs = `package p
import "testing"
func TestHangs(t *testing.T) { select {} }
func TestOther(t *testing.T) {}`
	absent = `package p
import "testing"
func TestSkips(t *testing.T) { t.Skip("absent: ../corpora (other people's mail)") }
func TestRuns(t *testing.T) {}`
	present = `package p
import "testing"
func TestSkips(t *testing.T) { t.Skip("absent: go.mod, they say") }
func TestRuns(t *testing.T) {}`
	command = `package p
import "testing"
func TestSkips(t *testing.T) { t.Skip("absent: go: the compiler") }
func TestRuns(t *testing.T) {}`
	lazy = `package p
import "testing"
func TestSkips(t *testing.T) { t.Skip("flaky") }
func TestRuns(t *testing.T) {}`
	silent = `package p
import "testing"
func TestSkips(t *testing.T) { t.SkipNow() }
func TestRuns(t *testing.T) {}`
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, test string
		args       []string
		code       int
		says       []string
	}{
		{"all well", good, nil, 0, []string{"ok    m ", "2 passed, 0 failed, 0 skipped\n"}},
		{"a failure", bad, nil, 1, []string{"it is broken", "FAIL  m ", "0 passed, 1 failed, 0 skipped\n"}},
		{"does not build", broken, nil, 1, []string{"undefined: undefined", "m (build)", "0 passed, 1 failed"}},
		{"a panic", panics, nil, 1, []string{"at the disco", "m TestPanics", "0 passed, 1 failed"}},
		{"os.Exit in a test", exits, nil, 1, []string{"m TestExits", "0 passed, 1 failed"}},
		{"TestMain gives up", setup, nil, 1, []string{"no database", "m (package)", "0 passed, 1 failed"}},
		{"out of time", hangs, []string{"--", "-timeout", "1s", "./..."}, 1, []string{"did not end", "timed out", "m TestHangs", "0 passed, 1 failed"}},
		{"no test", "package p", nil, 1, []string{"no test ran", "0 passed, 1 failed"}},
		{"no such package", good, []string{"./nowhere"}, 1, []string{"0 passed, 1 failed"}},
		{"no such flag", good, []string{"--", "-nonsense"}, 1, []string{"0 passed, 1 failed"}},
		{"absent", absent, []string{"-ci"}, 0, []string{"absent: ../corpora (other people's mail)\n    m.TestSkips\n", "1 passed, 0 failed, 1 skipped\n"}},
		{"present after all", present, []string{"-ci"}, 1, []string{"could have run", "1 passed, 1 failed, 0 skipped\n"}},
		{"a command after all", command, []string{"-ci"}, 1, []string{"could have run", "1 passed, 1 failed"}},
		{"outside CI it is only told", present, []string{"-ci=false"}, 0, []string{"could have run", "1 passed, 0 failed, 1 skipped\n"}},
		{"another reason", lazy, []string{"-ci"}, 1, []string{"flaky [not a reason", "1 passed, 1 failed"}},
		{"no reason", silent, []string{"-ci"}, 1, []string{"no reason given [not a reason", "1 passed, 1 failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			module(t, c.test)
			var out strings.Builder
			code, err := run(c.args, &out)
			if err != nil {
				t.Fatal(err)
			}
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("nothing says %q", want)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

func TestReport(t *testing.T) {
	module(t, good)
	file := filepath.Join(t.TempDir(), "reports", "soak.md")
	var out strings.Builder
	if code, err := run([]string{"-report", file, "-title", "Soak", "./..."}, &out); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v\n%s", code, err, out.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Soak: passed", "## TestGood (m)", "a figure: 42", "`go test ./...`: 2 passed, 0 failed, 0 skipped"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report has no %q:\n%s", want, text)
		}
	}
}

func TestAlso(t *testing.T) {
	module(t, good)
	other := t.TempDir()
	write(t, other, "go.mod", "module other\n\ngo 1.26\n")
	write(t, other, "p_test.go", bad)
	var out strings.Builder
	code, err := run([]string{"-also", other, "./..."}, &out)
	if err != nil || code != 1 || !strings.Contains(out.String(), "2 passed, 1 failed") {
		t.Errorf("exit code %d, %v\n%s", code, err, out.String())
	}
}

// module makes a module with one test file and goes there.
func module(t *testing.T, test string) {
	t.Helper()
	t.Setenv("CI", "")
	dir := t.TempDir()
	write(t, dir, "go.mod", "module m\n\ngo 1.26\n")
	write(t, dir, "p.go", "package p\n")
	write(t, dir, "p_test.go", test)
	t.Chdir(dir)
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
