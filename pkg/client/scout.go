package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// Of a path that has failed nothing comes back. So where an answer is late our lease set goes to the peer by all
// paths at once, and what is confirmed first tells which of them work: to try one after another takes a round trip
// for each. A peer that is told a lease set that it has tries its own paths in the same way, as it is most likely its
// answer that was lost.
const (
	mostScouts     = 6
	leastScoutRest = 5 * time.Second // from one time to the next
	mostScoutRest  = time.Minute     // where the path in use worked each time: answers are late there

	// A peer has six messages sent by one that says its lease set again, or by leaving unanswered what a stream sent, and by
	// the gateways that it names. So there is a limit for all peers together, in messages: a second, and at once.
	scoutRate  = 64
	scoutBurst = 2 * mostScouts * pushesAtOnce
)

// doubt is about the path that is in use.
type doubt struct {
	since     time.Time // when an answer was last found to be late; zero: one has come since
	scoutedAt time.Time // when all paths were last tried
	rest      time.Duration
}

func (d doubt) holds(now time.Time) bool { return !d.since.IsZero() && now.Sub(d.since) < stallLife }

// doubted is told by the streams that an answer of a destination is late.
func (l *loop) doubted(hash i2p.Hash) {
	if r := l.remotes[hash]; r != nil {
		l.tunnels.Suspect()
		l.scout(l.cfg.Now(), r, 2)
	}
}

// toldAgain is told that a peer said its lease set again, and acknowledged nothing of ours with it. When it is new, it
// is said more than once anyway.
func (l *loop) toldAgain(now time.Time, r *remote) {
	if now.Sub(r.learned) > leastScoutRest {
		l.scout(now, r, 1) // which is an answer, if by one path only
	}
}

// scoutAll sends our lease set to those whom we wrote to just now.
func (l *loop) scoutAll(now time.Time) {
	talking := l.where(func(r *remote) bool { return now.Sub(r.used) < stallLife })
	for _, r := range talking[:min(len(talking), pushesAtOnce)] {
		r.doubt.scoutedAt = time.Time{}
		l.scout(now, r, 1)
	}
}

// scout sends our lease set to a peer that we are in conversation with, by each path where there are so many at least.
func (l *loop) scout(now time.Time, r *remote, least int) {
	if now.Sub(r.doubt.scoutedAt) < max(r.doubt.rest, leastScoutRest) || !l.mayScout(now, r) || !r.choose(now, l.state.Outbound, l.random.Below) {
		return
	}
	paths := r.ways(now, l.state.Outbound)
	if len(paths) < least {
		return
	}
	r.doubt.since, r.doubt.scoutedAt = now, now
	l.scoutAlong(now, r, paths)
}

// ways are the path in use and others. Where there are more than are tried at once, the next are others again.
func (r *remote) ways(now time.Time, outbound []uint32) []path {
	paths := []path{r.path}
	for n := len(outbound) * len(r.leases(now)); n > 0 && len(paths) < mostScouts; n-- {
		if by, ok := r.detour(now, outbound); ok && !slices.ContainsFunc(paths, by.is) {
			paths = append(paths, by)
		}
	}
	return paths
}

// scoutBy does so through an outbound tunnel that came just now.
func (l *loop) scoutBy(now time.Time, r *remote, via uint32) {
	if !l.mayScout(now, r) {
		return
	}
	var paths []path
	leases := r.leases(now)
	for _, lease := range leases[:min(len(leases), mostScouts)] {
		paths = append(paths, path{lease, via})
	}
	l.scoutAlong(now, r, paths)
}

func (l *loop) mayScout(now time.Time, r *remote) bool {
	return r.tells && now.Sub(r.used) < conversation && !l.life.resting && l.sessions != nil && l.own.stands(now)
}

func (l *loop) scoutAlong(now time.Time, r *remote, paths []path) {
	if !l.scouts.Take(now, float64(len(paths)), scoutRate, scoutBurst) {
		l.stats.ScoutsRefused += uint64(len(paths))
		return
	}
	l.stats.Scouts += uint64(len(paths))
	for _, by := range paths {
		r.again()
		l.announce(now, r, by)
	}
}

// gotThrough is told what a peer has confirmed. Where the path in use is in doubt, and others work, it takes one of them.
func (l *loop) gotThrough(now time.Time, r *remote, acks []proof) {
	work := r.acknowledged(acks)
	if len(work) == 0 || r.doubt.since.IsZero() {
		return
	}
	r.doubt.since, r.stall = time.Time{}, time.Time{}
	if slices.ContainsFunc(work, r.path.is) {
		r.doubt.rest = min(max(2*r.doubt.rest, 2*leastScoutRest), mostScoutRest)
		return
	}
	r.doubt.rest = 0
	i := slices.IndexFunc(work, func(p path) bool { return slices.Contains(l.state.Outbound, p.via) && r.hasLease(p.lease) })
	if i < 0 {
		return
	}
	r.path = work[i]
	delete(r.badLease, keyOf(r.lease))
	if l.host != nil {
		l.host.Revive(now, r.hash)
	}
}
