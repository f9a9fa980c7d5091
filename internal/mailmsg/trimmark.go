package mailmsg

import "strings"

// firstMark finds where a client began to quote. end is the line after the mark. whole tells a mark after
// which everything is quoted, marked or not (Outlook quotes without ">").
func (t *trimmer) firstMark() (at, end int, whole bool) {
	for i := range t.lines {
		if separator(t.lines[i]) {
			return i, t.headerBelow(i + 1), true
		}
		if n := t.headerBlock(i); n > 0 {
			return i, i + n, true
		}
		if n := t.attribution(i); n > 0 {
			return i, i + n, false
		}
	}
	return -1, -1, false
}

// headerBelow goes past the header that most clients write below their separator.
func (t *trimmer) headerBelow(i int) int {
	for j := i; j < len(t.lines) && j < i+3; j++ {
		if n := t.headerBlock(j); n > 0 {
			return j + n
		}
	}
	return i
}

// unmark takes the quote marks and asterisks (bold, in plain text) off a line.
func unmark(l string) string {
	l = strings.TrimLeft(l, "> \t")
	return strings.TrimSpace(strings.ReplaceAll(l, "*", ""))
}

func separator(l string) bool {
	s := unmark(l)
	low := strings.ToLower(strings.Trim(s, "-_= :"))
	for _, w := range []string{"begin forwarded message", "vidarebefordrat brev", "vidarebefordrat meddelande", "påbörja vidarebefordrat meddelande", "start på videresendt melding", "start på videresendt besked",
		"anfang der weitergeleiteten nachricht", "välitetty viesti alkaa", "début du message réexpédié", "inizio messaggio inoltrato"} {
		if low == w {
			return true
		}
	}
	if !strings.HasPrefix(s, "--") && !strings.HasPrefix(s, "__") && !strings.HasPrefix(s, "==") {
		return false
	}
	for _, w := range []string{"original message", "original appointment", "forwarded message", "forwarded by", "ursprungligt meddelande", "originalmeddelande", "ursprungligt mail", "vidarebefordrat", "opprinnelig melding",
		"original melding", "videresendt", "oprindelig meddelelse", "original meddelelse", "alkuperäinen viesti", "välitetty viesti", "edelleenlähetetty", "ursprüngliche nachricht", "originalnachricht",
		"weitergeleitete nachricht", "message d'origine", "message original", "message transféré", "mensaje original", "messaggio originale", "mensagem original", "oorspronkelijk bericht", "doorgestuurd bericht", "oryginalna", "исходное сообщение", "пересылаемое"} {
		if strings.HasPrefix(low, w) || strings.HasSuffix(low, w) {
			return true
		}
	}
	return false
}

// headerBlock tells how many lines a pasted header has that begins at line i: sender first, then at least
// two other fields within the next lines.
func (t *trimmer) headerBlock(i int) int {
	if label(t.lines[i]) != "from" {
		return 0
	}
	found, last := map[string]bool{}, i
	for j := i + 1; j < len(t.lines) && j <= i+12; j++ {
		switch l := label(t.lines[j]); l {
		case "sent", "to", "subject", "cc":
			found[l] = true
			last = j
		case "from":
			return 0
		}
		if j > last+3 {
			break
		}
	}
	if len(found) < 2 {
		return 0
	}
	return last - i + 1
}

// label names the field that a line of a pasted header is, in the languages that clients write.
func label(l string) string {
	s := unmark(l)
	i := strings.IndexByte(s, ':')
	if i <= 0 || i > 30 {
		return ""
	}
	switch strings.TrimSpace(strings.ToLower(s[:i])) {
	case "from", "från", "fra", "von", "lähettäjä", "de", "da", "van", "od", "от", "expéditeur", "avsändare", "frå":
		return "from"
	case "sent", "skickat", "sendt", "gesendet", "lähetetty", "date", "datum", "dato", "päiväys", "päivämäärä", "envoyé", "enviado", "inviato", "verzonden", "data", "fecha", "отправлено", "дата", "wysłano", "sänt":
		return "sent"
	case "to", "till", "til", "an", "vastaanottaja", "à", "para", "a", "aan", "do", "кому":
		return "to"
	case "subject", "ämne", "emne", "betreff", "aihe", "objet", "asunto", "oggetto", "onderwerp", "assunto", "temat", "тема":
		return "subject"
	case "cc", "kopia", "kopi", "kopio", "reply-to", "svar till", "svar til", "antwort an", "kopie":
		return "cc"
	}
	return ""
}

