package client

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// tryNewWay has what is stalled sent again through a tunnel that came just now.
func (l *loop) tryNewWay(now time.Time) {
	way := l.ways.came
	l.ways.came = 0
	if way == 0 {
		return
	}
	for _, r := range l.where(func(r *remote) bool { return r.set != nil && r.doubt.holds(now) }) {
		l.scoutBy(now, r, way)
	}
	for _, r := range l.where(func(r *remote) bool { return r.stalled(now) && r.set != nil }) {
		r.via = way
		if !r.knowsSet && r.tells { // what was said of it went the old ways
			r.again()
			l.pushBy(now)
		}
		if l.host != nil {
			l.host.Revive(now, r.hash)
		}
	}
}

// flushAll sends what waited for tunnels.
func (l *loop) flushAll(now time.Time) {
	if !l.held {
		return
	}
	l.held = false
	for _, r := range l.where(func(r *remote) bool { return len(r.waiting) > 0 }) {
		l.flush(now, r)
		l.held = l.held || len(r.waiting) > 0
	}
}

// replyEmpty answers the peers that wait for a sign that their message came,
// when no data went their way.
func (l *loop) replyEmpty(now time.Time) {
	if l.sessions == nil {
		return
	}
	for _, p := range l.sessions.Pending(now) {
		r := l.byStatic[p.Static]
		if r == nil || r.set == nil || r.static() != p.Static || !r.choose(now, l.state.Outbound, l.random.Below) {
			continue
		}
		if m, ok := l.seal(now, r, nil, Hints{NoLeaseSet: r.written && !r.tells}); ok {
			l.pass(r, []i2np.Message{m})
		}
	}
}

// lookUpdate looks for a lease set that is newer than the one we have.
func (l *loop) lookUpdate(now time.Time, r *remote) { l.lookThen(now, r, func() {}) }

// lookThen is lookUpdate, and reports whether it looks. done is called in the loop once it has.
func (l *loop) lookThen(now time.Time, r *remote, done func()) bool {
	if !l.ways.stand() || !r.wantLookup(now) {
		return false
	}
	var than i2p.Date
	if r.set != nil {
		than = r.set.Published()
	}
	hash := r.hash
	l.fetch(now, hash, r.reader, than, func(now time.Time, set leaseset.Set, err error) {
		r := l.remotes[hash]
		if r != nil {
			r.lookup = false
		}
		if err != nil {
			l.cfg.Log.Debug("lease set not found", "error", err)
			l.mirrorLost(now, hash)
		} else if r != nil && set.Hash() != hash && len(r.waiting) > 0 {
			waiting := r.waiting
			r.waiting = nil
			l.sendPaced(hash, waiting, nil) // to who serves in its place
		}
		done()
	})
	return true
}

// stalled is told by the streams that what it sends to a destination is not being
// acknowledged: it takes another way there, and looks for newer leases.
func (l *loop) stalled(hash i2p.Hash) {
	now := l.cfg.Now()
	r := l.remotes[hash]
	if r == nil || r.set == nil {
		return
	}
	r.abandon(now, l.state.Outbound, l.random.Below)
	r.stall, r.doubt.since = now, now
	l.sessions.Suspect(r.static())
	l.elders.suspect(now, r)
	r.again() // perhaps they answer to leases that are gone
	l.scout(now, r, 2)
	l.tunnels.Suspect()
	l.lookUpdate(now, r)
	l.lookBy(now, r)
}

// lookAgain looks for newer leases of those that are silent: one that comes back is found
// then, and not by chance when the next packet goes unanswered.
func (l *loop) lookAgain(now time.Time) {
	if l.lookAt.IsZero() || now.Before(l.lookAt) {
		return
	}
	l.lookAt = time.Time{}
	for _, r := range l.where(func(r *remote) bool { return r.silent(now) }) {
		l.lookUpdate(now, r)
		l.lookBy(now, r)
	}
}
