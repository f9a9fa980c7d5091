package casepages

import "insegel/internal/web/kit"

// NewCase is the form for a new case, as it starts or as it came back.
type NewCase struct {
	kit.Page
	Queue    string
	Name     string
	Email    string
	Subject  string
	Body     string
	Priority Priority
	Queues   []kit.Option
	Command  string // with no queue: what an administrator types to make one
	Nonce    string // the same form sent twice is one case
	Errors   kit.Errors
}
