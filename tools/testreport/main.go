// Command testreport runs `go test -json` and says what happened in few lines: one a package, the whole
// output of what failed, every skipped test with its reason, and last `N passed, N failed, N skipped`.
//
// Usage: testreport [-ci] [-report FILE] [-title T] [-also DIR] [--] [go test's arguments…]
//
// It does not decide which tests run. It does decide what a skip is worth: a test may skip only because
// something is absent, and says so: t.Skip("absent: ../shared/corpora (other projects' mail)"). The word after
// "absent:" is a path from the module's root or a command; if it is there after all, the test could have
// run. With -ci (or CI=true) a skip that could have run, and one that gives another reason, is a failure.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		code = 2
	}
	os.Exit(code)
}

type options struct {
	ci     bool
	report string
	title  string
	also   string
	args   []string
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("testreport", flag.ContinueOnError)
	f.BoolVar(&o.ci, "ci", os.Getenv("CI") == "true", "a skip that could have run is a failure")
	f.StringVar(&o.report, "report", "", "also write a report in Markdown to this file")
	f.StringVar(&o.title, "title", "Tests", "the report's title")
	f.StringVar(&o.also, "also", "", "then test ./... of the module in this folder")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.args = f.Args()
	if len(o.args) == 0 {
		o.args = []string{"./..."}
	}
	return o, nil
}

func run(args []string, out io.Writer) (int, error) {
	o, err := parse(args)
	if err != nil {
		return 2, err
	}
	root, err := os.Getwd()
	if err != nil {
		return 2, err
	}
	began := time.Now()
	r := newResult(out)
	if err := goTest(r, root, o.args); err != nil {
		return 2, err
	}
	if o.also != "" {
		if err := goTest(r, o.also, []string{"./..."}); err != nil {
			return 2, err
		}
	}
	ok := r.summary(out, root, o.ci)
	if o.report != "" {
		if err := writeReport(o, r, began, ok); err != nil {
			return 2, err
		}
	}
	if !ok {
		return 1, nil
	}
	return 0, nil
}

// goTest runs one `go test -json` and reads it to its end. An exit code that no event explains (a broken
// go.mod, a pattern that matches nothing) is a failure of its own.
func goTest(r *result, dir string, args []string) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...) // #nosec G204 -- go test's own arguments are what this command is for
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := r.failures()
	if err := r.read(pipe); err != nil {
		return err
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if r.failures() == before {
			r.fail("go test", "in "+dir, fmt.Sprintf("exit code %d and no test that explains it", exit.ExitCode()))
		}
		return nil
	}
	return err
}
