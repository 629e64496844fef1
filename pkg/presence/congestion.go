package presence

import "time"

// How often the load of our links is to be looked at, and for how long it must
// be higher or lower before we say so: a RouterInfo lives for long, and reaches
// many.
const (
	LookEvery = 30 * time.Second
	holdUp    = 2 * time.Minute
	holdDown  = 5 * time.Minute
)

// The levels of congestion that a router publishes (proposal 162): of its busy
// neighbours half, or nearly all, take less than is sent to them. One or two
// slow ones are their own fault.
const (
	none   = 0
	medium = 'D'
	high   = 'E'

	mediumLeast, highLeast = 3, 5
)

func levelOf(busy, congested int) byte {
	switch {
	case congested >= highLeast && congested*10 >= busy*9:
		return high
	case congested >= mediumLeast && congested*2 >= busy:
		return medium
	}
	return none
}

// Look takes what the links are like now, how many are busy and how many of
// them congested, and reports whether we say something else of it than before:
// then a new RouterInfo is due. One goroutine calls it, every LookEvery.
func (p *Presence) Look(busy, congested int) (changed bool) {
	now, was, want := p.cfg.Now(), byte(p.level.Load()), levelOf(busy, congested)
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
