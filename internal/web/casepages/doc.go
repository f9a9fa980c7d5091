// Package casepages shows the desk: the list of cases, one case with what was said in it, its log, a new
// case, and what is held in quarantine.
//
// It owns what these pages look like and the forms on them. It does not own what a case is or who may do
// what with it: the cases room and access decide, and hand over values ready to be shown.
package casepages
