package mailmsg

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

// Sanitize makes HTML that a browser may be given: text, tables and lists, pictures only from within the
// letter (cid:), links that tell nobody where they were followed from. No remote pictures (they tell the
// sender who read when), no styles that load or cover anything, no forms, no scripts.
func Sanitize(src string) string {
	return policy().Sanitize(src)
}

func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "div", "span", "b", "strong", "i", "em", "u", "s", "strike", "sub", "sup", "small",
		"big", "code", "pre", "tt", "kbd", "blockquote", "q", "cite", "hr", "ul", "ol", "li", "dl", "dt", "dd",
		"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "center", "abbr", "del", "ins")
	p.AllowAttrs("colspan", "rowspan").Matching(bluemonday.Integer).OnElements("td", "th")
	p.AllowAttrs("align", "valign").Matching(regexp.MustCompile(`^[a-zA-Z]{1,10}$`)).OnElements("td", "th", "tr", "p", "div")
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(?i:ltr|rtl|auto)$`)).Globally()
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[a-zA-Z-]{2,20}$`)).Globally()

	p.AllowAttrs("href").Matching(regexp.MustCompile(`^(?i:https?://|mailto:|tel:)[^\s]+$`)).OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto", "tel", "cid")
	p.RequireParseableURLs(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)

	p.AllowAttrs("src").Matching(regexp.MustCompile(`^cid:[^\s"'<>]{1,200}$`)).OnElements("img")
	p.AllowAttrs("alt").Matching(regexp.MustCompile(`^[^<>"]{0,500}$`)).OnElements("img")
	p.AllowAttrs("width", "height").Matching(regexp.MustCompile(`^[0-9]{1,4}$`)).OnElements("img")
	p.AddSpaceWhenStrippingTag(true)
	return p
}
