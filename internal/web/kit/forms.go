package kit

import "strings"

// Field is one question of a form. Label, Description and Error are in the reader's language.
type Field struct {
	Name         string
	Label        string
	Description  string
	Error        string
	Value        string
	Type         string // text where empty
	Required     bool
	Autocomplete string // WCAG 1.3.5; empty leaves it to the browser
	Rows         int
	Max          int // longest text in characters; 0 is no limit here
	Options      []Option
	Many         bool // a file field that takes several
	Focus        bool // the cursor stands here when the page opens
	ReadOnly     bool
	Plain        bool // no word on whether it must be filled: a filter, or a select that always has a value
}

// Option is a choice of a select or of radio buttons.
type Option struct {
	Value string
	Label string
}

// Choose gives the label of the option with that value, or the value itself.
func Choose(options []Option, value string) string {
	for _, o := range options {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}

// FieldError is a line of the error summary. Name is the field's, or empty where it is about the whole.
type FieldError struct {
	Name string
	Text string
}

// Errors are the faults of a form, in the order of its fields.
type Errors []FieldError

// Of gives what is wrong with one field.
func (e Errors) Of(name string) string {
	for _, f := range e {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

func (f Field) id() string { return "f-" + f.Name }

func (f Field) kind() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

// describedBy names what a screen reader says after the label; nothing where there is nothing to say.
func (f Field) describedBy() string {
	var ids []string
	if f.Description != "" {
		ids = append(ids, f.id()+"-d")
	}
	if f.Error != "" {
		ids = append(ids, f.id()+"-e")
	}
	return strings.Join(ids, " ")
}