// attribution tells how many lines "On … somebody wrote:" takes that begins at line i, at most four.
func (t *trimmer) attribution(i int) int {
	first := unmark(t.lines[i])
	if first == "" {
		return 0
	}
	joined := ""
	for n := 1; n <= 4 && i+n <= len(t.lines); n++ {
		l := unmark(t.lines[i+n-1])
		if l == "" {
			return 0
		}
		joined = strings.TrimSpace(joined + " " + l)
		if len(joined) > 400 {
			return 0
		}
		if wroteLine(joined) {
			return n
		}
		// The opening must look like one before further lines are taken with it.
		if n == 1 && !opening(joined) {
			return 0
		}
	}
	return 0
}

// opening tells whether a line could be the first of an attribution that is broken over several.
func opening(s string) bool {
	low := strings.ToLower(s)
	for _, w := range []string{"on ", "den ", "le ", "am ", "il ", "el ", "em ", "op ", "dnia ", "på ", "at ", "kl.", "ti ", "ma ", "ke ", "to ", "pe ", "la ", "su ",
		"måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag", "mandag", "tirsdag", "torsdag", "lørdag", "søndag", "man.", "tir.", "ons.", "tor.", "fre.", "lør.", "søn.", "mån ", "tis ", "ons ", "tors ", "fre ", "lör ", "sön "} {
		if strings.HasPrefix(low, w) && hasDigit(s) {
			return true
		}
	}
	return strings.Contains(s, "<") && len(s) < 200 || isoDate(s)
}

// wroteLine tells an attribution: it ends with a colon (or nothing, in a few clients), has a verb of
// writing near its end, and names a time or an address.
func wroteLine(s string) bool {
	low := strings.ToLower(s)
	if isoDate(s) && strings.Contains(low, "gmt") && (strings.HasSuffix(low, ":") || len(s) < 80) && (!strings.Contains(s, "<") || strings.Contains(s, ">")) {
		return true
	}
	colon := strings.HasSuffix(low, ":")
	if !colon || !hasDigit(s) && !strings.Contains(s, "@") {
		return false
	}
	for _, v := range []string{"wrote", "skrev", "schrieb", "kirjoitti", "a écrit", "ha scritto", "escribió", "escreveu", "napisał", "написал", "пишет", "geschreven", "schreef", "skrifaði", "følgende", "skrev följande", "kirjoitti seuraavasti", "writes", "skriver", "schreibt"} {
		i := strings.LastIndex(low, v)
		if i < 0 {
			continue
		}
		rest := low[i+len(v):]
		// "skrev Anna <a@b>:" and "schrieb am Di., 16. Aug. 2016:" have the name or the time behind.
		loose := v == "skrev" || v == "schrieb" || v == "skriver" || v == "schreibt" || v == "kirjoitti" || v == "написал"
		if len(rest) < 3 || loose && len(rest) < 160 && (strings.Contains(rest, "<") || strings.Contains(rest, "@") || hasDigit(rest) || opens(low)) {
			return true
		}
	}
	return false
}

func opens(low string) bool {
	for _, w := range []string{"den ", "på ", "am ", "on ", "op ", "le ", "dnia ", "kl"} {
		if strings.HasPrefix(low, w) {
			return true
		}
	}
	return false
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

// isoDate tells a line that begins "2016-03-03 17:21".
func isoDate(s string) bool {
	if len(s) < 16 {
		return false
	}
	for i, c := range []byte("0000-00-00 00:00") {
		if c == '0' && !isDigit(s[i]) || c != '0' && s[i] != c {
			return false
		}
	}
	return true
}
