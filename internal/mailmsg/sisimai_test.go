package mailmsg

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestSisimaiCorpus(t *testing.T) {
	dir := corpus(t, "sisimai")
	var want []struct {
		File      string `json:"file"`
		Index     int    `json:"recipient_index"`
		Status    string `json:"status"`
		ReplyCode string `json:"reply_code"`
		Reason    string `json:"reason"`
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "expect.json")), &want); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]Kind{}
	var kind, kinds0, status, statuses, class, reply, replies, reason, recipients int
	for _, w := range want {
		k, ok := kinds[w.File]
		if !ok {
			m, err := Parse(readFile(t, filepath.Join(dir, w.File)), Limits{})
			if err != nil {
				t.Errorf("%s: %v", w.File, err)
				continue
			}
			// The envelope is not in the corpus; what the last server wrote of it is.
			from := "unknown@example.org"
			if rp := m.Header("Return-Path"); rp != "" {
				from = rp
			}
			k = Classify(m, from)
			kinds[w.File] = k
			kinds0++
			good := k.Name == Bounce || k.Name == DeliveryReport
			switch w.Reason {
			case "feedback":
				good = k.Name == Complaint
			case "vacation":
				good = k.Name == AutoReply
			}
			if good {
				kind++
			} else {
				t.Logf("%s: %s %s, want %s", w.File, k.Name, k.Why, w.Reason)
			}
		}
		if w.Status == "" {
			continue
		}
		if len(k.Reports) < w.Index {
			t.Logf("%s: recipient %d not found of %d", w.File, w.Index, len(k.Reports))
			statuses++
			continue
		}
		recipients++
		r := k.Reports[w.Index-1]
		statuses++
		if strings.HasPrefix(r.Status, w.Status[:1]) {
			class++
		}
		if r.Status == w.Status || strings.Contains(w.Status, ".0.9") && strings.HasPrefix(r.Status, w.Status[:1]) {
			status++
		} else {
			t.Logf("%s: status %q want %q %s; reason %s reply %s action %s diag %.120q", w.File, r.Status, w.Status, w.Reason, r.Reason, r.Reply, r.Action, r.Diagnostic)
		}
		if w.ReplyCode != "" {
			replies++
			if w.ReplyCode == r.Reply {
				reply++
			}
		}
		if w.Reason == r.Reason {
			reason++
		} else {
			t.Logf("%s: reason %q want %q; diag %.150q", w.File, r.Reason, w.Reason, r.Diagnostic)
		}
	}
	floor(t, "sisimai kind", kind, kinds0, 247)
	floor(t, "sisimai recipients", recipients, statuses, 239)
	floor(t, "sisimai status", status, statuses, 231)
	floor(t, "sisimai status class", class, statuses, 237)
	floor(t, "sisimai reply code", reply, replies, 164)
	floor(t, "sisimai reason", reason, statuses, 151)
}
