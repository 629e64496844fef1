package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// pushSet sends our lease set to the peers that should know it and perhaps do
// not.
func (l *loop) pushSet(now time.Time) {
	if l.pushAt.IsZero() || now.Before(l.pushAt) {
		return
	}
	l.pushAt = time.Time{}
	if l.life.resting || l.sessions == nil || !l.own.stands(now) {
		return // until there is another one
	}
	due := l.where(func(r *remote) bool {
		at := r.pushAt(now, l.own.set)
		if at.After(now) {
			l.pushBy(at)
		}
		return !at.IsZero() && !at.After(now)
	})
	unheard := false
	for i, r := range due {
		if i == pushesAtOnce {
			l.pushBy(now.Add(pushesSpacing))
			break
		}
		unheard = l.push(now, r) || unheard
	}
	if unheard {
		l.tunnels.Suspect() // or ours are at fault
	}
}

// push sends our lease set to one peer, each time by another way, and reports
// whether it has been sent in vain before.
func (l *loop) push(now time.Time, r *remote) (unheard bool) {
	if begins, at := l.greets(now, r); begins && now.Before(at) {
		l.pushBy(at)
		return false
	}
	by, ok := r.detour(now, l.state.Outbound)
	if !ok || !l.announce(now, r, by) {
		l.pushBy(now.Add(leaseSetResend))
		return false
	}
	r.pushes++
	if at := r.pushAt(now, l.own.set); !at.IsZero() {
		l.pushBy(at)
	}
	if r.pushes > 1 { // the peer's leases may have changed as well
		l.lookUpdate(now, r)
	}
	return r.pushes > 1
}

// announce sends our lease set, or whatever there is to say, by a path.
func (l *loop) announce(now time.Time, r *remote, by path) bool {
	present := r.path
	r.path = by
	m, ok := l.seal(now, r, nil, Hints{})
	if ok {
		l.pass(r, []i2np.Message{m})
	}
	r.path = present
	return ok
}

// pushAt is when our lease set should be sent by itself; zero for never.
func (r *remote) pushAt(now time.Time, set leaseset.Set) time.Time {
	switch {
	case r.set == nil || !r.tells || now.Sub(r.used) > conversation:
		return time.Time{}
	case r.sentSet != set.Published():
		return now
	case r.knowsSet || (!r.confirms && r.pushes >= maxPushes):
		return time.Time{}
	default:
		return r.sentAt.Add(r.resendAfter(now))
	}
}

// needsOurSet reports whether the next message should carry our lease set.
func (r *remote) needsOurSet(now time.Time, set leaseset.Set) bool {
	if r.sentSet != set.Published() {
		return true
	}
	return !r.knowsSet && now.Sub(r.sentAt) >= r.resendAfter(now)
}

// resendAfter is how long to wait for the confirmation of our lease set.
func (r *remote) resendAfter(now time.Time) time.Duration {
	if r.pushes == 0 && !r.stalled(now) { // there are data to go with it
		return leaseSetResend
	}
	return min(pushResend<<min(r.pushes, 10), maxPushPause)
}

// proof names a message that had our lease set, by what confirms it: the ratchet, or the id of a DeliveryStatus.
type proof struct {
	sealed ratchet.MessageID
	status uint32
}

// announcement is a message that had our lease set, and the path that it took.
type announcement struct {
	proof
	path
}

func (r *remote) announced(now time.Time, set leaseset.Set, id proof) {
	if r.sentSet != set.Published() {
		r.knowsSet, r.pushes = false, 0
		r.sent = r.sent[:0]
	}
	if id != (proof{}) {
		if len(r.sent) == maxAnnouncements {
			r.sent = slices.Delete(r.sent, 0, 1)
		}
		r.sent = append(r.sent, announcement{id, r.path})
	}
	r.sentSet, r.sentAt = set.Published(), now
}

// again has our lease set sent again, as if the peer had never had it.
func (r *remote) again() { r.knowsSet, r.pushes, r.sentAt = false, 0, time.Time{} }

// acknowledged looks for confirmations of messages that had our lease set, and gives the paths that these took.
func (r *remote) acknowledged(acks []proof) (paths []path) {
	for _, a := range r.sent {
		if slices.Contains(acks, a.proof) {
			paths = append(paths, a.path)
		}
	}
	if len(paths) > 0 {
		r.knowsSet, r.confirms = true, true
		r.sent = r.sent[:0]
	}
	return paths
}
