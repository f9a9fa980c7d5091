package mailmsg

import "strings"

// SplitReply parts what is new in a reply from what it quotes, for sv, no, da, fi, en, de and some other
// clients. In doubt text is new: quoted text is folded away on the page, and what a person wrote must not
// be. A letter that is nothing but a quotation (a forward) is all new.
func SplitReply(text string) (fresh, quoted string) {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if len(lines) > 20000 {
		return text, ""
	}
	t := &trimmer{lines: lines, gone: make([]bool, len(lines))}
	t.run()
	var n, q []string
	for i, l := range lines {
		if t.gone[i] {
			q = append(q, l)
		} else {
			n = append(n, l)
		}
	}
	fresh = strings.TrimSpace(strings.Join(n, "\n"))
	if fresh == "" {
		return strings.TrimSpace(text), ""
	}
	return strings.TrimRight(fresh, " \n"), strings.Trim(strings.Join(q, "\n"), "\n")
}

type trimmer struct {
	lines []string
	gone  []bool
}

func (t *trimmer) run() {
	at, end, whole := t.firstMark()
	switch {
	case at < 0:
		t.tailQuotes(0, false)
	case whole && t.text(0, at):
		t.take(t.ruleAbove(at), len(t.lines))
	case t.text(0, at):
		t.answerAbove(at, end)
	default:
		t.answerBelow(at, end)
	}
	t.signature()
	t.rules()
}

// answerAbove: "On … wrote:" stands below new text. Usually all that follows is quoted; but where quotes
// and words alternate, the words are an answer within.
func (t *trimmer) answerAbove(at, end int) {
	quotes := 0
	for _, l := range t.lines[end:] {
		if quoteLine(l) {
			quotes++
		}
	}
	if quotes == 0 {
		t.take(at, len(t.lines))
		return
	}
	t.take(at, end)
	t.tailQuotes(end, true)
}

// answerBelow: the quotation comes first. What is not marked as quoted is new.
func (t *trimmer) answerBelow(at, end int) {
	t.take(at, end)
	for i := end; i < len(t.lines); i++ {
		if quoteLine(t.lines[i]) {
			t.gone[i] = true
		}
	}
}

// tailQuotes takes the quotes from line from on, if no words stand between them: quotes between words
// are what the words are about, and stay. So do quotes that nobody announced, unless they end the text.
func (t *trimmer) tailQuotes(from int, announced bool) {
	first, last := -1, -1
	for i := from; i < len(t.lines); i++ {
		if quoteLine(t.lines[i]) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return
	}
	for i := first; i <= last; i++ {
		if !quoteLine(t.lines[i]) && strings.TrimSpace(t.lines[i]) != "" && !wrapped(t.lines, i) {
			return
		}
	}
	if t.text(0, first) && (announced || !t.text(last+1, len(t.lines))) {
		t.take(first, last+1)
	}
}

// wrapped tells a line that fell out of a quote because a program broke it: short, between quotes.
func wrapped(lines []string, i int) bool {
	return i > 0 && i+1 < len(lines) && quoteLine(lines[i-1]) && quoteLine(lines[i+1]) && len(lines[i]) < 40 && len(lines[i-1]) > 60
}

func (t *trimmer) take(from, to int) {
	for i := from; i < to && i < len(t.gone); i++ {
		t.gone[i] = true
	}
}

// text tells whether words that stay stand between two lines.
func (t *trimmer) text(from, to int) bool {
	for i := from; i < to && i < len(t.lines); i++ {
		if !t.gone[i] && !quoteLine(t.lines[i]) && !ruleLine(t.lines[i]) && strings.TrimSpace(t.lines[i]) != "" {
			return true
		}
	}
	return false
}

// ruleAbove includes the line that a program draws above the header it quotes.
func (t *trimmer) ruleAbove(at int) int {
	i := at - 1
	for i > 0 && strings.TrimSpace(t.lines[i]) == "" {
		i--
	}
	if i > 0 && ruleLine(t.lines[i]) {
		return i
	}
	return at
}

// signature folds away what follows the "-- " of a signature (RFC 3676 4.3), if it is short.
func (t *trimmer) signature() {
	words := false
	for i, l := range t.lines {
		words = words || t.text(i, i+1)
		if t.gone[i] || strings.TrimRight(l, " ") != "--" || !words {
			continue
		}
		kept := 0
		for j := i + 1; j < len(t.lines); j++ {
			if !t.gone[j] && strings.TrimSpace(t.lines[j]) != "" {
				kept++
			}
		}
		if kept <= 12 {
			t.take(i, len(t.lines))
		}
		return
	}
}

// rules takes lines off the end that say nothing.
func (t *trimmer) rules() {
	for i := len(t.lines) - 1; i > 0; i-- {
		s := strings.TrimSpace(t.lines[i])
		if t.gone[i] || s == "" {
			continue
		}
		if !ruleLine(s) && s != "ᐧ" {
			return
		}
		t.gone[i] = true
	}
}

func quoteLine(l string) bool {
	s := strings.TrimLeft(l, " \t")
	if strings.HasPrefix(s, ">") {
		return true
	}
	// "JD> words": initials before the mark.
	i := strings.IndexByte(s, '>')
	return i > 0 && i <= 12 && isWord(s[:i]) && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '>')
}

func isWord(s string) bool {
	for _, c := range []byte(s) {
		if !isLetter(c) {
			return false
		}
	}
	return true
}

func ruleLine(l string) bool {
	s := strings.TrimSpace(l)
	return len(s) >= 2 && (strings.Trim(s, "-_=*~#+") == "" || strings.Trim(s, "—–─") == "")
}
