package mailmsg

import (
	"bytes"
	"strings"
)

// part is a node of the MIME tree. A message/rfc822 is a leaf: what is within is another letter.
type part struct {
	fields   []field
	ctype    string // never empty
	declared bool
	params   map[string]string
	disp     string
	dparams  map[string]string
	cte      string
	body     []byte // as written; empty in a multipart whose parts were found
	children []*part
}

func (p *part) get(key string) []byte {
	for _, f := range p.fields {
		if f.key == key && len(f.value) > 0 {
			return f.value
		}
	}
	return nil
}

func (p *part) multipart() bool { return strings.HasPrefix(p.ctype, "multipart/") }

func (p *part) filename() string {
	for _, s := range []string{p.dparams["filename"], p.dparams["name"], p.params["name"], p.params["filename"]} {
		if s != "" {
			return s
		}
	}
	return ""
}

// bodyCharset is the charset of the first text that declares one: raw bytes in the header are mostly
// written in it too.
func (p *part) bodyCharset() string {
	if cs := p.params["charset"]; cs != "" {
		return cs
	}
	for _, c := range p.children {
		if cs := c.bodyCharset(); cs != "" {
			return cs
		}
	}
	return ""
}

func (p *parser) tree(raw []byte, depth int, deflt string) (*part, error) {
	if depth > p.lim.Depth {
		return nil, &LimitError{"depth", p.lim.Depth}
	}
	if p.parts++; p.parts > p.lim.Parts {
		return nil, &LimitError{"parts", p.lim.Parts}
	}
	n := &part{}
	var err error
	if n.fields, n.body, err = p.splitHeader(raw); err != nil {
		return nil, err
	}
	p.readMeta(n, deflt)
	if !n.multipart() {
		return n, nil
	}
	return n, p.children(n, depth)
}

func (p *parser) readMeta(n *part, deflt string) {
	n.ctype, n.params = p.m.readParams(n.get("content-type"), "")
	n.declared = n.ctype != ""
	switch {
	case n.ctype == "text":
		n.ctype = "text/plain"
	case n.ctype == "multipart":
		n.ctype = "multipart/mixed"
	case n.ctype == "" && n.params["boundary"] != "":
		n.ctype = "multipart/mixed"
	case n.ctype == "":
		n.ctype = deflt
	case !strings.Contains(n.ctype, "/"):
		p.m.problem("type_broken")
		n.ctype = deflt
	}
	n.disp, n.dparams = p.m.readParams(n.get("content-disposition"), n.params["charset"])
	n.cte = transferEncoding(string(n.get("content-transfer-encoding")))
}

func (p *parser) children(n *part, depth int) error {
	deflt := "text/plain"
	if n.ctype == "multipart/digest" { // RFC 2046 5.1.5
		deflt = "message/rfc822"
	}
	body := n.body
	boundary := strings.TrimRight(n.params["boundary"], " \t")
	pieces, preamble, err := p.split(body, boundary)
	if err != nil {
		return err
	}
	if len(pieces) == 0 && n.cte != "" {
		// RFC 2045 6.4 forbids an encoded multipart; it is written nevertheless.
		if body, err = p.decode(n); err != nil {
			return err
		}
		if pieces, preamble, err = p.split(body, boundary); err != nil {
			return err
		}
	}
	if len(pieces) == 0 {
		if found := findBoundary(body); found != "" {
			p.m.problem("boundary_wrong")
			if pieces, preamble, err = p.split(body, found); err != nil {
				return err
			}
		}
	}
	if len(pieces) == 0 {
		// A multipart without parts is a text.
		p.m.problem("boundary_missing")
		n.ctype, n.declared = "text/plain", false
		if looksHTML(body) {
			n.ctype = "text/html"
		}
		return nil
	}
	n.body = nil
	blank := true
	for _, piece := range pieces {
		if len(bytes.TrimSpace(piece)) == 0 {
			continue
		}
		blank = false
		c, err := p.tree(piece, depth+1, deflt)
		if err != nil {
			return err
		}
		n.children = append(n.children, c)
	}
	if blank && len(bytes.TrimSpace(preamble)) > 0 {
		p.m.problem("parts_empty")
		n.children = []*part{{ctype: "text/plain", body: preamble}}
	}
	return nil
}

// split cuts a multipart's body at its boundary lines (RFC 2046 5.1.1). The end line may be missing.
func (p *parser) split(body []byte, boundary string) (pieces [][]byte, preamble []byte, err error) {
	if boundary == "" {
		return nil, nil, nil
	}
	mark := []byte("--" + boundary)
	start, open := 0, false
	for off := 0; off < len(body); {
		i := bytes.Index(body[off:], mark)
		if i < 0 {
			break
		}
		at := off + i
		after := body[at+len(mark):]
		line, rest := cutLine(after)
		last := bytes.HasPrefix(line, []byte("--"))
		if at > 0 && body[at-1] != '\n' || len(bytes.TrimSpace(line)) > 0 && !last {
			off = at + len(mark)
			continue
		}
		if last && !open && len(bytes.TrimSpace(line)) > 2 {
			off = at + len(mark)
			continue
		}
		if open {
			pieces = append(pieces, body[start:trimEnd(body, start, at)])
		} else {
			preamble = body[:at]
		}
		if len(pieces) > p.lim.Parts {
			return nil, nil, &LimitError{"parts", p.lim.Parts}
		}
		open = true
		start = len(body) - len(rest)
		off = start
		if last {
			// What follows the end is nobody's, unless the boundary comes again.
			if !bytes.Contains(rest, mark) {
				return pieces, preamble, nil
			}
			open = false
		}
	}
	if open {
		p.m.problem("boundary_unclosed")
		pieces = append(pieces, body[start:])
	}
	return pieces, preamble, nil
}

// trimEnd takes off the line end that belongs to the boundary line.
func trimEnd(body []byte, start, end int) int {
	if end > start && body[end-1] == '\n' {
		end--
		if end > start && body[end-1] == '\r' {
			end--
		}
	}
	return end
}

// findBoundary finds the line that a multipart uses in place of the one it declared: it begins with two
// hyphens and a header follows.
func findBoundary(body []byte) string {
	b := body
	for range 2000 {
		if len(b) == 0 {
			return ""
		}
		line, rest := cutLine(b)
		t := bytes.TrimRight(line, " \t")
		if len(t) > 3 && len(t) < 200 && bytes.HasPrefix(t, []byte("--")) {
			next, _ := cutLine(rest)
			if name, _, ok := cutField(next); ok && strings.HasPrefix(strings.ToLower(name), "content-") {
				return string(t[2:])
			}
		}
		b = rest
	}
	return ""
}

// decode undoes the transfer encoding, within the bound for the whole message.
func (p *parser) decode(n *part) ([]byte, error) {
	out := n.body
	switch n.cte {
	case "base64":
		if strings.HasPrefix(n.ctype, "text/") && notBase64(n.body) {
			p.m.problem("encoding_wrong")
		} else {
			out = decodeBase64(n.body)
		}
	case "quoted-printable":
		out = decodeQuoted(n.body)
	case "uuencode":
		if _, _, content, _, ok := cutUU(n.body); ok {
			out = content
		}
	}
	return out, p.spend(len(out))
}

func (p *parser) spend(n int) error {
	if p.decoded += n; p.decoded > p.lim.DecodedBytes {
		return &LimitError{"decoded_bytes", p.lim.DecodedBytes}
	}
	return nil
}
