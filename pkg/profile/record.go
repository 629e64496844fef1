package profile

import (
	"math"
	"time"

	"i2ptoolkit/pkg/origin"
)

const (
	maxAge = 7 * 24 * time.Hour // of what was heard last of a router that is worth keeping

	halfLife         = 3 * time.Hour   // of every count
	unreachablePause = 8 * time.Minute // after one failed dial; doubles with each further one
	unreachableMax   = 2 * time.Hour
	silentPause      = time.Minute // times the queries that a floodfill left unanswered: then it is asked again
	silentMax        = time.Hour
	rejectPause      = 5 * time.Minute // a router that said no is asked less for so long
	refusalPause     = time.Minute     // and only where there is no other
)

// record is one router's history. Its counts fade, each to half in a half-life,
// and are those of the second at. Times are Unix seconds, 0 for never.
type record struct {
	at   int64
	seen int64 // when something was last recorded

	dials   dials
	builds  builds
	tests   tests
	queries queries
	latency float32 // milliseconds, smoothed; 0 unknown
	served  bool    // it answered something that only a living router can
}

// proven tells whether we have reached it, and it has served.
func (r *record) proven() bool { return r.served && r.dials.reached != 0 }

// standing is how much a router has shown of itself of late, which cannot be had for nothing.
func (r *record) standing(now int64) int {
	switch {
	case r.old(now):
		return 0
	case r.proven():
		return 2
	case r.served:
		return 1
	}
	return 0
}

// old tells whether nothing was heard of a router for so long that it may be gone.
func (r *record) old(now int64) bool { return now-r.seen >= int64(maxAge/time.Second) }

// stranger tells whether nothing has come through the router yet.
func (r *record) stranger() bool { return r.tests.carried == 0 }

// dials are the attempts to have a session with a peer.
type dials struct {
	connectedAt int64 // last session that we opened, or that came from where the peer can be dialled
	failedAt    int64
	failures    uint8       // since the last session
	reached     origin.Host // where we opened the last session; 0 for none
}

// builds are the tunnels that a peer was asked to be a hop of.
type builds struct {
	accepted, rejected, expired float32
	rejectedAt                  int64 // 0 once it has accepted again
}

// tests are test messages through tunnels that a peer is a hop of.
type tests struct{ carried, failed float32 }

// queries are lookups and stores at a floodfill.
type queries struct {
	answered, silent float32
	silentAt         int64 // not kept in the file
}

// fade brings the counts to a later second. A clock that went back changes nothing.
func (r *record) fade(now int64) {
	if now <= r.at {
		return
	}
	f := float32(faded(now-r.at, halfLife))
	for _, p := range r.counts() {
		if *p *= f; *p < 1e-6 {
			*p = 0
		}
	}
	r.at = now
}

// faded is what is left of a count after so many seconds.
func faded(seconds int64, half time.Duration) float64 {
	return math.Exp2(-float64(seconds) / half.Seconds())
}

// counts are all that fade, in the order of the file.
func (r *record) counts() []*float32 {
	b, t, q := &r.builds, &r.tests, &r.queries
	return []*float32{&b.accepted, &b.rejected, &b.expired, &t.carried, &t.failed, &q.answered, &q.silent}
}

// times are all that the file keeps, in its order.
func (r *record) times() []*int64 {
	return []*int64{&r.at, &r.seen, &r.dials.connectedAt, &r.dials.failedAt, &r.builds.rejectedAt}
}

// sample takes a round trip into the smoothed latency.
func (r *record) sample(took time.Duration) {
	ms := float32(took) / float32(time.Millisecond)
	switch {
	case ms <= 0:
	case r.latency == 0:
		r.latency = ms
	default:
		r.latency += (ms - r.latency) / 8
	}
}

// score: successes over trials with one imagined of each. Silence and failed
// tests weigh more than an honest no (peer selection, "Capacity").
func (r *record) score(now int64) float64 {
	good := 1 + float64(r.builds.accepted) + 0.5*float64(r.tests.carried)
	bad := 1 + float64(r.builds.rejected) + 3*float64(r.builds.expired) + 4*float64(r.tests.failed)
	s := good / (good + bad)
	if r.builds.refused(now, rejectPause) {
		s *= 0.2
	}
	return s
}

// refused tells whether the last answer was a no, and that not longer ago.
func (b *builds) refused(now int64, pause time.Duration) bool {
	return b.rejectedAt != 0 && now-b.rejectedAt < int64(pause/time.Second)
}

// speed orders peers by how soon they answer.
func (r *record) speed() float64 {
	if r.latency == 0 {
		return 0
	}
	return 1e5 / float64(r.latency+50)
}

// unreachable tells whether dials failed too lately to try again.
func (d *dials) unreachable(now int64) bool {
	if d.failures == 0 || d.failedAt < d.connectedAt {
		return false
	}
	pause := unreachablePause << min(d.failures-1, 4)
	return now-d.failedAt < int64(min(pause, unreachableMax)/time.Second)
}

// responsive tells whether a floodfill is worth asking. The benefit of the doubt
// has one that has not been asked for a while.
func (q *queries) responsive(now int64) bool {
	pause := min(float64(q.silent)*silentPause.Seconds(), silentMax.Seconds())
	return q.silent < 2+2*q.answered || float64(now-q.silentAt) >= pause
}
