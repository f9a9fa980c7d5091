package deliver

import "time"

// What RFC 5321 4.5.4.1 asks for: at least 30 minutes between tries once the first few are done, and
// 4 to 5 days before giving up.
const (
	giveUpAfter = 5 * 24 * time.Hour
	longest     = 4 * time.Hour
)

// NextTry gives the time of the next try after attempt tries (1 after the first one), of which the
// first was at first. jitter in [0,1) spreads the tries, so that a thousand messages that failed
// together do not come back together. giveUp is true where five days are over; the last try comes at
// the very end of them.
func NextTry(attempt int, first, now time.Time, jitter float64) (next time.Time, giveUp bool) {
	end := first.Add(giveUpAfter)
	if !now.Before(end) {
		return time.Time{}, true
	}
	wait := delay(attempt)
	wait += time.Duration(min(max(jitter, 0), 1) * float64(wait) / 4)
	next = now.Add(wait)
	if next.After(end) {
		next = end
	}
	return next, false
}

// delay is short at first, as greylisting and restarts are over in minutes, and then doubles.
func delay(attempt int) time.Duration {
	steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}
	for i, d := range steps {
		if attempt <= i+1 {
			return d
		}
	}
	return longest
}
