package api

import (
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"insegel/internal/lang"
	"insegel/internal/store/storetest"
)

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func TestDocuments(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	a := d.must(200, "GET", "/api/openapi.json", nil, "Authorization", "")
	var doc struct {
		OpenAPI    string                               `json:"openapi"`
		Paths      map[string]map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Paths["/api/v1/cases/{number}"]["patch"]["operationId"] != "change_case" {
		t.Fatalf("%s", a.body)
	}
	for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(a.body), -1) {
		if doc.Components.Schemas[ref[1]] == nil {
			t.Errorf("%s is not in the document", ref[0])
		}
	}
	for path, item := range doc.Paths {
		for method, op := range item {
			b, _ := json.Marshal(op)
			if !strings.Contains(string(b), "#/components/schemas/Problem") || !strings.Contains(string(b), "Scope: `") || strings.Contains(op["summary"].(string), "api.op") {
				t.Errorf("%s %s: %s", method, path, b)
			}
		}
	}
	for _, l := range lang.All() {
		a := d.must(200, "GET", "/api/docs", nil, "Authorization", "", "Accept-Language", string(l))
		page := string(a.body)
		for _, r := range d.api.routes {
			if !strings.Contains(page, r.path) || !strings.Contains(page, r.actions[0].Name()) || !lang.Has("api.op."+r.id) {
				t.Errorf("%s: %s is not on the page", l, r.id)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "api.docs.") || !strings.Contains(page, `lang="`+string(l)+`"`) || !strings.Contains(page, "from.email") {
			t.Errorf("%s: %s", l, page[:500])
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'; style-src 'sha256-") {
			t.Error(csp)
		}
	}
}

func TestEveryFaultOfThisRoomIsSaid(t *testing.T) {
	for key := range statuses {
		if !lang.Has(key) {
			t.Errorf("%s is in no catalogue", key)
		}
	}
	for status, key := range titles {
		if !lang.Has(key) {
			t.Errorf("%d: %s is in no catalogue", status, key)
		}
	}
}

func TestNamesOfFiles(t *testing.T) {
	for name, want := range map[string]string{
		"brev.pdf":             `attachment; filename="brev.pdf"; filename*=UTF-8''brev.pdf`,
		"räkning 1.pdf":        `attachment; filename="r_kning 1.pdf"; filename*=UTF-8''r%C3%A4kning%201.pdf`,
		"../../etc/passwd":     `attachment; filename="_.._etc_passwd"; filename*=UTF-8''_.._etc_passwd`,
		"a\"; filename=b.exe":  `attachment; filename="a__ filename=b.exe"; filename*=UTF-8''a_%3B%20filename%3Db.exe`,
		"x\r\nSet-Cookie: a=b": `attachment; filename="x__Set-Cookie_ a=b"; filename*=UTF-8''x__Set-Cookie_%20a%3Db`,
		"fdp\u202egpj.exe":     `attachment; filename="fdp_gpj.exe"; filename*=UTF-8''fdp_gpj.exe`,
		"":                     `attachment; filename="file"; filename*=UTF-8''file`,
		" . ":                  `attachment; filename="file"; filename*=UTF-8''file`,
	} {
		if got := attachment(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
	for declared, want := range map[string]string{"image/PNG": "image/png", "text/plain; charset=latin1": "text/plain; charset=utf-8",
		"image/svg+xml": "application/octet-stream", "text/html": "application/octet-stream", "": "application/octet-stream", "x\r\ny": "application/octet-stream"} {
		if got := harmless(declared); got != want {
			t.Errorf("%q: %s", declared, got)
		}
	}
}
