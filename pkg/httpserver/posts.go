package httpserver

import (
	"sync"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/quota"
)

// Posts bound how often peers change something (POST, PUT, PATCH, DELETE). 0 is no limit.
type Posts struct {
	Peer, All int           // in Period
	Period    time.Duration // 5 min
	Ban       time.Duration // for a peer that sends more: 30 min
}

// maxVisitors is how many peers are remembered. More are refused until there is room.
const maxVisitors = 16384

// limiter counts what peers change.
type limiter struct {
	Posts
	mu    sync.Mutex // a leaf
	all   quota.Counter
	peers quota.Visitors[i2p.Hash, visitor]
}

type visitor struct {
	quota.Counter
	banned time.Time // until then
}

// allow counts one more of a peer's, and tells whether it may be.
func (l *limiter) allow(now time.Time, peer i2p.Hash) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Peer > 0 {
		each := []quota.Rate{{Most: l.Peer, In: l.Period}}
		l.peers.Most = maxVisitors
		v := l.peers.Of(now, peer, func(v *visitor) bool { return v.Idle(now, each) && !now.Before(v.banned) })
		switch {
		case v == nil || now.Before(v.banned):
			return false
		case !v.Take(now, each):
			v.banned = now.Add(l.Ban)
			return false
		}
	}
	return l.all.Take(now, []quota.Rate{{Most: l.All, In: l.Period}})
}
