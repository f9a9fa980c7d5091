// Package gallery holds every page in each of its states and has a real browser look at them: pictures
// into build/gallery, no finding of axe, nothing wider than the window, no word on the console. It has no
// code but tests.
package gallery
