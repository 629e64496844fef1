package node

import (
	"context"
	"time"
)

// How often the load of our links is looked at, and for how long it must be
// higher or lower before we say so: a RouterInfo lives for long, and reaches
// many.
const (
	pressureEvery = 30 * time.Second
	pressureUp    = 2 * time.Minute
	pressureDown  = 5 * time.Minute
)

// The levels of congestion that a router publishes (proposal 162): of its busy
// neighbours half, or nearly all, take less than is sent to them. One or two
// slow ones are their own fault.
const (
	pressureNone   = 0
	pressureMedium = 'D'
	pressureHigh   = 'E'

	mediumLeast, highLeast = 3, 5
)

// pressure follows the load of our links.
type pressure struct {
	level byte
	other time.Time // since when the load has asked for another level
}

func pressureOf(busy, congested int) byte {
	switch {
	case congested >= highLeast && congested*10 >= busy*9:
		return pressureHigh
	case congested >= mediumLeast && congested*2 >= busy:
		return pressureMedium
	}
	return pressureNone
}

// look takes what the links are like now, and reports whether the level is another.
func (p *pressure) look(now time.Time, busy, congested int) (changed bool) {
	want := pressureOf(busy, congested)
	if want == p.level {
		p.other = time.Time{}
		return false
	}
	if p.other.IsZero() {
		p.other = now
	}
	hold := pressureUp
	if want < p.level {
		hold = pressureDown
	}
	if now.Sub(p.other) < hold {
		return false
	}
	p.level, p.other = want, time.Time{}
	return true
}

// watchPressure publishes how congested we are.
func (n *Node) watchPressure(ctx context.Context) error {
	tick := time.NewTicker(pressureEvery)
	defer tick.Stop()
	var p pressure
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		busy, congested := n.transport.Pressure()
		if !p.look(n.cfg.Now(), busy, congested) {
			continue
		}
		n.pressure.Store(uint32(p.level))
		n.log.Info("congestion has changed", "busy_peers", busy, "congested_peers", congested, "caps", n.caps())
		n.router.Republish()
	}
}
