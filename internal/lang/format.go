package lang

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nbsp keeps a number and its unit, and the groups of a number, on one line.
const nbsp = "\u00a0"

// Date writes a day in full: "20 november 2026". The time is taken in its own zone.
func (l Lang) Date(t time.Time) string {
	return fmt.Sprintf("%s %s %d", l.day(t), l.month(t.Month()), t.Year())
}

// DateTime writes a moment for a table or a log, always with its year: "20 nov 2026 09:12".
func (l Lang) DateTime(t time.Time) string {
	return fmt.Sprintf("%s %s %d %s", l.day(t), l.shortMonth(t.Month()), t.Year(), l.Clock(t))
}

// Clock writes the time of day. Danes put a full stop between hours and minutes.
func (l Lang) Clock(t time.Time) string {
	if l == Da {
		return t.Format("15.04")
	}
	return t.Format("15:04")
}

// Relative writes a moment as somebody who looks at now would say it: "i dag 09:12", "i går 15:02",
// "i morgon 10:00", "20 nov", and "20 nov 2025" for another year. Days are those of now's zone.
func (l Lang) Relative(now, t time.Time) string {
	t = t.In(now.Location())
	switch daysBetween(t, now) {
	case 0:
		return l.T("common.time.today", "clock", l.Clock(t))
	case 1:
		return l.T("common.time.yesterday", "clock", l.Clock(t))
	case -1:
		return l.T("common.time.tomorrow", "clock", l.Clock(t))
	}
	s := l.day(t) + nbsp + l.shortMonth(t.Month())
	if t.Year() != now.Year() {
		s += nbsp + strconv.Itoa(t.Year())
	}
	return s
}

// daysBetween counts calendar days from a to b, whatever the hour and however long summer time made them.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(b).Sub(day(a)).Hours() / 24)
}

// Number groups digits as the language does: 12 345, 12.345, 12,345.
func (l Lang) Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "\u2212", digits[1:]
	}
	sep := nbsp
	switch l {
	case Da:
		sep = "."
	case En:
		sep = ","
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(sep)
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// Bytes writes a size in decimal units (IEC 80000-13: kB is 1,000 bytes): "1,2 MB".
func (l Lang) Bytes(n int64) string {
	if n < 1000 {
		return l.Number(n) + nbsp + "B"
	}
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	v, u := float64(n)/1000, 0
	for v >= 999.95 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	s := strconv.FormatFloat(v, 'f', 1, 64)
	if v >= 99.95 { // three digits say enough
		s = strconv.FormatFloat(v, 'f', 0, 64)
	}
	s = strings.TrimSuffix(s, ".0")
	if l != En {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s + nbsp + units[u]
}

func (l Lang) day(t time.Time) string {
	if l == Da || l == Nb { // an ordinal number has its full stop
		return strconv.Itoa(t.Day()) + "."
	}
	return strconv.Itoa(t.Day())
}

func (l Lang) month(m time.Month) string {
	return nth(l.T("common.time.months"), m)
}

func (l Lang) shortMonth(m time.Month) string {
	return nth(l.T("common.time.months_short"), m)
}

// nth takes the month out of a catalogue entry that lists all twelve.
func nth(list string, m time.Month) string {
	names := strings.Fields(list)
	if int(m) > len(names) {
		return strconv.Itoa(int(m))
	}
	return names[m-1]
}
