package house

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// arrows holds each import against the drawing. Tests may import what they test with.
func arrows(t *tree) []finding {
	var out []finding
	for _, s := range t.files {
		if s.test {
			continue
		}
		if s.room == "" {
			out = append(out, t.at(s, s.ast.Package, "arrows", "%s is not in the drawing: give it a place in internal/house/floors_test.go", s.dir))
			continue
		}
		for _, i := range s.ast.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil || !strings.HasPrefix(p, module) {
				continue
			}
			if why := forbidden(s, strings.TrimPrefix(p, module)); why != "" {
				out = append(out, t.at(s, i.Pos(), "arrows", "%s imports %s: %s", s.room, p, why))
			}
		}
	}
	return out
}

func forbidden(from *source, dir string) string {
	folder := strings.TrimPrefix(dir, "internal/")
	to, level, ok := roomOf(folder)
	switch {
	case !ok && harness(dir):
		return "it is for tests"
	case !ok:
		return "it is not in the drawing"
	case to == from.room:
		if harness(dir) {
			return "it is for tests"
		}
		return ""
	}
	for _, b := range never() {
		if (b.from == "*" || b.from == from.floor) && slices.ContainsFunc(b.to, func(r string) bool { return matches(r, to) }) {
			return b.why
		}
	}
	switch {
	case harness(dir):
		return "it is for tests"
	case to == "app" && from.room != "cli":
		return "only cli imports app"
	case to == "cli" && from.floor != "the door":
		return "only cmd imports cli"
	case level > from.level:
		return ""
	case level < from.level:
		return "it stands above (" + drawing()[level].name + " over " + from.floor + ")"
	}
	if slices.ContainsFunc(beside(), func(a arrow) bool { return matches(a.from, from.room) && matches(a.to, to) }) {
		return ""
	}
	return "both stand on the floor \"" + from.floor + "\", and no arrow is drawn between them"
}

// httpBelow finds net/http below the channels.
func httpBelow(t *tree) []finding {
	var out []finding
	for _, s := range t.files {
		if s.test || !slices.Contains(noHTTP(), s.floor) {
			continue
		}
		for _, i := range s.ast.Imports {
			if p, err := strconv.Unquote(i.Path.Value); err == nil && (p == "net/http" || strings.HasPrefix(p, "net/http/")) {
				out = append(out, t.at(s, i.Pos(), "http", "%s imports %s, below the channels", s.room, p))
			}
		}
	}
	return out
}

// circles finds folders that know each other. Go forbids circles of packages; a folder is a room with all that lies in it.
func circles(t *tree) []finding {
	knows := map[string]map[string]*source{}
	for _, s := range t.files {
		if s.test {
			continue
		}
		from := outer(s.dir)
		for _, i := range s.ast.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil || !strings.HasPrefix(p, module) {
				continue
			}
			if to := outer(strings.TrimPrefix(p, module)); to != from {
				if knows[from] == nil {
					knows[from] = map[string]*source{}
				}
				knows[from][to] = s
			}
		}
	}
	return rings(t, knows)
}

// rings reports each folder from which a way leads back to it, once, with the shortest way.
func rings(t *tree, knows map[string]map[string]*source) []finding {
	var out []finding
	for _, from := range sorted(knows) {
		way := shortest(knows, from)
		if way == nil || slices.Min(way) != from {
			continue
		}
		s := knows[from][way[1]]
		out = append(out, t.at(s, s.ast.Package, "circles", "%s", strings.Join(way, " → ")))
	}
	return out
}

func shortest(knows map[string]map[string]*source, from string) []string {
	ways := [][]string{{from}}
	seen := map[string]bool{}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		for _, next := range sorted(knows[way[len(way)-1]]) {
			if next == from {
				return append(way, next)
			}
			if !seen[next] {
				seen[next] = true
				ways = append(ways, append(slices.Clone(way), next))
			}
		}
	}
	return nil
}

// outer is the folder directly below internal that dir lies in; cmd and test are one each.
func outer(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] == "internal" && len(parts) > 1 {
		return path.Join(parts[:2]...)
	}
	return parts[0]
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
