package client

import (
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/options"
)

const (
	// farewell bounds what Retire leaves to do: a stream lingers for less.
	farewell = 30 * time.Second
	// withdrawAfter is how long a destination that may be resumed is missing
	// before its lease set is taken back: a restart goes unnoticed.
	withdrawAfter = 3 * time.Second
	// withdrawnLife is the life of the lease set that takes another back: long
	// enough for clocks that differ and for the way to the floodfill.
	withdrawnLife = 10 * time.Second
	// dormancy bounds how long a destination can be resumed.
	dormancy = 10 * time.Minute
)

// life is where a destination stands between its users.
type life struct {
	resting    bool // since the last Retire
	leaving    bool // for good, see Leave
	since      time.Time
	withdrawal withdrawal
}

// withdrawal is what became of the lease set of a retired destination.
type withdrawal uint8

const (
	published withdrawal = iota
	withdrawing
	withdrawn
)

// next is when something changes by itself; zero for never.
func (l *life) next(now time.Time, resumable bool) (at time.Time) {
	if !l.resting {
		return at
	}
	ends := []time.Duration{farewell}
	if resumable {
		ends = append(ends, withdrawAfter, dormancy)
	}
	for _, d := range ends {
		if end := l.since.Add(d); end.After(now) {
			at = deadline.Earliest(at, end)
		}
	}
	return at
}

// Retire says that the destination has no user any more. It takes no new
// streams and builds no tunnels, but answers the peers of its last ones for a
// while: one that has missed our last acknowledgement must not think that its
// data were lost. Its lease set is taken back. Then Run returns; where the
// destination is resumable, only once its tunnels have run out.
func (c *Client) Retire() {
	c.call(func(now time.Time) {
		if c.life.resting {
			return
		}
		c.rest(now)
		c.demux.close()
		if c.host != nil {
			c.host.Retire()
		}
	})
}

// Leave says that the destination goes, for good, while it still has a user: no streams
// are opened any more, and its lease set is taken back, but those that are open go on.
// Once they have ended, or after a while, Run returns.
func (c *Client) Leave() {
	c.call(func(now time.Time) {
		c.life.leaving, c.cfg.Resumable = true, false
		if c.life.resting {
			return
		}
		c.rest(now)
		if c.host != nil {
			c.host.Rest()
		}
	})
}

// rest ends what is begun for a user.
func (l *loop) rest(now time.Time) {
	l.life.resting, l.life.since = true, now
	l.gates.pass(l.gates.retired)
	l.tunnels.Rest()
}

// Resume gives a retired destination to another user, with all that it has:
// tunnels, lease set and sessions. The options may differ in what is no matter
// of sessions and streams (options.Options.SameEngines); tunnels of another
// shape are built anew. It reports false where the destination has ended, or is
// in use.
func (c *Client) Resume(asked options.Options) (resumed bool) {
	c.call(func(now time.Time) {
		if !c.life.resting || c.life.leaving || !asked.SameEngines(c.cfg.Options) {
			return
		}
		resumed = true
		c.life.resting = false
		c.gates.shut(c.gates.retired)
		c.demux.open()
		if c.host != nil {
			c.host.Resume()
		}
		c.tunnels.Resume()
		said := c.reshape(asked)
		o := &c.own
		c.own.renew(!said || c.life.withdrawal != published || !c.own.stands(now))
		c.life.withdrawal = published
		stands := c.ways.stand()
		if !stands {
			c.gates.shut(c.gates.standing)
		}
		if o.missing || !stands {
			o.confirmed = false
			c.gates.shut(c.gates.ready)
		}
		c.openGates()
	})
	return resumed
}

// Reshape changes what is asked for while the destination is in use: the shape
// of its tunnels, whether it is published, and what its lease set says. It
// reports false where the options differ in more, or the destination has ended.
func (c *Client) Reshape(asked options.Options) (changed bool) {
	c.call(func(time.Time) {
		if changed = asked.SameEngines(c.cfg.Options); changed {
			c.own.renew(!c.reshape(asked))
		}
	})
	return changed
}

// reshape has the tunnels be as asked; those that do not fit are gone. It
// reports whether the lease set says what is asked for.
func (l *loop) reshape(asked options.Options) (said bool) {
	before := l.cfg.Options
	l.cfg.Options = asked
	if before.Inbound != asked.Inbound || before.Outbound != asked.Outbound {
		l.state = TunnelState{} // the router tells at once what still stands
		l.tunnels.Reshape(asked.Inbound, asked.Outbound)
	}
	return before.Unpublished == asked.Unpublished && maps.Equal(before.Services, asked.Services) && slices.Equal(before.Meta, asked.Meta) && before.Blinding == asked.Blinding
}

// ends reports whether nothing is left to do for a retired destination, which
// may be resumed or not.
func (l *life) ends(now time.Time, toTell, resumable bool) bool {
	if !l.resting {
		return false
	}
	since := now.Sub(l.since)
	if toTell && since < farewell {
		return false
	}
	return !resumable || since >= dormancy
}

// toWithdraw reports that the lease set is to be taken back now, once.
func (l *life) toWithdraw(now time.Time, resumable bool) bool {
	return l.withdrawal == published && (!resumable || now.Sub(l.since) >= withdrawAfter)
}

// leaves reports whether the destination ends by itself now. One that is in haste does not linger.
func (l *loop) leaves(now time.Time) bool {
	toTell := l.own.offered && l.life.withdrawal != withdrawn || len(l.outbox.order) > 0
	if l.host != nil {
		toTell = toTell || l.host.Live() > 0 || !l.life.leaving && l.host.Len() > 0
	}
	return l.life.ends(now, toTell, l.cfg.Resumable && len(l.state.Leases) > 0)
}
