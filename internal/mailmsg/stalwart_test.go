package mailmsg

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type stalwartMessage struct {
	TextBody    []int `json:"text_body"`
	HTMLBody    []int `json:"html_body"`
	Attachments []int `json:"attachments"`
	Parts       []struct {
		Headers []struct {
			Name  any             `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"headers"`
		Body json.RawMessage `json:"body"`
	} `json:"parts"`
}

type stalwartAddresses struct {
	List  []stalwartAddress
	Group []struct {
		Addresses []stalwartAddress `json:"addresses"`
	}
}

type stalwartAddress struct {
	Name    *string `json:"name"`
	Address *string `json:"address"`
}

func (s stalwartAddresses) flat() []Address {
	list := s.List
	for _, g := range s.Group {
		list = append(list, g.Addresses...)
	}
	var out []Address
	for _, a := range list {
		var b Address
		if a.Name != nil {
			b.Name = *a.Name
		}
		if a.Address != nil {
			b.Mail = *a.Address
		}
		out = append(out, b)
	}
	return out
}

type stalwartDate struct {
	Year, Month, Day, Hour, Minute, Second int
	TZBefore                               bool `json:"tz_before_gmt"`
	TZHour                                 int  `json:"tz_hour"`
	TZMinute                               int  `json:"tz_minute"`
}

func (d stalwartDate) time() time.Time {
	off := d.TZHour*3600 + d.TZMinute*60
	if d.TZBefore {
		off = -off
	}
	return time.Date(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, 0, time.FixedZone("", off))
}

// sameMails compares who is meant; names are compared with blanks squashed.
func sameMails(have, want []Address) bool {
	if len(have) != len(want) {
		return false
	}
	for i := range have {
		if !strings.EqualFold(squash(have[i].Mail), squash(want[i].Mail)) {
			return false
		}
	}
	return true
}

func TestStalwartMessages(t *testing.T) {
	dir := corpus(t, "stalwart")
	files, _ := filepath.Glob(filepath.Join(dir, "eml", "*", "*.eml"))
	score := map[string][2]int{}
	count := func(what string, ok bool) {
		s := score[what]
		s[1]++
		if ok {
			s[0]++
		}
		score[what] = s
	}
	for _, f := range files {
		b, err := os.ReadFile(strings.TrimSuffix(f, ".eml") + ".json")
		if err != nil {
			continue
		}
		var want stalwartMessage
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(filepath.Dir(f)) + "/" + filepath.Base(f)
		m, err := Parse(readFile(t, f), Limits{})
		count("read", err == nil)
		if err != nil {
			t.Logf("%s: %v", base, err)
			continue
		}
		check := func(what string, ok bool, have, want any) {
			count(what, ok)
			if !ok {
				t.Logf("%s %s: %q want %q", base, what, have, want)
			}
		}
		for _, h := range want.Parts[0].Headers {
			name, _ := h.Name.(string)
			var v struct {
				Text     *string
				Address  *stalwartAddresses
				DateTime *stalwartDate
			}
			if json.Unmarshal(h.Value, &v) != nil {
				continue
			}
			switch {
			case name == "subject" && v.Text != nil:
				check("subject", squash(m.Subject) == squash(*v.Text), m.Subject, *v.Text)
			case name == "message_id" && v.Text != nil:
				check("id", m.MessageID == *v.Text, m.MessageID, *v.Text)
			case name == "from" && v.Address != nil:
				check("from", sameMails(m.From, v.Address.flat()), m.From, v.Address.flat())
			case name == "to" && v.Address != nil:
				check("to", sameMails(m.To, v.Address.flat()), m.To, v.Address.flat())
			case name == "date" && v.DateTime != nil:
				check("date", m.Date.Equal(v.DateTime.time()), m.Date, v.DateTime.time())
			}
		}
		text, body := strings.Builder{}, true
		for _, i := range want.TextBody {
			var v struct{ Text *string }
			if json.Unmarshal(want.Parts[i].Body, &v) != nil || v.Text == nil {
				body = false
				break
			}
			text.WriteString(*v.Text)
			text.WriteByte('\n')
		}
		if body && len(want.TextBody) > 0 {
			check("text", squash(m.Text) == squash(text.String()), cut(squash(m.Text)), cut(squash(text.String())))
		}
		for _, i := range want.Attachments {
			var v struct {
				Binary       []int
				InlineBinary []int
			}
			if json.Unmarshal(want.Parts[i].Body, &v) != nil || len(v.Binary)+len(v.InlineBinary) == 0 {
				continue
			}
			var content []byte
			for _, c := range append(v.Binary, v.InlineBinary...) {
				content = append(content, byte(c))
			}
			found := false
			for _, a := range m.Attachments {
				found = found || bytes.Equal(a.Content, content)
			}
			check("attachment", found, names(m), len(content))
		}
	}
	// The five missing subjects are raw bytes, which the corpus leaves undecoded and we read.
	for what, least := range map[string]int{"read": 107, "subject": 75, "from": 75, "to": 72, "id": 65, "date": 73, "text": 63, "attachment": 75} {
		floor(t, "stalwart "+what, score[what][0], score[what][1], least)
	}
}

func cut(s string) string { return s[:min(len(s), 200)] }

func TestStalwartHeaders(t *testing.T) {
	dir := corpus(t, "stalwart")
	load := func(name string, into any) {
		if err := json.Unmarshal(readFile(t, filepath.Join(dir, name)), into); err != nil {
			t.Fatal(err)
		}
	}
	var texts []struct{ Header, Expected string }
	load("unstructured.json", &texts)
	ok := 0
	for _, c := range texts {
		m, err := Parse([]byte("Subject:"+c.Header), Limits{})
		if err != nil && c.Expected == "" {
			ok++
			continue
		}
		if err == nil && squash(m.Subject) == squash(c.Expected) {
			ok++
			continue
		}
		t.Logf("subject %q: %+v want %q", c.Header, m, c.Expected)
	}
	floor(t, "stalwart header unstructured", ok, len(texts), 27)

	var addrs []struct {
		Header   string
		Expected stalwartAddresses
	}
	load("address.json", &addrs)
	ok = 0
	for _, c := range addrs {
		m, err := Parse([]byte("To: "+c.Header), Limits{})
		if err == nil && sameMails(m.To, c.Expected.flat()) {
			ok++
			continue
		}
		if m == nil {
			m = &Message{}
		}
		t.Logf("address %q: %q want %q", c.Header, m.To, c.Expected.flat())
	}
	floor(t, "stalwart header addresses", ok, len(addrs), 49)

	var dates []struct {
		Header   string
		Expected *stalwartDate
	}
	load("date.json", &dates)
	ok = 0
	for _, c := range dates {
		m, _ := Parse([]byte("Date: "+c.Header), Limits{})
		if m != nil && c.Expected != nil && m.Date.Equal(c.Expected.time()) || c.Expected == nil {
			ok++
			continue
		}
		t.Logf("date %q: %+v want %+v", c.Header, m.Date, c.Expected.time())
	}
	floor(t, "stalwart header dates", ok, len(dates), 35)

	var ids []struct {
		Header   string
		Expected []string
	}
	load("id.json", &ids)
	ok = 0
	for _, c := range ids {
		m, err := Parse([]byte("References: "+c.Header), Limits{})
		if err == nil && strings.Join(m.References, " ") == strings.Join(c.Expected, " ") || err != nil && len(c.Expected) == 0 {
			ok++
			continue
		}
		t.Logf("ids %q: %q want %q", c.Header, m.References, c.Expected)
	}
	floor(t, "stalwart header ids", ok, len(ids), 10)

	var types []struct {
		Header   string
		Expected *struct {
			CType      string  `json:"c_type"`
			CSubtype   *string `json:"c_subtype"`
			Attributes json.RawMessage
		}
	}
	load("content_type.json", &types)
	ok = 0
	for _, c := range types {
		if c.Expected == nil {
			continue
		}
		p := &parser{m: &Message{}, lim: DefaultLimits()}
		fields, _, _ := p.splitHeader([]byte("Content-Type: " + c.Header))
		v, params := p.m.readParams(fields[0].value, "")
		want := c.Expected.CType
		if c.Expected.CSubtype != nil {
			want += "/" + *c.Expected.CSubtype
		}
		good := strings.EqualFold(v, want)
		var attrs []struct{ Name, Value string }
		_ = json.Unmarshal(c.Expected.Attributes, &attrs) // some hold pairs of another form
		for _, a := range attrs {
			good = good && (squash(params[a.Name]) == squash(a.Value) || strings.HasSuffix(a.Name, "-language") || strings.HasSuffix(a.Name, "-charset"))
		}
		if good {
			ok++
			continue
		}
		t.Logf("type %q: %q %q want %q %q", c.Header, v, params, want, attrs)
	}
	floor(t, "stalwart header types", ok, len(types), 82)
}
