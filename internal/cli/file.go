package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"insegel/internal/fault"
)

// file is a file of settings: options by their long names. What the command line or the environment says goes before it.
type file struct {
	path   string
	values map[string]any
}

// maxSettings bounds what is read: a settings file has some thirty lines.
const maxSettings = 64 << 10

func readFile(path string) (*file, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSettings {
		return nil, fault.Because(err, fault.Invalid, "fault.cli.settings", "file", path)
	}
	f := &file{path: path}
	if _, err := toml.DecodeFile(path, &f.values); err != nil {
		return nil, fault.Because(err, fault.Invalid, "fault.cli.settings_damaged", "file", path, "what", oneLine(err.Error()))
	}
	return f, nil
}

// Validate refuses a name that no option has: a misspelt setting must not be passed over.
func (f *file) Validate(app *kong.Application) error {
	known := []string{}
	_ = kong.Visit(app, func(n kong.Visitable, next kong.Next) error {
		if flag, ok := n.(*kong.Flag); ok {
			known = append(known, flag.Name)
		}
		return next(nil)
	})
	for name := range f.values {
		if !slices.Contains(known, hyphens(name)) {
			return fault.New(fault.Invalid, "fault.cli.setting", "file", f.path, "name", name)
		}
	}
	return nil
}

// Resolve gives the value of an option that the command line does not say.
func (f *file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, said := os.LookupEnv(env); said {
			return nil, nil
		}
	}
	for name, v := range f.values {
		if hyphens(name) != flag.Name {
			continue
		}
		if _, table := v.(map[string]any); table {
			return nil, fmt.Errorf("%s: %s is a table, not a value", f.path, name)
		}
		return v, nil
	}
	return nil, nil
}

func hyphens(s string) string { return strings.ReplaceAll(s, "_", "-") }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
