package lookups

import (
	"errors"
	"slices"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
)

// question is one lookup, whose end is told during a turn of its asker.
type question struct {
	begun time.Time
	ended bool
	err   error
	took  time.Duration
	key   i2p.Hash
	kind  i2np.LookupKind
	from  *member
	trace []netdb.Asked
	why   string // it failed
}

func (q *question) end(now time.Time, res netdb.Result) {
	q.ended, q.err, q.took, q.trace = true, res.Err, now.Sub(q.begun), res.Trace
}

var errStored = errors.New("lookups: the asker had it, no answer brought it")

// lookUp has a router look up another.
func (m *member) lookUp(now func() time.Time, key i2p.Hash) *question {
	q := &question{begun: now(), key: key, kind: i2np.LookupRouterInfo, from: m}
	m.Lookup(key, q.kind, func(res netdb.Result) {
		if res.Stored {
			res.Err = errStored
		}
		q.end(now(), res)
	})
	m.Wake()
	return q
}

// outcome counts questions; one whose asker has left meanwhile is none.
func outcome(qs []*question) (o Outcome) {
	var took []time.Duration
	questions := 0
	for _, q := range qs {
		if errors.Is(q.err, router.ErrStopped) {
			continue
		}
		o.Asked++
		questions += len(q.trace)
		if q.ended && q.err == nil {
			o.Found++
			took = append(took, q.took)
		}
	}
	if len(took) == 0 {
		return o
	}
	slices.Sort(took)
	o.Median, o.Most = took[len(took)/2], took[len(took)*95/100]
	o.Questions = float64(questions) / float64(o.Asked)
	return o
}

// asked are the questions of a while.
type asked struct{ routers, sets []*question }

// peace has routers look up each other, and destinations each other's lease sets.
func (w *world) peace() (a asked, err error) {
	var pairs [][2]*destination
	for i, from := range w.dests {
		for j, to := range w.dests {
			if i != j && j >= w.victims() {
				pairs = append(pairs, [2]*destination{from, to})
			}
		}
	}
	w.rand.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	seconds := int(w.Measured / time.Second)
	pairs = pairs[:min(len(pairs), w.Lookups)]
	err = w.live(w.Measured, func(second int) {
		w.autopsies(a.routers)
		w.autopsies(a.sets)
		for range due(w.Lookups, second, seconds) {
			a.routers = append(a.routers, w.ask())
		}
		done := len(a.sets)
		for _, p := range pairs[done : done+due(len(pairs), second, seconds)] {
			a.sets = append(a.sets, p[0].lookUp(w.net.Now, p[1].keys.Identity.Hash()))
		}
	})
	if err == nil {
		err = w.live(answering, nil)
	}
	w.autopsies(a.routers)
	w.autopsies(a.sets)
	return a, err
}

// victims are how many destinations are kept for the attacks.
func (w *world) victims() int {
	if w.Forged == 0 {
		return 0
	}
	return len(attacks)
}

// due is how many of n fall into a second of so many.
func due(n, second, seconds int) int { return n*(second+1)/seconds - n*second/seconds }

// ask has a router look up another, one that it does not know if there is such a one.
func (w *world) ask() *question {
	from, to := w.asker(), w.grown()
	for tries := 0; from == to || tries < 20 && from.DB.Has(to.Self()); tries++ {
		to = w.grown()
	}
	return from.lookUp(w.net.Now, to.Self())
}

// asker draws a router that lives as on the Internet.
func (w *world) asker() *member {
	if w.Live > 0 && len(w.dests) > 0 {
		return w.dests[w.rand.Below(len(w.dests))].at
	}
	return w.grown()
}
