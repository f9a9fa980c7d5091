package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of `go test -json` (go doc test2json), and of the build events that go with it.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

type failure struct{ pkg, test, output string }

type skip struct{ pkg, test, reason string }

type timing struct {
	pkg, test string
	seconds   float64
	output    string
}

// result gathers the events of one or more runs.
type result struct {
	out     io.Writer
	passed  int
	failed  []failure
	skipped []skip
	timings []timing           // of top-level tests that passed
	running map[[2]string]bool // tests begun and not ended
	output  map[[2]string]*strings.Builder
	build   map[string]*strings.Builder
	count   map[string]int // tests passed, by package
}

func newResult(out io.Writer) *result {
	return &result{out: out, running: map[[2]string]bool{}, output: map[[2]string]*strings.Builder{},
		build: map[string]*strings.Builder{}, count: map[string]int{}}
}

func (r *result) failures() int { return len(r.failed) }

// maxLine bounds one line of JSON; go test cuts output at line ends, so a longer one is a defect to be told.
const maxLine = 16 << 20

func (r *result) read(in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for s.Scan() {
		line := bytes.TrimSpace(s.Bytes())
		if len(line) == 0 {
			continue
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			fmt.Fprintf(r.out, "%s\n", line) // what go itself says between the events
			continue
		}
		r.take(e)
	}
	return s.Err()
}

func (r *result) take(e event) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		text(r.build, e.ImportPath).WriteString(e.Output)
	case "run":
		r.running[key] = true
	case "output":
		text(r.output, key).WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e)
		}
	}
}

func text[K comparable](m map[K]*strings.Builder, k K) *strings.Builder {
	if m[k] == nil {
		m[k] = &strings.Builder{}
	}
	return m[k]
}

func (r *result) endTest(e event) {
	key := [2]string{e.Package, e.Test}
	output := text(r.output, key).String()
	delete(r.running, key)
	delete(r.output, key)
	switch e.Action {
	case "pass":
		r.passed++
		r.count[e.Package]++
		if !strings.Contains(e.Test, "/") {
			r.timings = append(r.timings, timing{e.Package, e.Test, e.Elapsed, output})
		}
	case "fail":
		r.fail(e.Package, e.Test, output)
	case "skip":
		r.skipped = append(r.skipped, skip{e.Package, e.Test, reason(output)})
	}
}

// endPackage tells how a package ended. A package can fail without a failed test: it did not build, its
// TestMain gave up, or it panicked or ran out of time in a test that never ended.
func (r *result) endPackage(e event) {
	output := text(r.output, [2]string{e.Package, ""}).String()
	delete(r.output, [2]string{e.Package, ""})
	if e.Action == "skip" { // no test files
		return
	}
	if e.Action == "pass" {
		cached := ""
		if strings.Contains(output, "(cached)") {
			cached = " (cached)"
		}
		fmt.Fprintf(r.out, "ok    %-44s %4d tests %7.1fs%s\n", e.Package, r.count[e.Package], e.Elapsed, cached)
		return
	}
	failedHere := slices.ContainsFunc(r.failed, func(f failure) bool { return f.pkg == e.Package })
	for _, test := range r.unended(e.Package) {
		key := [2]string{e.Package, test}
		r.fail(e.Package, test, "did not end\n"+text(r.output, key).String()+output)
		delete(r.running, key)
		delete(r.output, key)
		failedHere, output = true, ""
	}
	switch {
	case e.FailedBuild != "":
		r.fail(e.Package, "(build)", text(r.build, e.FailedBuild).String())
	case !failedHere:
		r.fail(e.Package, "(package)", output)
	}
	fmt.Fprintf(r.out, "FAIL  %-44s %4d tests %7.1fs\n", e.Package, r.count[e.Package], e.Elapsed)
}

func (r *result) unended(pkg string) []string {
	var tests []string
	for key := range r.running {
		if key[0] == pkg {
			tests = append(tests, key[1])
		}
	}
	slices.Sort(tests)
	return tests
}

func (r *result) fail(pkg, test, output string) {
	r.failed = append(r.failed, failure{pkg, test, output})
	fmt.Fprintf(r.out, "--- FAIL %s %s\n%s", pkg, test, ended(output))
}

func ended(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

// reason finds what t.Skip was told: the last line that begins with a file and a line number.
func reason(output string) string {
	at := regexp.MustCompile(`(?m)^\s*\S+\.go:\d+: (.*)$`).FindAllStringSubmatch(output, -1)
	if len(at) == 0 {
		return ""
	}
	return strings.TrimSpace(at[len(at)-1][1])
}
