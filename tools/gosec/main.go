// Command gosec runs gosec's own rules over the tree it is started in.
//
// It exists because gosec's command links three clients of language models for its "autofix", which take
// minutes and gigabytes to build and are not wanted in a security check. The rules and analyzers are the
// library's, all of them but those in excluded. It prints one line a finding and exits 1 if there is one.
package main

import (
	"cmp"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/issue"
	"github.com/securego/gosec/v2/rules"
)

// excluded are rules that are off in the whole tree, each with the reason. It is for rules that do not fit the house
// at all; a single place in the code is excused there, with `#nosec Gnnn -- reason`.
func excluded() map[string]string {
	return map[string]string{}
}

func main() {
	found, err := scan(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "gosec:", err)
		os.Exit(2)
	}
	for _, line := range found {
		fmt.Println(line)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

func scan(roots []string) ([]string, error) {
	if len(roots) == 0 {
		roots = []string{"./..."}
	}
	folders, err := program(roots)
	if err != nil {
		return nil, err
	}
	a := analyzer()
	if err := a.Process(nil, folders...); err != nil {
		return nil, err
	}
	issues, _, errs := a.Report()
	return lines(issues, errs), nil
}

// program lists the folders to look at: packages of the module, but not the tests' helpers (test/…, and what is
// named …test, as storetest).
func program(roots []string) ([]string, error) {
	cmd := exec.Command("go", append([]string{"list", "-e", "-find", "-f", "{{if .GoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}"}, roots...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	helpers := regexp.MustCompile(`^[^/]+/test/|test$`)
	var folders []string
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok && !helpers.MatchString(path) {
			folders = append(folders, dir)
		}
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("no Go packages in %s", strings.Join(roots, " "))
	}
	return folders, nil
}

func analyzer() *gosec.Analyzer {
	var off []string
	for rule := range excluded() {
		off = append(off, rule)
	}
	a := gosec.NewAnalyzer(gosec.NewConfig(), false, true, false, runtime.NumCPU(), log.New(io.Discard, "", 0))
	ruleList := rules.Generate(false, rules.NewRuleFilter(true, off...))
	a.LoadRules(ruleList.RulesInfo())
	a.LoadAnalyzers(analyzers.Generate(false, analyzers.NewAnalyzerFilter(true, off...)).AnalyzersInfo())
	return a
}

func lines(issues []*issue.Issue, errs map[string][]gosec.Error) []string {
	var out []string
	for _, i := range issues {
		out = append(out, fmt.Sprintf("%s:%s: %s: %s", short(i.File), i.Line, i.RuleID, i.What))
	}
	for file, es := range errs {
		for _, e := range es {
			out = append(out, fmt.Sprintf("%s:%d: not analysed: %s", short(file), e.Line, e.Err))
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}

func short(file string) string {
	dir, err := os.Getwd()
	if err != nil {
		return file
	}
	if rel, err := filepath.Rel(dir, file); err == nil {
		return rel
	}
	return file
}
