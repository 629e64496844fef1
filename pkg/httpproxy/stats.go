package httpproxy

import (
	"sync/atomic"

	"i2ptoolkit/pkg/forward/splice"
)

// Stats are the totals since the start, and what there is now.
type Stats struct {
	Connections, Tunnels, IdleStreams int // now

	Accepted, Requests uint64
	Dialled, Reused    uint64 // streams of requests
	Repeated           uint64 // requests that an idle stream had ended for
	Evicted, Expired   uint64 // idle streams, to make room, and because of their age
	Connects, Upgrades uint64
	BytesIn, BytesOut  uint64 // of bodies and of what CONNECT carries, from and to the other side

	Refused  Refused
	Failed   Failed
	Helpers  Helpers
	Outproxy OutproxyStats
}

// Refused are requests that were refused, by reason.
type Refused struct {
	Busy, Slow, Idle    uint64 // connections: too many, a header section that did not come, no next request
	Malformed, TooLarge uint64
	Unauthorized        uint64
	Private, Clearnet   uint64 // hosts that are never reached, and those for which there is no outproxy
	Port, Method        uint64
}

// Failed are requests that failed, by the step that did.
type Failed struct {
	Name, LeaseSet, Tunnels, Connect, Answer uint64
	Gone                                     uint64 // the client went away
}

// Helpers are address helpers, by what became of them.
type Helpers struct {
	Asked, Saved, Once uint64
	Conflicts          uint64 // for a name that is known as another's
	Forged             uint64 // a confirmation without the token of the page that asks for it
}

// OutproxyStats count what was asked of outproxies.
type OutproxyStats struct{ Dialled, Failed uint64 }

// counts are what Stats tells.
type counts struct {
	carried splice.Count // as it passes

	connections, tunnels                                                                 atomic.Int64
	accepted, requests, dialled, reused, repeated                                        atomic.Uint64
	evicted, expired, connects, upgrades, bytesIn, bytesOut                              atomic.Uint64
	busy, slow, idle, malformed, tooLarge, unauthorized, private, clearnet, port, method atomic.Uint64
	failed                                                                               [stepAnswer + 1]atomic.Uint64
	gone                                                                                 atomic.Uint64
	asked, saved, once, conflicts, forged, outDialled, outFailed                         atomic.Uint64
}

// Stats returns the counts.
func (p *Proxy) Stats() Stats {
	c := &p.counts
	return Stats{
		Connections: int(c.connections.Load()), Tunnels: int(c.tunnels.Load()), IdleStreams: p.pool.len(),
		Accepted: c.accepted.Load(), Requests: c.requests.Load(),
		Dialled: c.dialled.Load(), Reused: c.reused.Load(), Repeated: c.repeated.Load(),
		Evicted: c.evicted.Load(), Expired: c.expired.Load(),
		Connects: c.connects.Load(), Upgrades: c.upgrades.Load(),
		BytesIn: c.bytesIn.Load() + c.carried.In.Load(), BytesOut: c.bytesOut.Load() + c.carried.Out.Load(),
		Refused: Refused{
			Busy: c.busy.Load(), Slow: c.slow.Load(), Idle: c.idle.Load(),
			Malformed: c.malformed.Load(), TooLarge: c.tooLarge.Load(), Unauthorized: c.unauthorized.Load(),
			Private: c.private.Load(), Clearnet: c.clearnet.Load(), Port: c.port.Load(), Method: c.method.Load(),
		},
		Failed: Failed{
			Name: c.failed[stepName].Load(), LeaseSet: c.failed[stepLeaseSet].Load(), Tunnels: c.failed[stepTunnels].Load(),
			Connect: c.failed[stepConnect].Load(), Answer: c.failed[stepAnswer].Load(), Gone: c.gone.Load(),
		},
		Helpers: Helpers{
			Asked: c.asked.Load(), Saved: c.saved.Load(), Once: c.once.Load(), Conflicts: c.conflicts.Load(), Forged: c.forged.Load(),
		},
		Outproxy: OutproxyStats{Dialled: c.outDialled.Load(), Failed: c.outFailed.Load()},
	}
}
