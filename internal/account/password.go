package account

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"insegel/internal/fault"
)

// MaxLength of a password in characters: long enough for any sentence (NIST SP 800-63B-4 3.1.1.2 asks for at least 64).
const MaxLength = 256

// common are passwords that guessing begins with, in our languages. They are words of it: what is made of nothing else is as easy.
//
//go:embed common.txt
var common string

// rules decide which passwords are taken: length, and not easy to guess. No characters are asked for or forbidden, and nothing
// makes anybody change a password at intervals (NIST SP 800-63B-4 3.1.1.2).
type rules struct {
	min   int
	words []string
}

func newRules(minLength int) rules {
	var words []string
	for w := range strings.FieldsSeq(common) {
		if w = fold(w); utf8.RuneCountInString(w) >= 4 { // shorter ones stand in too many other words
			words = append(words, w)
		}
	}
	return rules{min: minLength, words: words}
}

// accept gives the form of a password that is hashed, or says why it is not taken. own are names of the person and the place.
func (r rules) accept(typed string, own []string) (string, error) {
	p, usable := normalise(typed)
	n := utf8.RuneCountInString(p)
	switch {
	case !usable || n > MaxLength:
		return "", fault.New(fault.Invalid, "fault.password.long", "count", MaxLength)
	case n < r.min:
		return "", fault.New(fault.Invalid, "fault.password.short", "count", r.min)
	case !utf8.ValidString(typed):
		return "", fault.New(fault.Invalid, "fault.password.text")
	case r.guessable(p, own):
		return "", fault.New(fault.Invalid, "fault.password.known")
	}
	return p, nil
}

// enough is how many characters must be left when everything easy is taken away: with fewer, what is long is only padding.
const enough = 6

// guessable tells whether a password consists of what guessing tries first: known passwords, names of the person and the place,
// rows of keys, counting, years, repetition.
func (r rules) guessable(p string, own []string) bool {
	text := []rune(fold(p))
	if repeats(text) || distinct(text) < 5 {
		return true
	}
	easy := make([]bool, len(text))
	markRuns(text, easy)
	markDigits(text, easy)
	markEchoes(text, easy)
	for _, w := range r.words {
		markWord(text, easy, []rune(w))
	}
	for _, w := range ownWords(own) {
		markWord(text, easy, []rune(w))
	}
	left := 0
	for i, e := range easy {
		if !e && (unicode.IsLetter(text[i]) || unicode.IsDigit(text[i])) {
			left++
		}
	}
	return left < enough
}

// fold makes letters alike that guessing tries as one: case, accents, and the usual figures for letters.
func fold(s string) string {
	s = norm.NFKD.String(strings.ToLower(s))
	return strings.Map(func(c rune) rune {
		switch c {
		case '@':
			return 'a'
		case '$':
			return 's'
		case 'ø':
			return 'o'
		case 'æ':
			return 'a'
		}
		if unicode.Is(unicode.Mn, c) {
			return -1
		}
		return c
	}, s)
}

// figures are read as letters too: "l0senord" is "losenord".
func figures(c rune) rune {
	switch c {
	case '0':
		return 'o'
	case '1':
		return 'i'
	case '3':
		return 'e'
	case '4':
		return 'a'
	case '5':
		return 's'
	case '7':
		return 't'
	}
	return c
}

// ownWords splits names and addresses into words of three letters or more.
func ownWords(own []string) []string {
	var out []string
	for _, o := range append(own, "insegel") {
		for _, w := range strings.FieldsFunc(fold(o), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if utf8.RuneCountInString(w) >= 3 {
				out = append(out, w)
			}
		}
	}
	return out
}

// markWord marks every place where a word stands, letter by letter or with figures for letters.
func markWord(text []rune, easy []bool, word []rune) {
	for i := 0; i+len(word) <= len(text); i++ {
		if stands(text[i:], word) {
			for j := range word {
				easy[i+j] = true
			}
		}
	}
}

func stands(text, word []rune) bool {
	for j, c := range word {
		if text[j] != c && figures(text[j]) != c {
			return false
		}
	}
	return true
}

// keyRows are neighbours on Nordic and English keyboards, and in the alphabet.
var keyRows = [...]string{"1234567890", "qwertyuiopa", "asdfghjkloa", "zxcvbnm", "abcdefghijklmnopqrstuvwxyzaao", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb"}

// markRuns marks four or more characters in a row that are alike, or neighbours in a row of keys, in either direction.
func markRuns(text []rune, easy []bool) {
	for i := 0; i < len(text); {
		n := runLength(text[i:])
		if n >= 4 {
			for j := range n {
				easy[i+j] = true
			}
			i += n
			continue
		}
		i++
	}
}

func runLength(text []rune) int {
	n := 1
	for n < len(text) && text[n] == text[0] {
		n++
	}
	for _, row := range keyRows {
		n = max(n, along(text, []rune(row)), along(text, backwards(row)))
	}
	return n
}

// along tells how many characters of text follow the row, from wherever in it they begin.
func along(text, row []rune) int {
	longest := 0
	for start := range row {
		n := 0
		for n < len(text) && start+n < len(row) && text[n] == row[start+n] {
			n++
		}
		longest = max(longest, n)
	}
	return longest
}

func backwards(s string) []rune {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return r
}

// markDigits marks digits that stand together as a year, a date or a count does: up to eight. Longer numbers are looked at like
// other text.
func markDigits(text []rune, easy []bool) {
	for i := 0; i < len(text); {
		n := 0
		for i+n < len(text) && unicode.IsDigit(text[i+n]) {
			n++
		}
		if n > 0 && n <= 8 {
			for j := range n {
				easy[i+j] = true
			}
		}
		i += max(n, 1)
	}
}

// echo is how many characters must come again to be an echo.
const echo = 4

// markEchoes marks what stood in the text before.
func markEchoes(text []rune, easy []bool) {
	seen := map[[echo]rune]bool{}
	for i := 0; i+echo <= len(text); i++ {
		piece := [echo]rune(text[i : i+echo])
		if seen[piece] {
			for j := range echo {
				easy[i+j] = true
			}
		}
		seen[piece] = true
	}
}

// repeats tells whether the text is one piece of fewer than eight characters over and over.
func repeats(text []rune) bool {
	for unit := 1; unit < 8 && unit*2 <= len(text); unit++ {
		i := unit
		for i < len(text) && text[i] == text[i-unit] {
			i++
		}
		if i == len(text) {
			return true
		}
	}
	return false
}

func distinct(text []rune) int {
	seen := map[rune]bool{}
	for _, c := range text {
		seen[c] = true
	}
	return len(seen)
}
