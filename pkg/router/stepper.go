package router

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
)

// Stepper drives a router by hand, in the place of Run: a simulation of
// thousands has no goroutine for each of them, and its clock, Config.Now, stands
// still during a turn. One goroutine at a time uses it. What else the router has
// that waits for the loop would wait for ever.
type Stepper struct{ r *Router }

// Stepper is for who does not call Run.
func (r *Router) Stepper() Stepper { return Stepper{r} }

// Turn handles what has come and does what time asks for. It returns how long
// the router may sleep where nothing comes.
func (s Stepper) Turn() time.Duration { return s.r.turnNow() }

// End is what Run does at its end.
func (s Stepper) End() { s.r.end() }

// Numbers returns the counts with what there is at the moment.
func (s Stepper) Numbers() Numbers { return s.r.numbers() }

// Tunnels lists all tunnels: our own by party, then those of others by id.
func (s Stepper) Tunnels() []TunnelInfo { return s.r.tunnels() }

// Recount counts the fates of tunnels from zero: of those that are asked for within
// a while from now.
func (s Stepper) Recount(within time.Duration) {
	now := s.r.cfg.Now()
	s.r.window = window{now, now.Add(within)}
	s.r.counts.Exploratory, s.r.counts.Client = Fates{}, Fates{}
}

// Lookup looks a router or a lease set up for the router itself, from the next
// turn on; done is called in the turn in which that ends.
func (s Stepper) Lookup(hash i2p.Hash, kind i2np.LookupKind, done func(netdb.Result)) {
	s.r.in.Call(func() { s.r.mail.lookup(s.r.parties.self, hash, kind, done) })
}

// Serve has the router serve others as one that was started does; it asks and builds nothing
// for itself.
func (s Stepper) Serve() { s.r.in.Call(func() { s.r.serves = true }) }

// Serves tells whether the router would give an entry to who asks for it.
func (s Stepper) Serves(key i2p.Hash, kind i2np.LookupKind) bool {
	return s.r.parties.self.segment.Serves(s.r.cfg.Now(), key, kind)
}
