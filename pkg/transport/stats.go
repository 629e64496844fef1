package transport

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/tally"
)

// counters are the totals of one transport, a field for each that Stats tell.
type counters struct {
	bytesIn, bytesOut, msgsIn, msgsOut atomic.Uint64
	dropped, late, expired, malformed  atomic.Uint64
	accepted, dialed                   atomic.Uint64
	dialsFailed, missed                atomic.Uint64
	refused, refusedPeers, stalls      atomic.Uint64
	evicted, pushedOut, returned       atomic.Uint64
}

// Traffic is what went over a session, a transport, or all of them.
type Traffic struct {
	BytesIn, BytesOut, MessagesIn, MessagesOut uint64
}

// Stats are totals since the start, and what is held now, a field for each metric.
type Stats struct {
	Sessions, Pending, Dials int // Pending are incoming handshakes
	Lent                     int // bytes of the memory that all peers have in common; of no transport
	Traffic

	Dropped      uint64 // messages that found no room, no session or no peer
	Late         uint64 // of these, tunnel data that waited too long in a queue
	Expired      uint64 // messages that expired in a queue
	Malformed    uint64 // messages and RouterInfos of peers that do not parse or verify
	Accepted     uint64 // sessions that peers opened
	Dialed       uint64 // sessions that we opened
	DialsFailed  uint64
	DialsMissed  uint64 // that failed or were slow, where another way to the peer was found
	Refused      uint64 // connections beyond the limits
	RefusedPeers uint64 // peers that authenticated and were refused
	Evicted      uint64 // sessions that gave way to others
	PushedOut    uint64 // incoming handshakes that gave way to others
	Stalls       uint64 // sessions whose peer acknowledged nothing for a while
	Returned     uint64 // messages that went over another session, as the peer may not have had them
	Times
}

// Times are how long it took to open sessions.
type Times struct {
	DialTime   tally.Durations // from the first message for a peer until its session stood
	AcceptTime tally.Durations // from a peer's coming until its session stood
}

func (c *counters) stats() Stats {
	return Stats{
		Traffic: Traffic{c.bytesIn.Load(), c.bytesOut.Load(), c.msgsIn.Load(), c.msgsOut.Load()},
		Dropped: c.dropped.Load(), Late: c.late.Load(), Expired: c.expired.Load(), Malformed: c.malformed.Load(),
		Accepted: c.accepted.Load(), Dialed: c.dialed.Load(), DialsFailed: c.dialsFailed.Load(), DialsMissed: c.missed.Load(),
		Refused: c.refused.Load(), RefusedPeers: c.refusedPeers.Load(),
		Evicted: c.evicted.Load(), PushedOut: c.pushedOut.Load(), Stalls: c.stalls.Load(), Returned: c.returned.Load(),
	}
}

// DriverStats are the totals of one transport.
type DriverStats struct {
	Name   string
	Listen []netip.AddrPort
	Stats
	Counters []Counter // the driver's own
	Reach    []Reach   // where it finds out
}

// Drivers returns the totals of each transport, in the order of Config.Drivers. What a driver counts and
// finds out itself is there once Ready is closed.
func (t *Transport) Drivers() (out []DriverStats) {
	running := t.running()
	for _, w := range t.ways {
		d := DriverStats{Name: w.name, Stats: w.counters.stats()}
		if running {
			d.Counters = w.Counters()
			if f, ok := w.Driver.(Finder); ok {
				d.Reach = f.Reach()
			}
		}
		t.mu.Lock()
		d.Listen = slices.Clone(w.listens)
		d.Sessions, d.Pending, d.Dials = w.sessions, w.pending, w.dials
		d.DialTime, d.AcceptTime = w.dialTime, w.acceptTime
		t.mu.Unlock()
		out = append(out, d)
	}
	return out
}

// Lost are the totals of what no transport could carry.
func (t *Transport) Lost() Stats {
	s := t.lost.stats()
	s.Lent = t.stock.Lent()
	return s
}

// Stats returns the totals of all transports, and of what none could carry.
func (t *Transport) Stats() Stats {
	all := t.Lost()
	for _, d := range t.Drivers() {
		tally.Add(&all, d.Stats)
	}
	return all
}

// PeerStats tell of one session.
type PeerStats struct {
	Hash      i2p.Hash
	Transport string // the driver's name
	Addr      netip.AddrPort
	Inbound   bool
	Spare     bool // of two sessions with a peer, the one that only receives
	Since     time.Time
	RTT       time.Duration // of the handshake, or as measured since
	Skew      time.Duration // how far the peer's clock runs ahead
	Version   string        // router.version, where the peer has sent its RouterInfo
	Hybrid    kem.Kind      // what the session's keys depend on beside X25519
	Idle      time.Duration // since the last I2NP message
	Traffic
	Queue
	Malformed uint64 // messages of the peer that do not parse
	Ignored   uint64 // what else of it was passed over
}

// Queue tells of what waits for a peer.
type Queue struct {
	Waiting int    // messages
	Stalled bool   // the peer acknowledges nothing
	Dropped uint64 // messages that found no room
	Expired uint64 // messages that expired while waiting
}

// Peers returns the sessions in the order of the peers' hashes.
func (t *Transport) Peers() (out []PeerStats) {
	for _, p := range t.everyone() {
		p.mu.Lock()
		q := Queue{p.queue.len(), p.current != nil && p.current.stalled, p.dropped, p.expired}
		p.mu.Unlock()
		for i, s := range p.sessionsNow() {
			st := s.stats()
			if st.Spare = i > 0; !st.Spare {
				st.Queue = q
			}
			out = append(out, st)
		}
	}
	return out
}

func (s *Session) stats() PeerStats {
	l := s.link.State()
	return PeerStats{
		Hash: s.peer.hash, Transport: s.way.name, Addr: l.Remote, Inbound: s.inbound, Since: s.since,
		RTT: l.RTT, Skew: l.Skew, Version: s.version, Hybrid: l.Hybrid, Idle: s.quietFor(),
		Traffic:   Traffic{s.bytesIn.Load(), s.bytesOut.Load(), s.msgsIn.Load(), s.msgsOut.Load()},
		Malformed: s.malformed.Load(), Ignored: s.ignored.Load(),
	}
}
