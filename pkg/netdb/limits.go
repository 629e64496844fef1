package netdb

import (
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/i2p"
)

// Rates for routers that nobody asked for. Updates of known routers are not
// counted by newRouters.
const (
	newRoutersRate, newRoutersBurst = 20, 5000
	newLookRate, newLookBurst       = 4, 2000 // for each look (version and capabilities)
	verifyRate, verifyBurst         = 500, 5000
	looksTracked                    = 1024
)

// limits are the buckets of a DB.
type limits struct {
	routers, verify bucket.Bucket
	looks           map[uint32]*bucket.Bucket
}

// newRouter takes from the buckets that a router with such a look falls under.
func (l *limits) newRouter(now time.Time, look uint32) bool {
	if l.looks == nil {
		l.looks = make(map[uint32]*bucket.Bucket)
	}
	b := l.looks[look]
	if b == nil {
		if len(l.looks) >= looksTracked { // a forger with so many versions shares one bucket
			look = 0
		}
		if b = l.looks[look]; b == nil {
			b = new(bucket.Bucket)
			l.looks[look] = b
		}
	}
	return b.Take(now, 1, newLookRate, newLookBurst) && l.routers.Take(now, 1, newRoutersRate, newRoutersBurst)
}

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
