package botnet

import (
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
)

// measure lets the world live for a while, and tells what became of the tunnels that
// were asked for in it; the last of them get the time to be tested.
func (w *world) measure(d time.Duration) [kinds]Outcome {
	for _, r := range w.ours {
		r.Recount(d)
	}
	for k, models := range w.models {
		w.asked[k].Store(0)
		w.found[k].Store(0)
		for _, m := range models {
			m.recount(d)
		}
	}
	w.live(d + provedIn)
	return w.outcomes()
}

// live lets time pass, in which the measured routers look newcomers up.
func (w *world) live(d time.Duration) {
	for end := w.net.Now().Add(d); w.net.Now().Before(end); {
		w.look()
		w.net.Run(min(lookEvery, end.Sub(w.net.Now())))
	}
}

// look has every measured router look up a newcomer that it does not know.
func (w *world) look() {
	if len(w.newcomers) == 0 {
		return
	}
	key := w.newcomers[w.looked%len(w.newcomers)]
	w.looked++
	for _, r := range w.ours {
		if r.DB.Has(key) {
			continue
		}
		w.asked[Ours].Add(1)
		r.Lookup(key, i2np.LookupRouterInfo, func(res netdb.Result) {
			if res.Err == nil {
				w.found[Ours].Add(1)
			}
		})
	}
	for k, models := range w.models {
		for _, m := range models {
			if m.rules.find(key) != nil {
				continue
			}
			w.asked[k].Add(1)
			m.lookUp(key, i2np.LookupRouterInfo, func(found bool) {
				if found {
					w.found[k].Add(1)
				}
			})
		}
	}
}

// outcomes are the counts so far.
func (w *world) outcomes() (out [kinds]Outcome) {
	add := func(to *router.Fates, f router.Fates) {
		to.Asked += f.Asked
		to.Stood += f.Stood
		to.Carried += f.Carried
	}
	for _, r := range w.ours {
		n := r.Numbers()
		add(&out[Ours].Client, n.Client)
		add(&out[Ours].Exploratory, n.Exploratory)
		out[Ours].Known = n.DB.Routers
	}
	for k, models := range w.models {
		for _, m := range models {
			add(&out[k].Exploratory, m.fates[0])
			add(&out[k].Client, m.fates[1])
			out[k].Known = m.rules.known()
		}
	}
	for k := range out {
		out[k].Asked, out[k].Found = w.asked[k].Load(), w.found[k].Load()
	}
	return out
}
