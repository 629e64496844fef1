// Package lookups measures what becomes of lookups in a large network that is not kind:
// whole routers in one mesh, of which messages get lost and routers come and go, and then
// crowds of forged floodfills around single keys.
//
// All routers are ours: core, tunnels, netDb and profiles (see mesh for what that leaves
// out). Each begins as on the Internet, with the RouterInfos of a hundred others, builds
// tunnels, publishes itself and explores. Some keep destinations, which publish lease sets
// and look up those of each other through tunnels of their own. Only lookups count that
// an answer ended: what the asker already had is no success.
package lookups

import (
	"fmt"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/simnet/mesh"
	"i2ptoolkit/pkg/simtest/swarm"
)

// Scenario describes a network and its life.
type Scenario struct {
	Seed         uint64
	Routers      int
	Floodfills   int           // of these
	Live         int           // that live as on the Internet, the others serve only; 0: all
	Destinations int           // on as many routers; each looks up all others once
	Loss         float64       // share of the messages that get lost
	Churn        float64       // share of the routers that leave in an hour, others in their place
	Warm         time.Duration // before anything is measured
	Measured     time.Duration // in which routers look up each other
	Lookups      int           // of routers in that time
	Forged       int           // floodfills around each attacked key; 0: nothing is attacked
	Siege        time.Duration // between the first of them and the first question
	Workers      int           // 0: one for each processor
}

// check says what is wrong with a scenario.
func (s Scenario) check() error {
	switch {
	case s.Floodfills < 1 || s.Floodfills >= s.Routers:
		return fmt.Errorf("lookups: %d of %d routers cannot be floodfills", s.Floodfills, s.Routers)
	case s.Destinations > s.Routers-s.Floodfills || s.Live > 0 && s.Destinations > s.Live:
		return fmt.Errorf("lookups: more destinations (%d) than routers for them", s.Destinations)
	case s.Forged > 0 && s.Destinations < len(attacks)+2:
		return fmt.Errorf("lookups: %d destinations are too few to attack one in each way", s.Destinations)
	}
	return nil
}

// Outcome is what became of the lookups of one kind.
type Outcome struct {
	Asked, Found int
	Median, Most time.Duration // that those took that were found; Most is of 95 in a hundred
	Questions    float64       // floodfills asked, on the average; 0 where it is not known
}

// Share is that of the lookups that found.
func (o Outcome) Share() float64 { return float64(o.Found) / float64(max(o.Asked, 1)) }

// Attack is one key's, and what became of the lookups of it.
type Attack struct {
	Name   string
	Target Outcome
}

// Phase is what a part of a run cost.
type Phase struct {
	Name      string
	Simulated time.Duration
	CPU       time.Duration
	Messages  uint64
	Heap      uint64 // in use at its end
}

// Result is what a scenario came to.
type Result struct {
	Scenario  Scenario
	Routers   Outcome  // RouterInfos, by routers for themselves
	LeaseSets Outcome  // by destinations, through their tunnels
	Attacks   []Attack // all at the same time
	Others    Outcome  // lookups of other routers meanwhile
	Known     int      // routers that one knows, at the end: the median
	Left      int      // routers that have left
	Phases    []Phase
	Failures  []string // what is known of each lookup that failed
	Trace     [32]byte
}

// Times of a scenario.
const (
	joining   = time.Minute     // in which the routers begin, one after the other
	published = 4 * time.Minute // after its beginning a router is looked up
	answering = time.Minute     // after the last question, for its answer
)

// attacks are the ways in which a key is attacked.
var attacks = []struct {
	name     string
	networks int // that the forged routers come from; 0: each from anywhere
	router   bool
}{
	{"lease set, forged routers of one /16", 1, false},
	{"lease set, forged routers from anywhere", 0, false},
	{"router, forged routers from anywhere", 0, true},
}

var (
	exploratory = router.Shape{Hops: 2, Quantity: 2}
	client      = router.Shape{Hops: 3, Quantity: 2}
)

// start is when all scenarios begin: not near the change of keyspace at midnight.
var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// Run runs a scenario.
func Run(s Scenario) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	w := &world{Scenario: s, net: mesh.New(mesh.Config{Seed: s.Seed, Start: start, Loss: s.Loss, Workers: s.Workers})}
	w.rand = draw.From(w.net.Stream("lookups", 0))
	w.places = mesh.NewPlaces(w.rand)
	defer w.end()
	res := Result{Scenario: s}
	phase := func(name string, f func() error) error {
		p, err := w.cost(name, f)
		res.Phases = append(res.Phases, p)
		return err
	}
	if err := phase("beginning", w.begin); err != nil {
		return res, err
	}
	err := phase("measured", func() error {
		asked, err := w.peace()
		res.Routers, res.LeaseSets = outcome(asked.routers), outcome(asked.sets)
		return err
	})
	if err != nil {
		return res, err
	}
	if s.Forged > 0 {
		if w.swarm, err = swarm.New(w.net); err != nil {
			return res, err
		}
		err := phase("attacked", func() (err error) {
			res.Attacks, res.Others, err = w.attack()
			return err
		})
		if err != nil {
			return res, err
		}
	}
	res.Known, res.Left, res.Failures, res.Trace = w.known(), w.left, w.failures, w.net.Trace()
	return res, nil
}
