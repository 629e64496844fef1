package router

import (
	"math"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
)

// elsewhere is where those come from whose session has ended since, or who ask
// through a tunnel that ends here: all together.
var elsewhere = origin.Of(netip.IPv6Unspecified())

// source is where a peer comes from, which is what all that it asks of us is
// counted by: its identity is free. In a test network those of one machine, or one
// house, are given networks of their own.
func (c *core) source(peer i2p.Hash) origin.Networks {
	networks := c.senders[peer].Host.Networks()
	host := networks.Host().Addr()
	switch {
	case host.IsValid() && !host.IsLoopback() && !host.IsPrivate():
		return networks
	case c.cfg.Testnet:
		return origin.Of(netip.AddrFrom16([16]byte(peer[:])))
	}
	return elsewhere
}

// rateLimit shares a rate among all who ask. A host may have used as much of late
// as is left for others, the networks about it a few times that: one that is alone
// gets much, many get the same, and whoever asks for little is served however many
// ask for much.
type rateLimit struct {
	rate, burst float64
	all         bucket.Bucket
	used        map[netip.Prefix]*use
	forgot      time.Time
}

// use is what was used of late: what is useTime old counts a third.
type use struct {
	much float64
	at   time.Time
}

const (
	useTime    = 5 * time.Second
	widerShare = 4 // how many times as much a wider network may use
	maxUses    = 16384
)

func newRateLimit(rate, burst float64) *rateLimit {
	return &rateLimit{rate: rate, burst: burst, used: make(map[netip.Prefix]*use)}
}

// allow counts what is asked, and reports whether it is to be done.
func (l *rateLimit) allow(now time.Time, from origin.Networks) bool {
	if len(l.used) >= maxUses && now.Sub(l.forgot) >= time.Second {
		l.forgot = now // a scan for each message would be a flood's best weapon
		l.forget(now)
	}
	// The widest first: where there is no room for more, those who come with ever
	// new hosts are counted by that.
	uses := [origin.Steps]*use{}
	share := l.all.Left(now, l.rate, l.burst) * math.Pow(widerShare, origin.Steps-1)
	for i := origin.Steps - 1; i >= 0; i-- {
		u := l.use(now, from[i])
		if uses[i] = u; u != nil && u.much >= share {
			return false
		}
		share /= widerShare
	}
	if !l.all.Take(now, 1, l.rate, l.burst) {
		return false
	}
	for _, u := range uses {
		if u != nil {
			u.much++
		}
	}
	return true
}

// use is that of a network; nil where it is not known and there is no room.
func (l *rateLimit) use(now time.Time, p netip.Prefix) *use {
	u := l.used[p]
	switch {
	case u != nil:
		u.fade(now)
	case len(l.used) < maxUses:
		u = &use{at: now}
		l.used[p] = u
	}
	return u
}

func (u *use) fade(now time.Time) {
	if passed := now.Sub(u.at); passed > 0 {
		u.much *= math.Exp(-passed.Seconds() / useTime.Seconds())
		u.at = now
	}
}

// forget drops those who have used next to nothing of late.
func (l *rateLimit) forget(now time.Time) {
	for p, u := range l.used {
		if u.fade(now); u.much < 0.1 {
			delete(l.used, p)
		}
	}
}
