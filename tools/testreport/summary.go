package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// summary prints the skips, the failures' names and the closing line, and tells whether all is well.
func (r *result) summary(out io.Writer, root string, ci bool) bool {
	bad := r.judgeSkips(out, root, ci)
	skipped := len(r.skipped) - bad
	if len(r.failed) > 0 {
		fmt.Fprintln(out, "\nfailed:")
		for _, f := range r.failed {
			fmt.Fprintf(out, "  %s %s\n", f.pkg, f.test)
		}
	}
	if r.passed == 0 && len(r.failed) == 0 {
		fmt.Fprintln(out, "\nno test ran")
		bad++
	}
	failed := len(r.failed) + bad
	fmt.Fprintf(out, "\n%d passed, %d failed, %d skipped\n", r.passed, failed, skipped)
	return failed == 0
}

// judgeSkips prints each reason with the tests that gave it, and counts the skips that are failures.
func (r *result) judgeSkips(out io.Writer, root string, ci bool) int {
	if len(r.skipped) == 0 {
		return 0
	}
	bad := 0
	by := map[string][]string{}
	for _, s := range r.skipped {
		by[s.reason] = append(by[s.reason], s.pkg+"."+s.test)
	}
	reasons := make([]string, 0, len(by))
	for why := range by {
		reasons = append(reasons, why)
	}
	slices.Sort(reasons)
	fmt.Fprintln(out, "\nskipped:")
	for _, why := range reasons {
		fault := couldRun(root, why)
		if fault != "" {
			fault = " [" + fault + "]"
			if ci {
				bad += len(by[why])
			}
		}
		fmt.Fprintf(out, "  %s%s\n", shown(why), fault)
		for _, test := range by[why] {
			fmt.Fprintf(out, "    %s\n", test)
		}
	}
	return bad
}

func shown(why string) string {
	if why == "" {
		return "no reason given"
	}
	return why
}

// couldRun tells what is wrong with a reason for skipping, or nothing.
func couldRun(root, why string) string {
	rest, ok := strings.CutPrefix(why, "absent: ")
	if !ok || strings.TrimSpace(rest) == "" {
		return `not a reason: say "absent: PATH or COMMAND"`
	}
	what := strings.TrimRight(strings.Fields(rest)[0], ",:;")
	if _, err := exec.LookPath(what); err == nil {
		return "could have run: the command is here"
	}
	if !filepath.IsAbs(what) {
		what = filepath.Join(root, what)
	}
	if _, err := os.Stat(what); err == nil {
		return "could have run: it is here"
	}
	return ""
}

// writeReport writes what ran, on what, for how long and what it said, for docs/reports.
func writeReport(o options, r *result, began time.Time, ok bool) error {
	var b strings.Builder
	verdict := "passed"
	if !ok {
		verdict = "FAILED"
	}
	fmt.Fprintf(&b, "# %s: %s\n\n", o.title, verdict)
	fmt.Fprintf(&b, "Written by the run itself. Began %s, took %s; %s, %s/%s, %d CPUs; commit %s.\n\n",
		began.UTC().Format("2006-01-02 15:04 UTC"), time.Since(began).Round(time.Second), runtime.Version(),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), commit())
	fmt.Fprintf(&b, "`go test %s`: %d passed, %d failed, %d skipped\n", strings.Join(o.args, " "), r.passed, len(r.failed), len(r.skipped))
	for _, t := range r.timings {
		fmt.Fprintf(&b, "\n## %s (%s), %.0f s\n", t.test, t.pkg, t.seconds)
		said(&b, t.output)
	}
	for _, f := range r.failed {
		fmt.Fprintf(&b, "\n## FAILED: %s (%s)\n", f.test, f.pkg)
		said(&b, f.output)
	}
	for _, s := range r.skipped {
		fmt.Fprintf(&b, "\n## Skipped: %s (%s)\n\n%s\n", s.test, s.pkg, shown(s.reason))
	}
	if err := os.MkdirAll(filepath.Dir(o.report), 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.report, []byte(b.String()), 0o644)
}

// said writes what a test logged, without go test's own lines around it.
func said(b *strings.Builder, output string) {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), "--- ") || strings.TrimSpace(line) == "" {
			continue
		}
		lines = append(lines, strings.TrimPrefix(line, "    "))
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n```\n%s\n```\n", strings.Join(lines, "\n"))
}

func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if dirty, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(dirty) > 0 {
		name += " with changes"
	}
	return name
}
