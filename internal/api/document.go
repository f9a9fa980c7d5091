package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"insegel/internal/fault"
)

// document is the OpenAPI document before any call is in it, and how the library is set: JSON only, nothing unknown accepted, no
// pages and no schemas of its own.
func (s *server) document() huma.Config {
	doc := &huma.OpenAPI{OpenAPI: "3.1.0", Info: &huma.Info{Title: "Insegel", Version: "1",
		Description: "Cases, messages, files and quarantine of one tenant, which the host name chooses. It may grow; what stands here keeps its name and meaning."},
		Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "insegel token create"}}}}
	return huma.Config{OpenAPI: doc, DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
		Formats:      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		Transformers: []huma.Transformer{s.rephrase}}
}

// describe says in the document what the types do not: numbers in paths, downloads, and problems.
func (s *server) describe(r *route) {
	for i, p := range r.op.Parameters {
		if p.In == "path" && p.Name == "number" {
			q := *p
			q.Schema = &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: number(1)}
			r.op.Parameters[i] = &q
		}
	}
	if strings.HasSuffix(r.id, "_file") || strings.HasSuffix(r.id, "_original") || strings.HasSuffix(r.id, "_raw") {
		r.op.Responses["200"] = &huma.Response{Description: "The bytes", Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	}
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflectProblem(), true, "Problem")
	r.op.Responses["default"] = &huma.Response{Description: "Problem (RFC 9457)", Content: map[string]*huma.MediaType{problemType: {Schema: schema}}}
}

// documents serves the document, and the page made of it.
func (s *server) documents() {
	doc := s.huma.OpenAPI()
	all := doc.Components.Schemas.Map()
	delete(all, "ErrorModel") // the library's own; ours is Problem
	delete(all, "ErrorDetail")
	b, err := json.Marshal(doc)
	if err != nil {
		panic("api: " + err.Error()) // of types that are fixed when the program is built
	}
	s.mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		_, _ = w.Write(b)
	})
	s.mux.HandleFunc("GET /api/docs", s.docsPage())
}

// nothing answers for paths that are none, and for methods that a path does not have.
func (s *server) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch} {
		other := r.Clone(r.Context())
		other.Method = m
		if _, pattern := s.mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		s.refuse(w, r, fault.New(fault.NotFound, "fault.not_found"))
		return
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.refuse(w, r, fault.New(fault.NotAllowed, "fault.api.method"))
}
