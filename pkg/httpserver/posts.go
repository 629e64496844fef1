package httpserver

import (
	"sync"
	"time"

	"i2ptoolkit/pkg/i2p"
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
	all   window
	peers map[i2p.Hash]*visitor
	swept time.Time // when there was no room
}

type window struct {
	begun time.Time
	n     int
}

type visitor struct {
	window
	banned time.Time // until then
}

func (w *window) add(now time.Time, period time.Duration) int {
	if now.Sub(w.begun) >= period {
		w.begun, w.n = now, 0
	}
	w.n++
	return w.n
}

// allow counts one more of a peer's, and tells whether it may be.
func (l *limiter) allow(now time.Time, peer i2p.Hash) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Peer > 0 {
		v := l.visitor(now, peer)
		switch {
		case v == nil || now.Before(v.banned):
			return false
		case v.add(now, l.Period) > l.Peer:
			v.banned = now.Add(l.Ban)
			return false
		}
	}
	return l.All == 0 || l.all.add(now, l.Period) <= l.All
}

// visitor finds or makes a peer's entry; nil where too many are remembered.
func (l *limiter) visitor(now time.Time, peer i2p.Hash) *visitor {
	if v := l.peers[peer]; v != nil {
		return v
	}
	if len(l.peers) >= maxVisitors && now.Sub(l.swept) >= time.Second {
		l.swept = now
		for h, v := range l.peers {
			if now.Sub(v.begun) >= l.Period && !now.Before(v.banned) {
				delete(l.peers, h)
			}
		}
	}
	if len(l.peers) >= maxVisitors {
		return nil
	}
	if l.peers == nil {
		l.peers = make(map[i2p.Hash]*visitor)
	}
	v := new(visitor)
	l.peers[peer] = v
	return v
}
