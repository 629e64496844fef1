package transport

import (
	"time"

	"i2ptoolkit/pkg/i2p"
)

// Congested reports whether a peer takes less than is sent to it, for a while now.
func (t *Transport) Congested(hash i2p.Hash) bool {
	p := t.peer(hash)
	if p == nil {
		return false
	}
	_, congested := p.pressure(t.since())
	return congested
}

// Waiting is how many messages of tunnels wait for a peer to take them.
func (t *Transport) Waiting(hash i2p.Hash) int {
	p := t.peer(hash)
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.bulk
}

// Pressure tells how many peers had much to take of late, and of these, how
// many took less than was sent to them.
func (t *Transport) Pressure() (busy, congested int) {
	now := t.since()
	for _, p := range t.everyone() {
		if b, c := p.pressure(now); b {
			busy++
			if c {
				congested++
			}
		}
	}
	return busy, congested
}

// pressure tells whether the peer had much to take of late, and too much.
func (p *peer) pressure(now time.Duration) (busy, congested bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.load.roll(now)
	l := p.queue.load
	return l.busy, l.congested || p.current != nil && p.current.stalled
}

// loadWindow is over how long a peer's load is judged.
const loadWindow = 10 * time.Second

// load tells whether more is asked of a peer than it takes.
type load struct {
	since         time.Duration
	sent, dropped int // bulk, in this window
	busy          bool
	congested     bool // as the last window was
}

// The last window's bulk: busyLeast messages make it busy, and it was
// congested where one in congestedShare and no fewer than congestedLeast were dropped.
const (
	busyLeast      = 100
	congestedShare = 20
	congestedLeast = 10
)

func (l *load) count(now time.Duration, sent, dropped int) {
	l.roll(now)
	l.sent += sent
	l.dropped += dropped
}

// roll ends a window that is over.
func (l *load) roll(now time.Duration) {
	over := now - l.since
	if over < loadWindow {
		return
	}
	l.busy = over < 2*loadWindow && l.sent+l.dropped >= busyLeast
	l.congested = over < 2*loadWindow && l.dropped >= congestedLeast && l.dropped*congestedShare >= l.sent+l.dropped
	l.since, l.sent, l.dropped = now, 0, 0
}
