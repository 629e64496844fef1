package botnet

import (
	"slices"
	"strings"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// i2pd goes by the rules that i2pd has at the end of 2025 (2.59; libi2pd:
// Profiling, NetDb, TunnelPool, Transports), as far as they bear on whom it chooses:
//
//   - hops are drawn from all routers alike, with up to three draws to find one whose
//     profile is not bad; client tunnels take fast ones (O, P, X) first
//   - once it has run for 10 minutes and less than a tenth of its builds succeed,
//     client tunnels take only routers that are real: a session, or an answer to a build
//   - the first hop is one of the peers that it has a session with, where these are more
//     than 100, or more than 25 for an inbound tunnel
//   - a profile is bad while the router could not be dialled 8 minutes ago; for 5.5
//     minutes after a refusal, or after silence where that is usual; and for 73 minutes
//     after one where it refuses nearly always
//   - a hop of a build without a reply counts as silent; what a tunnel carries is no
//     part of a profile
//   - a floodfill beyond the 1,800th is one only if it is real already; lookups ask the
//     closest that can be reached
type i2pd struct {
	directory
	rand     *draw.Source
	profiles map[i2p.Hash]*i2pdProfile
	peers    []i2p.Hash // that there is a session with
	started  time.Time
	rate     float64 // of builds that succeed, smoothed
	builds   float64
}

type i2pdProfile struct {
	agreed, declined, silent int
	taken, rejected          int
	declinedAt, unreachedAt  time.Time
	connected                bool
}

func (p *i2pdProfile) real() bool { return p.connected || p.agreed > 0 || p.declined > 0 }

const (
	i2pdFloodfills  = 1800
	i2pdDeclined    = 330 * time.Second
	i2pdMaxDeclined = 4400 * time.Second
	i2pdUnreachable = 480 * time.Second
	i2pdSmoothing   = 0.0005
	i2pdUptime      = 10 * time.Minute
)

func newI2pd(rand *draw.Source) *i2pd {
	return &i2pd{directory: newDirectory(), rand: rand, profiles: make(map[i2p.Hash]*i2pdProfile), rate: 0.1}
}

func (d *i2pd) profile(h i2p.Hash) *i2pdProfile {
	p := d.profiles[h]
	if p == nil {
		p = new(i2pdProfile)
		d.profiles[h] = p
	}
	return p
}

func (d *i2pd) learn(now time.Time, ri *routerinfo.RouterInfo) {
	if d.started.IsZero() {
		d.started = now
	}
	if d.directory.learn(ri) && ri.IsFloodfill() && (len(d.floodfills) < i2pdFloodfills || d.profile(ri.Hash()).real()) {
		d.floodfills = append(d.floodfills, ri)
	}
}

func (d *i2pd) connected(_ time.Time, peer i2p.Hash, yes bool) {
	if !yes {
		d.peers = slices.DeleteFunc(d.peers, func(h i2p.Hash) bool { return h == peer })
		return
	}
	d.profile(peer).connected = true
	d.profile(peer).unreachedAt = time.Time{}
	d.peers = append(d.peers, peer)
}

func (d *i2pd) unreachable(now time.Time, peer i2p.Hash) { d.profile(peer).unreachedAt = now }

func (d *i2pd) replied(now time.Time, peer i2p.Hash, agreed bool) {
	p := d.profile(peer)
	if agreed {
		p.agreed++
		p.declinedAt = time.Time{}
	} else {
		p.declined++
		p.declinedAt = now
	}
}

func (d *i2pd) silent(now time.Time, peer i2p.Hash) {
	p := d.profile(peer)
	if p.silent++; p.silent > 2*p.agreed && p.silent > 3 {
		p.declinedAt = now
	}
}

func (d *i2pd) built(_ time.Time, ok bool) {
	d.builds++
	alpha := i2pdSmoothing + (1-i2pdSmoothing)/d.builds
	if d.rate *= 1 - alpha; ok {
		d.rate += alpha
	}
}

func (p *i2pdProfile) unreachable(now time.Time) bool {
	return !p.unreachedAt.IsZero() && now.Sub(p.unreachedAt) <= i2pdUnreachable
}

func (p *i2pdProfile) bad(now time.Time) bool {
	switch {
	case p.unreachable(now):
		return true
	case p.declinedAt.IsZero() || now.Sub(p.declinedAt) > i2pdMaxDeclined:
		return false
	case now.Sub(p.declinedAt) <= i2pdDeclined:
		return true
	}
	bad := p.agreed == 0 && p.declined >= 5 || 4*p.agreed < p.declined
	if bad && p.rejected > 10*(p.taken+1) {
		p.agreed, p.declined, p.silent, bad = 0, 0, 0, false
	}
	if bad {
		p.rejected++
	} else {
		p.taken++
	}
	return bad
}

func (d *i2pd) hops(now time.Time, count int, client, inbound bool) (hops []*routerinfo.RouterInfo) {
	if n := len(d.peers); n > 100 || inbound && n > 25 {
		first := d.of[d.peers[d.rand.Below(n)]]
		if first != nil && (!client || fast(first)) && !d.profile(first.Hash()).bad(now) {
			hops = append(hops, first)
		}
	}
	for len(hops) < count {
		hop := d.hop(now, client, hops)
		if hop == nil {
			return nil
		}
		hops = append(hops, hop)
	}
	if inbound { // it builds from its own end
		slices.Reverse(hops)
	}
	return hops
}

func (d *i2pd) hop(now time.Time, client bool, hops []*routerinfo.RouterInfo) (hop *routerinfo.RouterInfo) {
	real := client && d.rate < 0.1 && now.Sub(d.started) > i2pdUptime
	for range 3 {
		hop = d.draw(func(ri *routerinfo.RouterInfo) bool {
			return !slices.Contains(hops, ri) && (!client || fast(ri)) && (!real || d.profile(ri.Hash()).real())
		})
		switch {
		case hop != nil && !d.profile(hop.Hash()).bad(now):
			return hop
		case hop == nil && client:
			client, real = false, false
		case hop == nil:
			return nil
		}
	}
	return hop
}

// draw is a router at random of those that fit, or nil.
func (d *i2pd) draw(fits func(*routerinfo.RouterInfo) bool) *routerinfo.RouterInfo {
	if len(d.list) == 0 {
		return nil
	}
	at := d.rand.Below(len(d.list))
	for i := range d.list {
		if ri := d.list[(at+i)%len(d.list)]; fits(ri) {
			return ri
		}
	}
	return nil
}

// fast is what i2pd takes for high bandwidth.
func fast(ri *routerinfo.RouterInfo) bool {
	return strings.ContainsRune("OPX", rune(ri.Caps().Bandwidth))
}

func (d *i2pd) floodfill(now time.Time, key i2p.Hash, asked []i2p.Hash) *routerinfo.RouterInfo {
	return d.closest(now, key, func(h i2p.Hash) bool {
		return !slices.Contains(asked, h) && !d.profile(h).unreachable(now)
	})
}
