package kit

import (
	"net/http"
	"strings"

	"insegel/internal/lang"
)

const (
	languageCookie = "insegel-lang"
	flashCookie    = "insegel-flash"
)

// Language gives the language of a request: what the address asks for (?lang=, which is then remembered
// in a cookie), what the account prefers, what the cookie says, what the browser accepts.
func Language(w http.ResponseWriter, r *http.Request, secure bool, account string) lang.Lang {
	if r.Method == http.MethodGet && strings.Contains(r.URL.RawQuery, "lang=") {
		if l, ok := lang.Parse(r.URL.Query().Get("lang")); ok {
			http.SetCookie(w, cookie(languageCookie, string(l), 365*24*3600, secure))
			return l
		}
	}
	var remembered string
	if c, err := r.Cookie(languageCookie); err == nil {
		remembered = c.Value
	}
	return lang.Match(r.Header.Get("Accept-Language"), remembered, account)
}

// SetFlash leaves a message for the page that the browser is sent to next. It holds a key of the
// catalogues, never a text: whoever plants a cookie can at most choose among our own sentences.
func SetFlash(w http.ResponseWriter, secure bool, c Color, key string) {
	http.SetCookie(w, cookie(flashCookie, string(c)+":"+key, 60, secure))
}

// TakeFlash reads what SetFlash left and removes it.
func TakeFlash(w http.ResponseWriter, r *http.Request, secure bool, l lang.Lang) []Flash {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, cookie(flashCookie, "", -1, secure))
	color, key, _ := strings.Cut(c.Value, ":")
	if !strings.Contains(key, ".flash.") || !lang.Has(key) {
		return nil
	}
	switch Color(color) {
	case Info, Success, Warning, Danger:
		return []Flash{{Color: Color(color), Text: l.T(key)}}
	}
	return nil
}

func cookie(name, value string, age int, secure bool) *http.Cookie {
	return &http.Cookie{ // #nosec G124 -- Secure wherever the browser came over TLS; it holds a language or a key of the catalogues
		Name: name, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}
