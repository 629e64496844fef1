package client

import "time"

// What somebody else runs the streams of, tells us nothing of what gets lost: that nobody answers is all there
// is to see. Another way is tried then, each time after twice as long, as what is never answered at all, such as
// datagrams, may well arrive.
const (
	answerPatience = 6 * time.Second
	mostPatience   = time.Minute
)

// unanswered is what was sent to a remote since it was last heard.
type unanswered struct {
	since time.Time // of the first; zero: there is nothing
	tries int       // ways that were tried for it
}

// wrote takes note of something sent, and reports whether answers have been missing for so long that another way is
// to be tried.
func (u *unanswered) wrote(now, heard time.Time) (lost bool) {
	if u.since.IsZero() || heard.After(u.since) {
		if heard.After(u.since) {
			u.tries = 0
		}
		u.since = now
		return false
	}
	if now.Sub(u.since) < min(answerPatience<<min(u.tries, 8), mostPatience) {
		return false
	}
	u.since = now
	u.tries++
	return true
}

// watch looks whether what a destination without streams of ours sends is answered.
func (l *loop) watch(now time.Time, r *remote) {
	if l.host == nil && r.wrote(now, r.heard) {
		l.stalled(r.hash)
	}
}
