package netdb

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
)

// patience is how long an answer is waited for before the next floodfill is asked.
const patience = 2 * time.Second

// maxTimes is how often one floodfill is asked in one lookup, when it is silent
// and nobody else is left.
const maxTimes = 3

// Answer is what one floodfill did with a query.
type Answer byte

// The answers.
const (
	NoAnswer Answer = iota
	Named           // it named others
	Gave            // the entry came while it was being asked
)

func (a Answer) String() string {
	switch a {
	case Named:
		return "named others"
	case Gave:
		return "gave the entry"
	}
	return "no answer"
}

// Asked is one step of a lookup.
type Asked struct {
	Floodfill i2p.Hash
	At        time.Time
	Took      time.Duration // 0 while there is no answer
	Answer    Answer
	Peers     int // named
	New       int // of those, who were not known
	Unsent    bool
}

// Silent tells whether a floodfill had not answered by a time at which it is waited for no
// more.
func (a *Asked) Silent(by time.Time) bool { return a.waits() && !by.Before(a.At.Add(patience)) }

// waits tells whether an answer may still come.
func (a *Asked) waits() bool { return a.Answer == NoAnswer && !a.Unsent }

// trail is whom a lookup has asked, one after the other.
type trail []Asked

// waits tells whether a floodfill was asked and has not answered.
func (t trail) waits(floodfill i2p.Hash) bool {
	return slices.ContainsFunc(t, func(a Asked) bool { return a.Floodfill == floodfill && a.waits() })
}

// fresh counts the queries that may be answered soon.
func (t trail) fresh(now time.Time) int {
	n := 0
	for i := range t {
		if t[i].waits() && now.Before(t[i].At.Add(patience)) {
			n++
		}
	}
	return n
}

// replied notes a search reply: asked more than once, the floodfill has answered
// all of that.
func (t trail) replied(now time.Time, floodfill i2p.Hash, peers, unknown int) {
	for i := range t {
		if a := &t[i]; a.Floodfill == floodfill && a.Answer == NoAnswer {
			a.Answer, a.Took, a.Peers, a.New = Named, now.Sub(a.At), peers, unknown
		}
	}
}

// gave notes that the entry has come, and tells whether it was credited to a
// floodfill: to the one that gave it where that is known, else only where no other
// can have sent it.
func (t trail) gave(now time.Time, by i2p.Hash) bool {
	var open *Asked
	for i := range t {
		a := &t[i]
		switch {
		case !a.waits() || !by.IsZero() && a.Floodfill != by:
		case open != nil && by.IsZero():
			return false
		default:
			open = a // asked more than once, it has answered the last time
		}
	}
	if open == nil {
		return false
	}
	open.Answer, open.Took = Gave, now.Sub(open.At)
	return true
}

// heard tells whether a floodfill has answered at all.
func (t trail) heard(floodfill i2p.Hash) bool {
	return slices.ContainsFunc(t, func(a Asked) bool { return a.Floodfill == floodfill && a.Answer != NoAnswer })
}

// unsent notes that a floodfill was not asked after all, the last time. What it was
// asked before it may still answer.
func (t trail) unsent(floodfill i2p.Hash) {
	for i := len(t) - 1; i >= 0; i-- {
		if a := &t[i]; a.Floodfill == floodfill && a.waits() {
			a.Unsent = true
			return
		}
	}
}

// again is a floodfill to be asked once more, of a kind where that is not nil: the
// question or its answer may have been lost on the way. Those that were asked the least come
// first.
func (t trail) again(now time.Time, kind func(i2p.Hash) bool) (floodfill i2p.Hash, ok bool) {
	least := maxTimes
	for i := range t {
		h, times, silent := t[i].Floodfill, 0, true
		for j := range t {
			if a := &t[j]; a.Floodfill == h {
				times++
				silent = silent && a.Silent(now)
			}
		}
		if silent && times < least && (kind == nil || kind(h)) {
			floodfill, least = h, times
		}
	}
	return floodfill, least < maxTimes
}

// floodfills are the peers that a reply need not name: those asked already.
func (t trail) floodfills() []i2p.Hash {
	out := make([]i2p.Hash, 0, len(t))
	for i := range t {
		if h := t[i].Floodfill; !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// answered tells whether any floodfill has named others.
func (t trail) answered() bool {
	return slices.ContainsFunc(t, func(a Asked) bool { return a.Answer == Named })
}

// failure is why nothing came of asking these.
func (t trail) failure() error {
	switch {
	case len(t) == 0:
		return ErrNoFloodfills
	case !slices.ContainsFunc(t, func(a Asked) bool { return !a.Unsent }):
		return ErrUnsent
	case !t.answered():
		return ErrNoAnswer
	}
	return ErrNotFound
}
