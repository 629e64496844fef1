package transport

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/tally"
)

// counters are the totals of one transport.
type counters struct {
	bytesIn, bytesOut, msgsIn, msgsOut atomic.Uint64
	dropped, late, expired, malformed  atomic.Uint64
	accepted, dialed, dialsFailed      atomic.Uint64
	refused, refusedPeers, stalls      atomic.Uint64
}

// Traffic is what went over a session, a transport, or all of them.
type Traffic struct {
	BytesIn, BytesOut, MessagesIn, MessagesOut uint64
}

// Stats are totals since the start, and what is held now.
type Stats struct {
	Sessions, Pending, Dials int // Pending are incoming handshakes
	Traffic

	Dropped      uint64 // messages that found no room, no session or no peer
	Late         uint64 // of these, tunnel data that waited too long in a queue
	Expired      uint64 // messages that expired in a queue
	Malformed    uint64 // messages and RouterInfos of peers that do not parse or verify
	Accepted     uint64 // sessions that peers opened
	Dialed       uint64 // sessions that we opened
	DialsFailed  uint64
	Refused      uint64 // connections beyond the limits
	RefusedPeers uint64 // peers that authenticated and were refused
	Stalls       uint64 // sessions whose peer acknowledged nothing for a while

	DialTime tally.Durations // from the first message for a peer until its session stood
}

func (c *counters) stats() Stats {
	return Stats{
		Traffic: Traffic{c.bytesIn.Load(), c.bytesOut.Load(), c.msgsIn.Load(), c.msgsOut.Load()},
		Dropped: c.dropped.Load(), Late: c.late.Load(), Expired: c.expired.Load(), Malformed: c.malformed.Load(),
		Accepted: c.accepted.Load(), Dialed: c.dialed.Load(), DialsFailed: c.dialsFailed.Load(),
		Refused: c.refused.Load(), RefusedPeers: c.refusedPeers.Load(), Stalls: c.stalls.Load(),
	}
}

func (s *Stats) add(o Stats) {
	s.Sessions += o.Sessions
	s.Pending += o.Pending
	s.Dials += o.Dials
	s.BytesIn += o.BytesIn
	s.BytesOut += o.BytesOut
	s.MessagesIn += o.MessagesIn
	s.MessagesOut += o.MessagesOut
	s.Dropped += o.Dropped
	s.Late += o.Late
	s.Expired += o.Expired
	s.Malformed += o.Malformed
	s.Accepted += o.Accepted
	s.Dialed += o.Dialed
	s.DialsFailed += o.DialsFailed
	s.Refused += o.Refused
	s.RefusedPeers += o.RefusedPeers
	s.Stalls += o.Stalls
	s.DialTime.Add(o.DialTime)
}

// DriverStats are the totals of one transport.
type DriverStats struct {
	Name   string
	Listen []netip.AddrPort
	Stats
	Counters []Counter // the driver's own
}

// Drivers returns the totals of each transport, in the order of Config.Drivers.
func (t *Transport) Drivers() (out []DriverStats) {
	for _, w := range t.ways {
		d := DriverStats{Name: w.name, Stats: w.counters.stats(), Counters: w.Counters()}
		t.mu.Lock()
		d.Listen = slices.Clone(w.listens)
		d.Sessions, d.Pending, d.Dials, d.DialTime = w.sessions, w.pending, w.dials, w.dialTime
		t.mu.Unlock()
		out = append(out, d)
	}
	return out
}

// Stats returns the totals of all transports, and of what none could carry.
func (t *Transport) Stats() Stats {
	all := t.lost.stats()
	for _, d := range t.Drivers() {
		all.add(d.Stats)
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
		RTT: l.RTT, Skew: l.Skew, Version: s.version, Idle: s.quietFor(),
		Traffic:   Traffic{s.bytesIn.Load(), s.bytesOut.Load(), s.msgsIn.Load(), s.msgsOut.Load()},
		Malformed: s.malformed.Load(), Ignored: s.ignored.Load(),
	}
}
