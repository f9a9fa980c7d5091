// Package house holds the code to the drawing of the house: which rooms there are, on which floor each
// stands, which may know which, and the habits that hold in all of them.
//
// It owns the drawing as data (floors_test.go), the exceptions with their reasons (exceptions_test.go) and the rules
// that read the source and compare. It is made of tests only and nothing imports it. It does not own what
// the rooms do, and it does not say how code looks: gofmt, vet, staticcheck and gosec do.
//
// Every rule is first tried on small trees of source that break it (rules_test.go), so that none of them
// can pass because it sees nothing.
package house
