package transport

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
)

// counters are the transport's totals.
type counters struct {
	bytesIn, bytesOut, msgsIn, msgsOut     atomic.Uint64
	dropped, expired, malformed, badFrames atomic.Uint64
	acceptedIn, dialed, dialsFailed        atomic.Uint64
	refused, refusedPeers                  atomic.Uint64
	junk, replays, skewed, handshakes      atomic.Uint64
	stalls, late                           atomic.Uint64
}

// failed counts a handshake that came to nothing, by its cause.
func (c *counters) failed(err error) {
	switch {
	case errors.Is(err, ntcp2.ErrReplay):
		c.replays.Add(1)
	case errors.Is(err, ntcp2.ErrClockSkew):
		c.skewed.Add(1)
	case errors.Is(err, ntcp2.ErrAuthentication), errors.Is(err, ntcp2.ErrKey):
		c.junk.Add(1)
	default:
		c.handshakes.Add(1)
	}
}

// Stats are the totals since the start, and what is held now.
type Stats struct {
	Sessions, Pending, Dials int

	BytesIn, BytesOut, MessagesIn, MessagesOut uint64

	Dropped      uint64 // messages that found no room, no session or no peer
	Late         uint64 // of these, tunnel data that waited too long in a queue
	Expired      uint64 // messages that expired in a queue
	Malformed    uint64 // messages and RouterInfos of peers that do not parse or verify
	BadFrames    uint64 // frames that do not authenticate
	Accepted     uint64 // sessions that peers opened
	Dialed       uint64 // sessions that we opened
	DialsFailed  uint64
	Refused      uint64 // connections beyond the limits
	RefusedPeers uint64 // peers that authenticated and were refused
	Junk         uint64 // first messages that do not authenticate
	Replays      uint64
	Skewed       uint64 // handshakes with a wrong clock
	Handshakes   uint64 // those that failed otherwise
	Stalls       uint64 // sessions whose peer acknowledged nothing for a while
}

// Stats returns the totals.
func (t *Transport) Stats() Stats {
	c := &t.counters
	s := Stats{
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(), MessagesIn: c.msgsIn.Load(), MessagesOut: c.msgsOut.Load(),
		Dropped: c.dropped.Load(), Expired: c.expired.Load(), Malformed: c.malformed.Load(), BadFrames: c.badFrames.Load(),
		Accepted: c.acceptedIn.Load(), Dialed: c.dialed.Load(), DialsFailed: c.dialsFailed.Load(),
		Refused: c.refused.Load(), RefusedPeers: c.refusedPeers.Load(),
		Junk: c.junk.Load(), Replays: c.replays.Load(), Skewed: c.skewed.Load(), Handshakes: c.handshakes.Load(),
		Stalls: c.stalls.Load(), Late: c.late.Load(),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Sessions, s.Pending, s.Dials = t.sessions, len(t.pending), t.dials
	return s
}

// PeerStat tells of one session.
type PeerStat struct {
	Hash    i2p.Hash
	Addr    netip.AddrPort
	Inbound bool
	Spare   bool // of two sessions with a peer, the one that only receives
	Since   time.Time
	RTT     time.Duration // of the handshake
	Skew    time.Duration // how far the peer's clock runs ahead
	Version string        // router.version, where the peer has sent its RouterInfo
	Idle    time.Duration // since the last I2NP message

	BytesIn, BytesOut, MessagesIn, MessagesOut uint64

	Queue     int    // messages that wait
	Stalled   bool   // the peer acknowledges nothing
	Dropped   uint64 // messages that found no room
	Expired   uint64 // messages that expired while waiting
	Malformed uint64 // messages of the peer that do not parse
	Ignored   uint64 // blocks of the peer that were passed over
}

// Peers returns the sessions in the order of the peers' hashes.
func (t *Transport) Peers() []PeerStat {
	t.mu.Lock()
	peers := t.sortedPeers()
	t.mu.Unlock()
	var out []PeerStat
	for _, p := range peers {
		p.mu.Lock()
		queued, dropped, expired := p.queue.len(), p.dropped, p.expired
		stalled := p.current != nil && p.current.stalled
		p.mu.Unlock()
		for i, s := range p.sessionsNow() {
			st := s.stat()
			st.Hash, st.Spare = p.hash, i > 0
			if i == 0 {
				st.Queue, st.Stalled, st.Dropped, st.Expired = queued, stalled, dropped, expired
			}
			out = append(out, st)
		}
	}
	return out
}

func (s *session) stat() PeerStat {
	return PeerStat{
		Addr: s.addr, Inbound: s.inbound, Since: s.since, RTT: s.rtt, Skew: s.skew, Version: s.version, Idle: s.quietFor(),
		BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load(), MessagesIn: s.msgsIn.Load(), MessagesOut: s.msgsOut.Load(),
		Malformed: s.malformed.Load(), Ignored: s.ignored.Load(),
	}
}
