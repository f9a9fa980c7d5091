package cli

import (
	"context"
	"fmt"
	"runtime"

	"insegel/internal/app"
)

type versionCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (*versionCmd) Help() string { return "Example:\n  insegel version --json" }

// Here prints the version.
func (c *versionCmd) Here(_ context.Context, m Machine, _ parsed) error {
	v := app.Version()
	schema := len(app.Migrations())
	if c.JSON {
		return printJSON(m.Out, map[string]any{"version": v, "schema": schema, "go": runtime.Version()})
	}
	_, err := fmt.Fprintf(m.Out, "insegel %s (schema %d, %s)\n", v, schema, runtime.Version())
	return err
}
