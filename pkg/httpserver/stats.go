package httpserver

import "sync/atomic"

// Stats are the totals since the start.
type Stats struct {
	Requests, Upgrades      uint64
	Refused                 Refused
	Unavailable, Unanswered uint64 // the web server could not be reached, gave no answer that can be understood
	Gone                    uint64 // the peer broke off before there was an answer
	Forged, Stripped        uint64 // fields that were taken out of requests and of responses
}

// Refused are requests that were refused, by reason.
type Refused struct {
	Slow, Idle          uint64 // a message that did not come in time, no request at all
	Malformed, TooLarge uint64
	Method, Proxied     uint64 // not for a web server, not for this one
	Inproxies, Referers uint64
	Agents, Posts       uint64
}

type counts struct {
	requests, upgrades, unavailable, unanswered, gone, forged, stripped                  atomic.Uint64
	slow, idle, malformed, tooLarge, method, proxied, inproxies, referers, agents, posts atomic.Uint64
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	c := &s.counts
	return Stats{
		Requests: c.requests.Load(), Upgrades: c.upgrades.Load(), Unavailable: c.unavailable.Load(), Unanswered: c.unanswered.Load(),
		Gone: c.gone.Load(), Forged: c.forged.Load(), Stripped: c.stripped.Load(),
		Refused: Refused{
			Slow: c.slow.Load(), Idle: c.idle.Load(), Malformed: c.malformed.Load(), TooLarge: c.tooLarge.Load(),
			Method: c.method.Load(), Proxied: c.proxied.Load(), Inproxies: c.inproxies.Load(), Referers: c.referers.Load(),
			Agents: c.agents.Load(), Posts: c.posts.Load(),
		},
	}
}
