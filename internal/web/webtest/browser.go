package webtest

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Browser is somebody's, with cookies and no script. It is on this machine, so an open line will do.
type Browser struct {
	s       *Site
	Host    string
	Cookies map[string]string
}

// Browser opens a new one at a tenant's host. It speaks English, whatever the account does.
func (s *Site) Browser(slug string) *Browser {
	return &Browser{s: s, Host: slug + ".localhost:8080", Cookies: map[string]string{"insegel-lang": "en"}}
}

// Answer is what came back.
type Answer struct {
	*httptest.ResponseRecorder
	Text string
}

// Do sends a request and keeps the cookies that come back.
func (b *Browser) Do(r *http.Request) Answer {
	r.Host = b.Host
	if r.RemoteAddr == "192.0.2.1:1234" { // httptest's
		r.RemoteAddr = "127.0.0.1:40000"
	}
	for name, value := range b.Cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.s.Handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.Cookies, c.Name)
		} else {
			b.Cookies[c.Name] = c.Value
		}
	}
	return Answer{w, w.Body.String()}
}

// Get asks for a page that shall answer with a status.
func (b *Browser) Get(path string, status int) Answer {
	b.s.t.Helper()
	return b.want("GET "+path, status, b.Do(httptest.NewRequest(http.MethodGet, path, nil)))
}

// Post sends a form.
func (b *Browser) Post(path string, form url.Values, status int) Answer {
	b.s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.want("POST "+path, status, b.Do(r))
}

// File is one that a form sends.
type File struct {
	Name string
	Body []byte
}

// Send sends a form with files.
func (b *Browser) Send(path string, form url.Values, status int, files ...File) Answer {
	b.s.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, values := range form {
		for _, v := range values {
			b.s.ok(m.WriteField(name, v))
		}
	}
	for _, f := range files {
		part, err := m.CreateFormFile("files", f.Name)
		b.s.ok(err)
		_, err = io.Copy(part, bytes.NewReader(f.Body))
		b.s.ok(err)
	}
	b.s.ok(m.Close())
	r := httptest.NewRequest(http.MethodPost, path, &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return b.want("POST "+path, status, b.Do(r))
}

func (b *Browser) want(what string, status int, a Answer) Answer {
	b.s.t.Helper()
	if a.Code != status {
		b.s.t.Fatalf("%s: %d, want %d\n%.2000s", what, a.Code, status, a.Text)
	}
	return a
}

// Form reads what a page's form would send as it stands: the first whose action is this path.
func (a Answer) Form(action string) url.Values {
	v := url.Values{}
	doc, err := html.Parse(strings.NewReader(a.Text))
	if err != nil {
		return v
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" || attr(n, "action") != action {
			continue
		}
		for f := range n.Descendants() {
			field(v, f)
		}
		return v
	}
	return v
}

func field(v url.Values, n *html.Node) {
	name := attr(n, "name")
	switch {
	case n.Type != html.ElementNode || name == "":
	case n.Data == "input" && attr(n, "type") != "file" && (attr(n, "type") != "radio" || has(n, "checked")):
		v.Add(name, attr(n, "value"))
	case n.Data == "textarea":
		text := ""
		if n.FirstChild != nil {
			text = n.FirstChild.Data
		}
		v.Add(name, text)
	case n.Data == "select":
		chosen := ""
		for o := range n.Descendants() {
			if o.Data == "option" && has(o, "selected") {
				chosen = attr(o, "value")
			}
		}
		v.Add(name, chosen)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
