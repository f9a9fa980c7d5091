package house

import (
	"slices"
	"strings"
)

// floor is one line of the drawing: rooms that stand side by side. A room may import what stands below its floor.
type floor struct {
	name  string
	rooms []string
}

// drawing is "Rooms and floors" of the architecture, top to bottom. A folder that is not drawn here is not a
// room: whoever builds one decides where it stands. "web/*" stands for every folder there.
func drawing() []floor {
	return []floor{
		{"the door", []string{"cmd/*"}},
		{"commands", []string{"cli"}},
		{"the program", []string{"app"}}, // the only place that knows everybody
		{"surfaces", []string{"web", "web/*", "api", "smtpd"}},
		{"channels", []string{"channel/*"}},
		{"features", []string{"cases", "contact", "document", "account", "account/sso", "concern", "breach", "notice", "report",
			"privacy", "intake", "queue", "worker", "idempotency"}},
		{"the waist", []string{"visit"}},
		{"below the waist", []string{"access", "purpose", "tenant", "audit", "jobs", "continuity", "assurance", "host"}},
		{"tools", []string{"store", "store/sqlite", "store/postgres", "store/storetest", "seal", "search", "mailmsg", "calendar", "config"}},
		{"ground", []string{"fault", "id", "clock", "lang", "control"}},
	}
}

// beside are the arrows between rooms of one floor. Each is drawn here on purpose; what is not, is not allowed.
func beside() []arrow {
	return []arrow{
		{"web/*", "web/kit"}, // the pages are made of the kit's pieces
		{"web", "web/*"},     // one list of the areas
		{"account/sso", "account"},
		{"cases", "queue"},    // a case stands in a queue
		{"intake", "queue"},   // a letter is taken in at a queue
		{"purpose", "access"}, // a purpose says which roles read it
		{"tenant", "access"},  // a tenant is migrated and opened with all that the waist stands on
		{"tenant", "purpose"},
		{"tenant", "audit"},
		{"tenant", "jobs"},
		{"continuity", "tenant"}, // a copy is made of whole tenants, and proved by their logs
		{"continuity", "audit"},
		{"host", "tenant"}, // host names stand in the directory
		{"store/sqlite", "store"},
		{"store/postgres", "store"},
		{"store/storetest", "store"},
		{"store/storetest", "store/sqlite"},
		{"store/storetest", "store/postgres"},
		{"id", "clock"},
	}
}

// never are arrows that the floors would allow and a law of the house forbids.
func never() []ban {
	engines := []string{"store/sqlite", "store/postgres"}
	why := "it could open a database or skip the record: reading and writing goes through visit"
	return []ban{
		{from: "features", to: append([]string{"tenant", "audit"}, engines...), why: why},
		{from: "channels", to: append([]string{"tenant", "audit"}, engines...), why: why},
		{from: "surfaces", to: engines, why: why},
		{from: "the waist", to: engines, why: "an engine is chosen in app, and known as a store.Engine"},
		{from: "below the waist", to: engines, why: "an engine is chosen in app, and known as a store.Engine"},
		{from: "the door", to: others("the door", "commands"), why: "cmd only calls cli"},
		{from: "*", to: []string{"store/storetest"}, why: "it is for tests"},
	}
}

// noHTTP are the floors where net/http is not known: what stands below the channels.
func noHTTP() []string {
	return []string{"features", "the waist", "below the waist", "tools", "ground"}
}

// noSQL are the rooms that hold no SQL: surfaces have no rules and no tables.
func noSQL() []string { return []string{"surfaces", "the program", "commands", "the door"} }

type arrow struct{ from, to string }

type ban struct {
	from string // a floor's name, or * for all
	to   []string
	why  string
}

// others lists the rooms of all floors but these.
func others(floors ...string) []string {
	var rooms []string
	for _, f := range drawing() {
		if !slices.Contains(floors, f.name) {
			rooms = append(rooms, f.rooms...)
		}
	}
	return rooms
}

// roomOf finds the room of a folder below internal (or of cmd/x): the longest drawn name that it lies in.
// "web/*" makes web/kit a room and web none.
func roomOf(folder string) (room string, level int, ok bool) {
	for i, f := range drawing() {
		for _, r := range f.rooms {
			name := r
			if head, star := strings.CutSuffix(r, "/*"); star {
				rest, in := strings.CutPrefix(folder, head+"/")
				if !in || rest == "" {
					continue
				}
				name = head + "/" + strings.Split(rest, "/")[0]
			}
			if (folder == name || strings.HasPrefix(folder, name+"/")) && len(name) > len(room) {
				room, level, ok = name, i, true
			}
		}
	}
	return room, level, ok
}

// matches tells whether a room is meant by a name of the drawing.
func matches(pattern, room string) bool {
	if head, star := strings.CutSuffix(pattern, "/*"); star {
		return strings.HasPrefix(room, head+"/")
	}
	return pattern == room
}
