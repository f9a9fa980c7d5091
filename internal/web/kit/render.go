package kit

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
)

// Render answers with a page. It is made whole before the first byte goes out, so that a fault in the
// middle gives an error and never half a page that looks like all of it.
func Render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	var b bytes.Buffer
	if err := page.Render(r.Context(), &b); err != nil {
		// Only a cancelled request comes here: the buffer takes everything and components hold no rules.
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // a browser that went away is no fault of ours
	}
}
