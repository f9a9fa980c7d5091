package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/lang"
)

//go:embed docs.html docs.css
var files embed.FS

func reflectProblem() reflect.Type { return reflect.TypeFor[Problem]() }

// page is what the page of calls shows.
type page struct {
	Lang  lang.Lang
	Style template.CSS
	Calls []shownCall
}

// T says a text of the page.
func (p page) T(key string) string { return p.Lang.T("api.docs." + key) }

type shownCall struct {
	ID, Method, Path, Summary string
	Scopes                    []string
	Parameters                []shownField
	Fields                    []shownField
}

type shownField struct {
	Name, Where, Type, Doc string
	Required               bool
}

// docsPage serves the list of calls, made once a language of the OpenAPI document. It has no script, and its one style is named by
// digest.
func (s *server) docsPage() http.HandlerFunc {
	css, err := files.ReadFile("docs.css")
	t, err2 := template.ParseFS(files, "docs.html")
	if err != nil || err2 != nil {
		panic("api: the page of calls is not in the program") // embedded: a defect of the build
	}
	sum := sha256.Sum256(css)
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	pages := map[lang.Lang][]byte{}
	for _, l := range lang.All() {
		var b bytes.Buffer
		if err := t.Execute(&b, page{Lang: l, Style: template.CSS(css), Calls: s.shown(l)}); err != nil { // #nosec G203 -- our own file
			panic("api: " + err.Error())
		}
		pages[l] = b.Bytes()
	}
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		tellLanguage(h, r)
		_, _ = w.Write(pages[language(r)])
	}
}

func (s *server) shown(l lang.Lang) []shownCall {
	all := make([]shownCall, 0, len(s.routes))
	for _, r := range s.routes {
		c := shownCall{ID: r.id, Method: r.method, Path: r.path, Summary: l.T("api.op." + r.id)}
		for _, a := range r.actions {
			c.Scopes = append(c.Scopes, a.Name())
		}
		for _, p := range r.op.Parameters {
			c.Parameters = append(c.Parameters, shownField{Name: p.Name, Where: p.In, Type: typeOf(p.Schema), Doc: docOf(p.Description, p.Schema), Required: p.Required})
		}
		if b := r.op.RequestBody; b != nil {
			c.Fields = s.fields(b.Content["application/json"].Schema, "", 0)
		}
		all = append(all, c)
	}
	return all
}

// deepest bounds how deep the fields of a body are shown.
const deepest = 3

func (s *server) fields(schema *huma.Schema, prefix string, depth int) []shownField {
	schema = s.resolved(schema)
	var all []shownField
	if schema == nil || depth == deepest {
		return all
	}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := s.resolved(schema.Properties[name])
		all = append(all, shownField{Name: prefix + name, Type: typeOf(f), Doc: docOf(schema.Properties[name].Description, f), Required: slices.Contains(schema.Required, name)})
		inner, more := f, prefix+name+"."
		if f.Items != nil {
			inner, more = f.Items, prefix+name+"[]."
		}
		all = append(all, s.fields(inner, more, depth+1)...)
	}
	return all
}

func (s *server) resolved(schema *huma.Schema) *huma.Schema {
	if schema != nil && schema.Ref != "" {
		return s.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

func typeOf(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	var enum []string
	for _, e := range s.Enum {
		if text, ok := e.(string); ok {
			enum = append(enum, text)
		}
	}
	if len(enum) > 0 {
		return strings.Join(enum, " | ")
	}
	return s.Type
}

func docOf(said string, s *huma.Schema) string {
	if said == "" && s != nil {
		return s.Description
	}
	return said
}
