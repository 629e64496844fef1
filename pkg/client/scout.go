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
//
// Where there is no session with the peer yet, what only looks for a way is answered by few, and by i2pd has what comes next
// refused (see ratchet.Sessions.Greets). There it is the streams' own packets that are sent again, by one path after the other.
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
	paths     []path // that are still to be tried
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
	if begins, _ := l.greets(now, r); begins {
		paths = paths[1:] // what is late takes the one in use
		r.doubt.rest = min(max(2*r.doubt.rest, leastScoutRest), mostScoutRest)
	}
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
	r.doubt.paths = paths
	l.tryBy(now)
}

// tryPaths tries what paths are due. It comes after what is late has been sent again: where a session may be lost, that is to begin
// the next.
func (l *loop) tryPaths(now time.Time) {
	if l.tryAt.IsZero() || now.Before(l.tryAt) {
		return
	}
	l.tryAt = time.Time{}
	for _, r := range l.where(func(r *remote) bool { return len(r.doubt.paths) > 0 }) {
		switch begins, at := l.greets(now, r); {
		case !l.mayScout(now, r):
			r.doubt.paths = nil
		case !begins:
			for _, by := range r.doubt.paths {
				r.again()
				l.announce(now, r, by)
			}
			r.doubt.paths = nil
		case now.Before(at):
			l.tryBy(at)
		default:
			l.tryPath(now, r)
			l.tryBy(now)
		}
	}
}

// tryPath has what a peer has not answered, and with which there is no session, sent again by the next path.
func (l *loop) tryPath(now time.Time, r *remote) {
	by := r.doubt.paths[0]
	r.doubt.paths = r.doubt.paths[1:]
	if !slices.Contains(l.state.Outbound, by.via) || !r.hasLease(by.lease) {
		return
	}
	r.again()
	if l.host == nil { // nobody knows whether anything is late
		l.announce(now, r, by)
		return
	}
	r.path = by
	l.host.Revive(now, r.hash)
}

// gotThrough is told what a peer has confirmed. Where the path in use is in doubt, and others work, it takes one of them.
func (l *loop) gotThrough(now time.Time, r *remote, acks []proof) {
	work := r.acknowledged(acks)
	if len(work) == 0 || r.doubt.since.IsZero() {
		return
	}
	r.doubt.since, r.stall, r.doubt.paths = time.Time{}, time.Time{}, nil
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
