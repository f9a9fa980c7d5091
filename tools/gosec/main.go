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

// exclusion is a rule that is off in the whole tree, and why. A single place in the code is excused there,
// with `#nosec Gnnn -- reason`; this list is for rules that do not fit the house at all.
type exclusion struct{ rule, why string }

func excluded() []exclusion {
	return []exclusion{}
}

// skipped are folders that are not the program: modules of their own, tests' data, what is built.
func skipped() []*regexp.Regexp {
	return gosec.ExcludedDirsRegExp([]string{"tools", "testdata", "node_modules", `\.[a-z]+`})
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
	var packages []string
	for _, root := range roots {
		p, err := gosec.PackagePaths(root, skipped())
		if err != nil {
			return nil, err
		}
		packages = append(packages, p...)
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("no Go packages under %s", strings.Join(roots, " "))
	}
	a := analyzer()
	if err := a.Process(nil, packages...); err != nil {
		return nil, err
	}
	issues, _, errs := a.Report()
	return lines(issues, errs), nil
}

func analyzer() *gosec.Analyzer {
	var off []string
	for _, e := range excluded() {
		off = append(off, e.rule)
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
