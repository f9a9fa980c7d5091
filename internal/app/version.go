package app

import "runtime/debug"

// Version is what the program calls itself: the module's version, or the commit that it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changed"
		}
	}
	if (version == "" || version == "(devel)") && revision != "" {
		return revision + dirty
	}
	if version == "" || version == "(devel)" {
		return "development"
	}
	return version
}
