package presence

import "time"

// How often our load is to be looked at, and for how long it must
// be higher or lower before we say so: a RouterInfo lives for long, and reaches
// many.
const (
	LookEvery = 30 * time.Second
	holdUp    = 2 * time.Minute
	holdDown  = 5 * time.Minute
)

// The levels of congestion that a router publishes (proposal 162): of its busy
// neighbours half, or nearly all, take less than is sent to them, or of those who
// ask for a tunnel, and have few, half or nearly all are refused. One or two are
// their own fault.
const (
	none   = 0
	medium = 'D'
	high   = 'E'

	mediumLeast, highLeast = 3, 5
)

// Load is how many of something there are, and how many of them fare badly.
type Load struct{ All, Bad int }

func (l Load) level() byte {
	switch {
	case l.Bad >= highLeast && l.Bad*10 >= l.All*9:
		return high
	case l.Bad >= mediumLeast && l.Bad*2 >= l.All:
		return medium
	}
	return none
}

// Look takes what the busy links are like now, and what became of those who asked
// for tunnels, and reports whether we say something else of it than before: then a
// new RouterInfo is due. One goroutine calls it, every LookEvery.
func (p *Presence) Look(links, transit Load) (changed bool) {
	now, was, want := p.cfg.Now(), byte(p.level.Load()), max(links.level(), transit.level())
	if want == was {
		p.other = time.Time{}
		return false
	}
	if p.other.IsZero() {
		p.other = now
	}
	hold := holdUp
	if want < was {
		hold = holdDown
	}
	if now.Sub(p.other) < hold {
		return false
	}
	p.level.Store(uint32(want))
	p.other = time.Time{}
	return true
}
