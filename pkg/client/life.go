package client

import (
	"maps"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
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
	since      time.Time
	retired    chan struct{}   // closed while resting
	gone       <-chan struct{} // closed with the end of the last stream
	idle       bool            // it is
	told       bool            // the tunnels know of resting
	withdrawal withdrawal
	over       bool // Run is at its end: there is no resuming
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
			at = earliest(at, end)
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
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &c.life
	if l.resting || l.over {
		return
	}
	l.resting, l.since, l.idle = true, c.cfg.Now(), false
	close(l.retired)
	l.gone = c.host.Retire()
	c.nudge()
}

// Renewal is what a resumed destination does otherwise than before.
type Renewal struct {
	// Options differ from those before in what is no matter of sessions and
	// streams (options.Options.SameEngines).
	Options options.Options
	// Anew: its tunnels are of another shape, and none of them stands yet.
	Anew bool
}

// Resume gives a retired destination to another user, with all that it has:
// tunnels, lease set and sessions. It reports false where that has ended.
func (c *Client) Resume(r Renewal) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &c.life
	if !l.resting || l.over {
		return false
	}
	l.resting, l.gone, l.retired = false, nil, make(chan struct{})
	c.host.Resume()
	said := maps.Equal(c.cfg.Options.Services, r.Options.Services)
	c.cfg.Options = r.Options
	if r.Anew {
		c.state = TunnelState{}
	}
	missing := l.withdrawal != published || !c.setStands(c.cfg.Now()) || c.set.Unpublished() != r.Options.Unpublished || !said
	l.withdrawal = published
	c.missing = c.missing || missing
	c.dirty = c.dirty || c.missing
	stands := len(c.state.Leases) > 0 && len(c.state.Outbound) > 0
	if c.stands && !stands {
		c.stands, c.standing = false, make(chan struct{})
	}
	if c.isReady && (missing || !stands) {
		c.isReady, c.confirmed, c.ready = false, false, make(chan struct{})
	}
	c.nudge()
	return true
}

// rest tells the tunnels whether the destination is in use. It returns what is
// closed with the end of a retired one's last stream.
func (c *Client) rest() (gone <-chan struct{}) {
	c.mu.Lock()
	l := &c.life
	change := l.resting != l.told
	l.told = l.resting
	resting := l.resting
	if !l.idle {
		gone = l.gone
	}
	c.mu.Unlock()
	switch {
	case !change:
	case resting:
		c.tunnels.Rest()
	default:
		c.tunnels.Resume()
	}
	return gone
}

func (c *Client) streamsGone(gone <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life.idle = c.life.gone == gone
}

// retired is closed when the present user has gone.
func (c *Client) retired() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.life.retired
}

// leaves reports whether there is nothing left to do for a retired destination.
func (c *Client) leaves() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &c.life
	if !l.resting {
		return false
	}
	since := c.cfg.Now().Sub(l.since)
	toTell := !l.idle || c.offered && l.withdrawal != withdrawn
	if toTell && since < farewell {
		return false
	}
	if c.cfg.Resumable && since < dormancy && len(c.state.Leases) > 0 {
		return false
	}
	l.over = true
	return true
}

// takeToWithdraw is the lease set that takes back the one of a destination that
// has been retired long enough, once.
func (c *Client) takeToWithdraw(now time.Time) leaseset.Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &c.life
	if !l.resting || !c.offered || l.withdrawal != published || len(c.state.Outbound) == 0 {
		return nil
	}
	if c.cfg.Resumable && now.Sub(l.since) < withdrawAfter {
		return nil
	}
	end := i2p.DateOf(now.Add(withdrawnLife))
	leases := slices.Clone(c.set.Leases())
	for i := range leases {
		leases[i].Expires = min(leases[i].Expires, end)
	}
	l.withdrawal = withdrawing
	// Dated when its user left: the destination may be in use elsewhere by now.
	if set := c.makeSet(l.since, leases); set != nil {
		return set
	}
	return nil
}
