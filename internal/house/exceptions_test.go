package house

import "strings"

// exception excuses one kind of finding in one place, with the reason. One that excuses nothing any more
// must go, so the list says what is so today.
type exception struct {
	rule string
	path string // a file, or a folder with everything in it
	has  string // what the finding says; empty for all of this rule
	why  string
}

func exceptions() []exception {
	return []exception{
		{"clock", "internal/smtpd/server.go", "time.Now", "deadlines of sockets are counted by the kernel, whatever clock the house goes by"},
		{"clock", "internal/channel/mail/deliver/client.go", "time.Now", "deadlines of sockets are counted by the kernel, whatever clock the house goes by"},
		{"context", "internal/smtpd/server.go", "context.Background", "connections outlive the call that opened the door; Shutdown ends them"},
		{"context", "internal/app/run.go", "context.Background", "the stop that follows the end of Run's context has a time limit of its own"},
		{"context", "internal/store/commit.go", "context.Background", "changes run under the committer's context: a caller's end must not end others' changes"},
		{"context", "internal/store/sqlite", "context.Background", "a cancelled statement would roll back the whole transaction; COMMIT carries no caller's context"},
		{"context", "internal/store/postgres", "context.Background", "a connection is rolled back and closed after its caller has gone, within a time limit of its own"},
		{"sql", "internal/store/postgres", "", "names of databases, tables and columns cannot be parameters: they are quoted as identifiers"},
		{"sql", "internal/tenant/check.go", "", "counts each table that the log names; a table's name cannot be a parameter, and is checked to be one"},
	}
}

func (e exception) excuses(f finding) bool {
	in := f.path == e.path || strings.HasPrefix(f.path, e.path+"/")
	return in && f.rule == e.rule && strings.Contains(f.text, e.has)
}
