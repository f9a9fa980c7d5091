package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"insegel/internal/fault"
	"insegel/internal/id"
	"insegel/internal/lang"
)

// wrongUsage tells in one line what was not understood, and where help is.
func (m Machine) wrongUsage(e *kong.ParseError) int {
	where := "insegel"
	if e.Context != nil {
		if path := e.Context.Command(); path != "" {
			where += " " + strings.TrimSpace(cutArguments(path))
		}
	}
	fmt.Fprintf(m.Err, "insegel: %s; see \"%s --help\"\n", oneLine(e.Error()), where)
	return usage
}

// cutArguments leaves the words of a command: "tenant create <slug>" is "tenant create".
func cutArguments(path string) string {
	before, _, _ := strings.Cut(path, "<")
	return before
}

// fail tells an error in one line that says what to do. What only a developer can use goes to the log, with a reference.
func (m Machine) fail(err error, log *slog.Logger) int {
	fmt.Fprintln(m.Err, "insegel: "+sentence(err, log))
	return failed
}

func sentence(err error, log *slog.Logger) string {
	if errors.Is(err, context.Canceled) {
		return "Stopped before it was done."
	}
	f := fault.Of(err)
	if f.Key != "fault.internal" && lang.Has(f.Key) {
		if log != nil && f.Err != nil {
			log.Warn("command failed", "fault", f.Key, "err", oneLine(err.Error()))
		}
		return oneLine(lang.En.T(f.Key, pairs(f.Args)...))
	}
	if log == nil {
		return "This should not happen; please report it with this line: " + oneLine(err.Error())
	}
	ref := id.NewSource(nil, nil).Token()[:10]
	log.Error("command failed", "reference", ref, "fault", f.Key, "err", oneLine(err.Error()))
	return "Something went wrong inside the program. The log says what, under the reference " + ref + "."
}

func pairs(args map[string]any) []any {
	out := make([]any, 0, 2*len(args))
	for k, v := range args {
		out = append(out, k, v)
	}
	return out
}

// printJSON writes a value as one document.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes rows in columns, the first one being their heads.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush()
}
