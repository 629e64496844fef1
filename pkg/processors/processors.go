// Package processors keeps the number of processors that Go's scheduler uses
// near the number that the process needs. With more of them than work, every
// message that one goroutine hands to another wakes a thread that finds
// nothing left to do: for a router that is a sixth of its CPU time.
package processors

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// How often the use is looked at; when processors are added (the share of
// those at hand that is used), and when they are given up (the share, and for
// how many periods it was no more).
const (
	period   = 250 * time.Millisecond
	busy     = 0.6
	idle     = 0.25
	patience = 8
)

// Follow begins with one processor and lets their number follow the use, up to
// what GOMAXPROCS is now. The function it returns ends this, and sets the
// number as it was. Follow changes nothing where the environment sets
// GOMAXPROCS, or the system does not tell how much time is used.
func Follow() (stop func()) {
	if _, ok := used(); !ok || os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	return follow(period, used)
}

func follow(period time.Duration, used func() (time.Duration, bool)) (stop func()) {
	most := runtime.GOMAXPROCS(1)
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		g := governor{most: most, number: 1}
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		at := time.Now()
		before, _ := used()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			now := time.Now()
			total, ok := used()
			if elapsed := now.Sub(at); ok && elapsed > 0 {
				if n := g.number; g.next((total-before).Seconds()/elapsed.Seconds()) != n {
					runtime.GOMAXPROCS(g.number)
				}
			}
			at, before = now, total
		}
	})
	return func() {
		close(done)
		running.Wait()
		runtime.GOMAXPROCS(most)
	}
}

// governor decides how many processors there should be.
type governor struct {
	most, number int
	quiet        int // periods of little use, in a row
}

// next takes how many processors' time was used in a period and returns how many
// there should be from now on.
func (g *governor) next(used float64) int {
	switch {
	case used > busy*float64(g.number):
		g.number, g.quiet = min(2*g.number, g.most), 0
	case used > idle*float64(g.number):
		g.quiet = 0
	case g.number > 1:
		if g.quiet++; g.quiet >= patience {
			g.number, g.quiet = (g.number+1)/2, 0
		}
	}
	return g.number
}
