package mailmsg

import (
	"path/filepath"
	"testing"
)

func TestReplyTrimmerCorpus(t *testing.T) {
	dir := corpus(t, "reply-trimmer")
	files, _ := filepath.Glob(filepath.Join(dir, "emails", "*.txt"))
	right := 0
	for _, f := range files {
		want := squash(string(readFile(t, filepath.Join(dir, "trimmed", filepath.Base(f)))))
		fresh, _ := SplitReply(string(readFile(t, f)))
		if squash(fresh) == want {
			right++
			continue
		}
		t.Logf("%s\n new %q\nwant %q", filepath.Base(f), cut(squash(fresh)), cut(want))
	}
	floor(t, "reply-trimmer", right, len(files), 28)
}
