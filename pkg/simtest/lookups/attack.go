package lookups

import (
	"slices"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/simtest/swarm"
)

// How an attacker surrounds a key.
const (
	nearBits  = 12                    // leading bits that each of the forged routers shares with it
	appears   = 10 * time.Millisecond // between two of them
	visits    = time.Minute           // in which a new one makes its visits
	stores    = 8                     // floodfills that it stores its RouterInfo at
	greetings = 10                    // of other routers
)

// attack surrounds keys with forged floodfills, which introduce themselves to everybody
// who publishes under them or asks for them, and has all other destinations look for each.
func (w *world) attack() (out []Attack, others Outcome, err error) {
	keys := make([]i2p.Hash, len(attacks))
	for i, how := range attacks {
		keys[i] = w.dests[i].keys.Identity.Hash()
		if how.router {
			keys[i] = w.dests[i].at.Self()
		}
		fakes, err := w.surround(keys[i], how.networks)
		if err != nil {
			return nil, Outcome{}, err
		}
		w.net.Every(appears, len(fakes), func(i int) { fakes[i].Appear() })
	}
	if err := w.live(w.Siege, nil); err != nil {
		return nil, Outcome{}, err
	}
	targets, bystanders := make([][]*question, len(attacks)), []*question(nil)
	askers := w.dests[w.victims():]
	err = w.live(time.Duration(len(askers))*time.Second, func(second int) {
		w.autopsies(slices.Concat(targets...))
		w.autopsies(bystanders)
		for i, how := range attacks {
			targets[i] = append(targets[i], w.seek(askers[second], keys[i], how.router))
		}
		for range attacks {
			bystanders = append(bystanders, w.ask())
		}
	})
	if err == nil {
		err = w.live(answering, nil)
	}
	w.autopsies(slices.Concat(targets...))
	w.autopsies(bystanders)
	for i, how := range attacks {
		out = append(out, Attack{how.name, outcome(targets[i])})
	}
	return out, outcome(bystanders), err
}

// seek has a destination look for a lease set, or its router for another.
func (w *world) seek(from *destination, key i2p.Hash, router bool) *question {
	if router {
		return from.at.lookUp(w.net.Now, key)
	}
	return from.lookUp(w.net.Now, key)
}

// surround forges routers near a key, on its keyspace of the day, and plans their visits.
func (w *world) surround(key i2p.Hash, networks int) ([]*swarm.Fake, error) {
	var floodfills, others []i2p.Hash
	for _, m := range w.living {
		if m.Info().IsFloodfill() {
			floodfills = append(floodfills, m.Self())
		} else {
			others = append(others, m.Self())
		}
	}
	routing := netdb.RoutingKey(key, w.net.Now())
	fakes := make([]*swarm.Fake, w.Forged)
	for i := range fakes {
		w.forged = w.swarm.Near(routing, nearBits, w.forged)
		f, err := w.swarm.Make(w.forged, w.places.Draw(networks), false)
		if err != nil {
			return nil, err
		}
		w.forged++
		from := w.net.Now().Add(time.Duration(i) * appears)
		visit := func(to i2p.Hash, publish bool) { f.Visit(from.Add(w.rand.Between(0, visits)), to, publish) }
		for range stores {
			visit(floodfills[w.rand.Below(len(floodfills))], true)
		}
		for range greetings {
			visit(others[w.rand.Below(len(others))], false)
		}
		for _, d := range w.dests {
			visit(d.at.Self(), true)
		}
		fakes[i] = f
	}
	return fakes, nil
}
