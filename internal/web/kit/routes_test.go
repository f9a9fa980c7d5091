package kit

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"insegel/internal/access"
	"insegel/internal/fault"
	"insegel/internal/visit"
)

// A route that says something else than its action is a defect, told when the program starts.
func TestRoutesFitTheirActions(t *testing.T) {
	nothing := func(*Request) error { return nil }
	for name, mount := range map[string]func(Routes){
		"no action":                func(r Routes) { r.Get("/a", access.Action{}, nothing) },
		"public action, closed":    func(r Routes) { r.Post("/a", access.Login, nothing) },
		"closed action, public":    func(r Routes) { r.Public(http.MethodGet, "/a", access.ReadCase, nothing) },
		"closed besides, public":   func(r Routes) { r.Public(http.MethodGet, "/a", access.ShowLink, nothing, access.ReadCase) },
		"the same path once again": func(r Routes) { r.Get("/a", access.ReadCase, nothing); r.Get("/a", access.ListCases, nothing) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: mounted", name)
				}
			}()
			mount(NewDesk(Config{}).Routes())
		}()
	}
	d := NewDesk(Config{})
	d.Routes().Upload("/cases", access.CreateCase, nothing)
	if table := d.Table(); len(table) != 1 || table[0].Method != http.MethodPost || table[0].Action.Name() != "case.create" || table[0].Public {
		t.Errorf("%+v", table)
	}
}

func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/cases", "/cases?a=b#c", "//evil", "/\\evil", "/\tx", "https://evil/", "/%2f/evil", "/%5cevil", "/a b", "", "/\u2028", "/..//evil"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := Local(path)
		if got == "" {
			return
		}
		base, _ := url.Parse("https://acme.example/login")
		u, err := base.Parse(got)
		if err != nil || u.Host != "acme.example" || u.Scheme != "https" || strings.ContainsAny(got, "\\\r\n\t") || strings.HasPrefix(got, "//") {
			t.Errorf("%q leads to %v", path, u)
		}
	})
}

func TestWhereFrom(t *testing.T) {
	p := Proxies{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("2001:db8::/64")}
	for _, c := range []struct {
		peer, headers, want string
		secure, local       bool
	}{
		{"127.0.0.1:5", "", "127.0.0.1", false, true},
		{"[::ffff:127.0.0.1]:5", "", "127.0.0.1", false, true},
		{"198.51.100.1:5", "X-Forwarded-For: 203.0.113.1", "198.51.100.1", false, false},
		{"10.0.0.1:5", "X-Forwarded-For: 203.0.113.1|X-Forwarded-Proto: https", "203.0.113.1", true, false},
		{"10.0.0.1:5", "X-Forwarded-For: 6.6.6.6, 203.0.113.1, 10.0.0.9|X-Forwarded-Proto: https", "203.0.113.1", true, false},
		{"10.0.0.1:5", "X-Forwarded-For: 6.6.6.6|X-Forwarded-For: 203.0.113.1|X-Forwarded-Proto: http, https", "203.0.113.1", true, false},
		{"10.0.0.1:5", "X-Forwarded-For: rubbish, 10.0.0.9|X-Forwarded-Proto: https, http", "10.0.0.9", false, false},
		{"[2001:db8::1]:5", "X-Forwarded-For: 2001:db9::7|X-Forwarded-Proto: HTTPS", "2001:db9::7", true, false},
		{"127.0.0.1:5", "Forwarded: for=203.0.113.1", "127.0.0.1", false, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, h := range strings.Split(c.headers, "|") {
			if name, value, ok := strings.Cut(h, ": "); ok {
				r.Header.Add(name, value)
			}
		}
		if got := p.From(r); got.Address.String() != c.want || got.Secure != c.secure || got.Local != c.local {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\nhej\r\n--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\x00.txt\"\r\n\r\nx\r\n--b--\r\n"))
	f.Add("application/x-www-form-urlencoded", []byte("body=hej%00&state=%ff&then=//x"))
	f.Add("multipart/form-data", []byte("--"))
	f.Add("text/plain", []byte("a=b"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		r := httptest.NewRequest("POST", "/x", bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		form, err := readForm(r, func(p *multipart.Part, left int64) (*visit.Draft, error) {
			return &visit.Draft{Size: min(left, 1)}, nil
		})
		if err != nil && fault.KindOf(err) != fault.Invalid && fault.KindOf(err) != fault.TooLarge {
			t.Fatalf("%v is a fault of ours", err)
		}
		for name := range form.Values {
			if s := form.Text(name) + form.Long(name); strings.ContainsRune(s, 0) || strings.ToValidUTF8(s, "") != s {
				t.Errorf("%q", s)
			}
		}
		for _, h := range ReadResume(form).Hidden() {
			if h.Name == resumeAction && Local(h.Value) == "" {
				t.Errorf("resumes at %q", h.Value)
			}
		}
	})
}

// More than a form may have is refused, or read past, and never taken.
func TestFormsAreBounded(t *testing.T) {
	send := func(write func(*multipart.Writer)) (*Form, error) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		write(m)
		_ = m.Close()
		r := httptest.NewRequest("POST", "/x", &b)
		r.Header.Set("Content-Type", m.FormDataContentType())
		return readForm(r, func(p *multipart.Part, left int64) (*visit.Draft, error) {
			var buf bytes.Buffer
			n, err := buf.ReadFrom(p)
			if err == nil && n > left {
				err = fault.New(fault.TooLarge, "fault.too_large")
			}
			return &visit.Draft{Size: n}, err
		})
	}
	_, err := send(func(m *multipart.Writer) { _ = m.WriteField("body", strings.Repeat("x", maxTyped+1)) })
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("a long text: %v", err)
	}
	_, err = send(func(m *multipart.Writer) {
		for range maxFields + 2 {
			_ = m.WriteField("a", "b")
		}
	})
	if err == nil {
		t.Error("any number of fields")
	}
	f, err := send(func(m *multipart.Writer) {
		w, _ := m.CreateFormFile("files", "big")
		_, _ = w.Write(make([]byte, MaxFiles+1))
		_ = m.WriteField("body", "after it")
	})
	if err != nil || f.TooLarge != "big" || len(f.Files) != 0 || f.Get("body") != "after it" {
		t.Errorf("a large file: %v, %+v", err, f)
	}
	f, err = send(func(m *multipart.Writer) {
		for range maxParts + 5 {
			w, _ := m.CreateFormFile("files", "one")
			_, _ = w.Write([]byte("x"))
		}
	})
	if err != nil || len(f.Files) != maxParts || f.TooLarge == "" {
		t.Errorf("many files: %v, %d", err, len(f.Files))
	}
}
