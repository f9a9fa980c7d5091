package mailmsg

import (
	"net/mail"
	"strconv"
	"strings"
	"time"
)

func (m *Message) readDate(root *part) {
	v := clean(string(root.get("date")))
	if v == "" {
		return
	}
	t, ok := ParseDate(v)
	if !ok {
		m.problem("date_broken")
		return
	}
	m.Date, m.DateOK = t, true
}

// ParseDate reads a date of RFC 5322, of RFC 822 and of those who read neither. ok is false where it is
// none, or outside 1970 to 9999.
func ParseDate(s string) (time.Time, bool) {
	if len(s) > 200 {
		return time.Time{}, false
	}
	t, err := mail.ParseDate(s)
	// The library knows no zone by name: EST would be UTC to it.
	if zone, off := t.Zone(); err != nil || off == 0 && zone != "" && zone != "UTC" && zone != "GMT" {
		var ok bool
		if t, ok = looseDate(s); !ok {
			return time.Time{}, false
		}
	}
	if y := t.Year(); y < 1970 || y > 9999 {
		return time.Time{}, false
	}
	return t, true
}

// looseDate picks day, month, year, clock and zone out of the words, wherever they stand.
func looseDate(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, strings.TrimSpace(s)); err == nil {
		return t, true
	}
	if i := strings.LastIndexByte(s, ';'); i >= 0 { // the date of a Received field
		s = s[i+1:]
	}
	s = stripComments(s)
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '-' && strings.Count(s, "-") >= 2 })
	if len(words) > 20 {
		return time.Time{}, false
	}
	d := looseParts{zone: time.UTC}
	for _, w := range words {
		d.take(w)
	}
	if d.day == 0 || d.month == 0 || !d.hasYear {
		return time.Time{}, false
	}
	t := time.Date(d.year, d.month, d.day, d.clock[0], d.clock[1], d.clock[2], 0, d.zone)
	return t, t.Day() == d.day
}

type looseParts struct {
	year, day int
	month     time.Month
	hasYear   bool
	clock     [3]int
	hasClock  bool
	zone      *time.Location
}

func (d *looseParts) take(w string) {
	if strings.Count(w, ":") >= 1 && w[0] != '+' && w[0] != '-' {
		d.takeClock(w)
		return
	}
	if n, err := strconv.Atoi(w); err == nil && w[0] != '+' && w[0] != '-' {
		d.takeNumber(n, len(w))
		return
	}
	if m := monthOf(w); m > 0 && d.month == 0 {
		d.month = m
		return
	}
	if d.hasClock {
		d.takeZone(w)
	}
}

func (d *looseParts) takeNumber(n, digits int) {
	switch {
	case d.day == 0 && digits <= 2 && n >= 1 && n <= 31:
		d.day = n
	case d.month == 0 && digits <= 2 && d.hasYear && n >= 1 && n <= 12:
		d.month = time.Month(n)
	case !d.hasYear && (digits >= 2 && digits <= 4):
		d.hasYear = true
		// RFC 5322 4.3: two and three digits.
		switch {
		case digits == 2 && n < 50:
			n += 2000
		case digits <= 3:
			n += 1900
		}
		d.year = n
	}
}

func (d *looseParts) takeClock(w string) {
	if d.hasClock {
		return
	}
	for i, p := range strings.SplitN(w, ":", 4) {
		if i > 2 {
			break
		}
		p, _, _ = strings.Cut(p, ".")
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || i == 0 && n > 24 || n > 60 {
			return
		}
		d.clock[i] = n
	}
	d.hasClock = true
}

func (d *looseParts) takeZone(w string) {
	switch strings.ToUpper(w) {
	case "EST5EDT":
		d.zone = time.FixedZone("EST", -5*3600)
	case "EST", "CDT":
		d.zone = time.FixedZone(w, -5*3600)
	case "EDT":
		d.zone = time.FixedZone(w, -4*3600)
	case "CST", "MDT":
		d.zone = time.FixedZone(w, -6*3600)
	case "MST", "PDT":
		d.zone = time.FixedZone(w, -7*3600)
	case "PST":
		d.zone = time.FixedZone(w, -8*3600)
	case "CET", "MEZ":
		d.zone = time.FixedZone(w, 3600)
	case "CEST", "MESZ", "EET":
		d.zone = time.FixedZone(w, 2*3600)
	}
	sign := 1
	switch {
	case w[0] == '-':
		sign = -1
	case w[0] != '+':
		return
	}
	n, err := strconv.Atoi(strings.ReplaceAll(w[1:], ":", ""))
	if err != nil || n < 0 || n > 2400 {
		return
	}
	if n < 25 && len(w) <= 3 {
		n *= 100
	}
	d.zone = time.FixedZone("", sign*(n/100*3600+n%100*60))
}

func monthOf(w string) time.Month {
	if len(w) < 3 {
		return 0
	}
	switch strings.ToLower(w[:3]) {
	case "jan":
		return 1
	case "feb":
		return 2
	case "mar", "mär":
		return 3
	case "apr":
		return 4
	case "may", "maj", "mai":
		return 5
	case "jun":
		return 6
	case "jul":
		return 7
	case "aug":
		return 8
	case "sep":
		return 9
	case "oct", "okt":
		return 10
	case "nov":
		return 11
	case "dec", "dez", "des":
		return 12
	}
	return 0
}
