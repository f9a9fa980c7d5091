// Package kit is what all pages share: the frame around them, forms, problem pages, empty states, the
// headers that keep a browser strict, and how a page is sent.
//
// It owns no rule and no SQL, and knows no feature's noun: what a page shows comes as values from its
// own area (casepages, accountpages …). Sentences come from lang; the kit's own stand in the catalogue
// common. It sets no cookie but the language and the flash, and neither holds a secret.
package kit
