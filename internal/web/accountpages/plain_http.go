package accountpages

// tunnel is the command that makes another machine's desk answer on one's own loopback.
func tunnel(v Plain) string {
	return "ssh -L " + v.Port + ":127.0.0.1:" + v.Port + " " + v.Host
}

func local(v Plain) string { return "http://127.0.0.1:" + v.Port + "/login" }
