package netdb

import (
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
)

// peerBuckets limits each of many peers, and forgets those that are idle.
type peerBuckets struct {
	rate, burst float64
	max         int
	peers       map[i2p.Hash]*bucket.Bucket
	order       []i2p.Hash
	next        int
}

func (p *peerBuckets) take(now time.Time, peer i2p.Hash, n float64) bool {
	if p.peers == nil {
		p.peers = make(map[i2p.Hash]*bucket.Bucket)
	}
	b := p.peers[peer]
	if b == nil {
		if len(p.order) < p.max {
			p.order = append(p.order, peer)
		} else {
			delete(p.peers, p.order[p.next])
			p.order[p.next] = peer
			p.next = (p.next + 1) % p.max
		}
		b = new(bucket.Bucket)
		p.peers[peer] = b
	}
	return b.Take(now, n, p.rate, p.burst)
}
