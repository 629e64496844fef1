package streaming

import (
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
)

// peers are the destinations that streams go to, went to or come from.
type peers struct {
	byHash map[i2p.Hash]*peer
}

// peer is a remote destination, and what its last streams learned of the path
// (Streaming, "Control Block Sharing").
type peer struct {
	dest    i2p.Destination
	hash    i2p.Hash
	streams int
	held    int           // bytes that came from it and were not yet read
	batch   int           // one more than its index in the outbox
	noes    bucket.Bucket // see admission
	strays  bucket.Bucket

	smoothed, vary time.Duration
	learnt         instant
}

const (
	learntLife = 5 * time.Minute
	maxPeers   = 1024 // remembered without streams
)

// of finds or makes the record of a destination.
func (ps *peers) of(now instant, d i2p.Destination) *peer {
	h := d.Hash()
	p := ps.byHash[h]
	if p == nil {
		if len(ps.byHash) >= maxPeers {
			ps.forget(now)
		}
		p = &peer{dest: d, hash: h}
		ps.byHash[h] = p
	}
	return p
}

// forget drops the records of peers without streams: those that are old, and
// all where that does not help.
func (ps *peers) forget(now instant) {
	for _, life := range [...]time.Duration{learntLife, 0} {
		for h, p := range ps.byHash {
			if p.streams == 0 && p.held == 0 && now-p.learnt >= life {
				delete(ps.byHash, h)
			}
		}
		if len(ps.byHash) < maxPeers*3/4 {
			return
		}
	}
}

// learn keeps what a stream has learned of its path, for the next one.
func (p *peer) learn(now instant, rtt *roundTrip) {
	if rtt.smoothed > 0 {
		p.smoothed, p.vary, p.learnt = rtt.smoothed, rtt.vary, now
	}
}

// guess is what a round trip is hardly expected to exceed; 0 where that is not
// known, or was long ago.
func (p *peer) guess(now instant) time.Duration {
	if p.smoothed > 0 && now-p.learnt < learntLife {
		return p.smoothed + 4*p.vary
	}
	return 0
}
