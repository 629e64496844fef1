package client

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/tally"
)

// tunnelsChanged takes what stands now.
func (l *loop) tunnelsChanged(now time.Time, s TunnelState) {
	l.own.changed(now, s.Leases)
	l.own.outlived(s.Leases)
	l.ways.change(s)
	if !l.ways.stand() && l.gates.passed(l.gates.standing) {
		l.gates.shut(l.gates.standing)
		l.gates.shut(l.gates.ready)
		l.gates.pass(l.gates.lost)
	}
	l.openGates()
}

// askAt is when another lease set is to be asked for; zero where none is.
func (l *loop) askAt(now time.Time) time.Time {
	if l.life.resting {
		return time.Time{}
	}
	if l.cfg.Keys == nil && l.own.sealed == nil && !l.ways.stand() {
		return time.Time{} // to be asked is a sign to the owner that there are tunnels both ways
	}
	return l.own.askAt(now, l.state.Leases)
}

// tendSet asks for a new lease set when the tunnels have changed, and publishes
// or takes back what there is.
func (l *loop) tendSet(now time.Time) {
	if at := l.askAt(now); !at.IsZero() && !now.Before(at) {
		l.own.ask(now)
		l.ask(now, l.state.Leases[:min(len(l.state.Leases), leaseset.MaxLeases)], false)
	}
	if len(l.state.Outbound) == 0 { // there is no way that it can leave
		return
	}
	if !l.life.resting {
		if set := l.own.publish(); set != nil {
			l.compare(set)
			l.tunnels.Publish(set)
		}
	} else if l.own.offered && l.life.toWithdraw(now, l.cfg.Resumable) {
		l.life.withdrawal = withdrawing
		// Dated when its user left: the destination may be in use elsewhere by now.
		l.ask(l.life.since, l.own.ending(now), true)
	}
}

// compare looks whether the netDb has a lease set of ours that is not older than the first
// that we publish, as floodfills would keep that. Another life of the destination may have
// published it within the same second, which is all that a date tells, or by another clock.
func (l *loop) compare(set leaseset.Record) {
	if l.own.compared {
		return
	}
	l.own.compared = true
	l.tunnels.LookupLeaseSet(set.Hash(), set.Published()-dateUnit, func(found leaseset.Record, err error) {
		l.post(func(time.Time) {
			if err == nil && l.own.outdone(found) {
				l.cfg.Log.Debug("lease set made again, as the netDb has one that is not older")
			}
		})
	})
}

// ask has the keeper make a lease set that is newer than all before.
func (l *loop) ask(now time.Time, leases []leaseset.Lease, withdrawal bool) {
	want := Wanted{
		Leases:      slices.Clone(leases),
		Published:   l.own.next(now),
		Unpublished: l.cfg.Options.Unpublished,
		Services:    l.cfg.Options.Services,
		Encryption:  l.cfg.Options.Encryption,
		Blinding:    l.cfg.Options.Blinding,
		Meta:        l.cfg.Options.Meta,
		Withdrawal:  withdrawal,
	}
	l.cfg.Keeper.Keep(want, func(k Kept) {
		l.post(func(now time.Time) { l.kept(now, want, k) })
	})
}

// kept takes the keeper's answer.
func (l *loop) kept(now time.Time, want Wanted, k Kept) {
	o := &l.own
	if want.Withdrawal && k.Err != nil { // who could sign it has gone
		l.cfg.Log.Debug("lease set not taken back", "error", k.Err)
		l.life.withdrawal = withdrawn
		return
	}
	if err := o.check(now, want, k); err != nil {
		l.cfg.Log.Error("lease set not made", "error", err)
		o.dirty = o.dirty || !want.Withdrawal // it is asked for again
		return
	}
	o.dated = k.published().Published()
	if want.Withdrawal {
		if l.life.withdrawal == withdrawing {
			l.tunnels.Withdraw(k.published())
		}
		return
	}
	o.asked = time.Time{}
	if l.life.resting {
		o.dirty = true
		return
	}
	severed := o.severed(l.state.Leases)
	o.take(k, !l.cfg.Options.Unpublished)
	l.stats.LeaseSets++
	if k.Set != nil {
		gone, elder := l.voice.use(now, k.Keys)
		tally.AddTotals(&l.stats.Sessions, gone)
		tally.AddTotals(&l.stats.ElGamal, elder)
	}
	l.pushAt = now.Add(pushDelay)
	for _, r := range l.remotes {
		if r.stalled(now) { // it may be waiting for nothing else
			l.pushAt = now
		}
	}
	if severed {
		l.scoutAll(now)
	}
	l.warn(now)
	if k.Set != nil {
		l.cfg.Log.Debug("lease set made", "leases", len(k.Set.Leases()))
	} else {
		l.cfg.Log.Debug("lease set made, which names others", "others", len(k.Meta.MetaLeases()))
	}
	l.openGates()
}

// confirmed is told that a floodfill has what was published.
func (l *loop) confirmed() {
	if l.life.withdrawal == withdrawing {
		l.life.withdrawal = withdrawn
		return
	}
	l.own.confirmed = true
	l.openGates()
}

// openGates opens the gates that can be.
func (l *loop) openGates() {
	if l.own.sealed == nil || !l.ways.stand() {
		return
	}
	l.gates.shut(l.gates.lost)
	l.gates.pass(l.gates.standing)
	if l.own.confirmed || l.cfg.Options.Unpublished {
		l.gates.pass(l.gates.ready)
	}
}
