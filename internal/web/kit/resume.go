package kit

import (
	"net/url"
	"slices"
	"strings"
)

// Resume is a form that was sent when the session had ended. It stands as hidden fields on the page to log in, and is offered
// again after it.
type Resume struct {
	Action string // the path that it was sent to
	Fields []Typed
	Files  bool // files were chosen too: they have to be chosen again
}

// Typed is a field with what was typed.
type Typed struct{ Name, Value string }

const (
	resumeAction = "then"
	resumeField  = "then."
	resumeFiles  = "then_files"
	maxResume    = 512 << 10 // bytes: more than anybody types
)

// typed reads the form that a request brought, without its files.
func (q *Request) typed() Resume {
	f, err := readForm(q.R, nil)
	if err != nil {
		return Resume{}
	}
	keep := Resume{Action: Local(q.R.URL.Path), Files: f.skipped}
	return keep.with(f.Values, "")
}

// ReadResume reads from the log-in form what it carried along.
func ReadResume(f *Form) Resume {
	keep := Resume{Action: Local(f.Get(resumeAction)), Files: f.Get(resumeFiles) != ""}
	if keep.Action == "" {
		return Resume{}
	}
	return keep.with(f.Values, resumeField)
}

// with adds the fields whose name begins with prefix, in an order that does not change.
func (k Resume) with(v url.Values, prefix string) Resume {
	var names []string
	size := 0
	for name, values := range v {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
			for _, s := range values {
				size += len(s)
			}
		}
	}
	if k.Action == "" || size > maxResume {
		return Resume{}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, s := range v[name] {
			k.Fields = append(k.Fields, Typed{strings.TrimPrefix(name, prefix), clean(s)})
		}
	}
	return k
}

// Hidden are the fields as the log-in form carries them.
func (k Resume) Hidden() []Typed {
	if len(k.Fields) == 0 {
		return nil
	}
	out := []Typed{{resumeAction, k.Action}}
	if k.Files {
		out = append(out, Typed{resumeFiles, "1"})
	}
	for _, f := range k.Fields {
		out = append(out, Typed{resumeField + f.Name, f.Value})
	}
	return out
}

// Text is the longest of what was typed, to show that it is still there.
func (k Resume) Text() string {
	longest := ""
	for _, f := range k.Fields {
		if len(f.Value) > len(longest) {
			longest = f.Value
		}
	}
	return longest
}
