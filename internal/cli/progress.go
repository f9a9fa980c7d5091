package cli

import (
	"fmt"

	"insegel/internal/continuity"
)

// progress shows a person how far long work is; a pipe is told nothing.
func (m Machine) progress(what string) continuity.Progress {
	if !m.Terminal {
		return nil
	}
	last := int64(-1)
	return func(done, all int64) {
		percent := int64(100)
		if all > 0 {
			percent = 100 * done / all
		}
		if percent == last {
			return
		}
		last = percent
		fmt.Fprintf(m.Err, "\r%s: %d of %d ", what, done, all)
		if done >= all {
			fmt.Fprint(m.Err, "\n")
		}
	}
}
