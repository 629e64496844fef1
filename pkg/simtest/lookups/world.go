package lookups

import (
	"runtime"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet/mesh"
	"i2ptoolkit/pkg/simtest/swarm"
)

// world is a scenario that runs.
type world struct {
	Scenario
	net    *mesh.Net
	rand   *draw.Source
	places *mesh.Places
	living []*member
	made   int // routers so far
	left   int
	owed   float64 // routers that are due to leave
	dests  []*destination
	swarm  *swarm.Swarm
	forged int // identities tried so far

	failures []string // of lookups
}

// member is a router of the world.
type member struct {
	*mesh.Router
	since time.Time
	stays bool // it has a destination
}

const (
	bundle     = 100 // RouterInfos that a router begins with, as a reseed gives them
	bundleFull = 5   // of these at least, floodfills'
	replicas   = 4   // floodfills that have the RouterInfo of a router that only serves
)

// begin makes the routers, has them begin, and lets them live until it is time to measure.
func (w *world) begin() error {
	live := w.Live
	if live == 0 {
		live = w.Routers
	}
	for i := range w.Routers {
		if _, err := w.join(i < w.Floodfills); err != nil {
			return err
		}
	}
	order := w.rand.Perm(w.Routers)
	ordinary := 0
	begins := make([]func(), 0, w.Routers)
	for _, i := range order {
		m := w.living[i]
		lives := live == w.Routers || !m.Info().IsFloodfill() && ordinary < live
		if !m.Info().IsFloodfill() {
			ordinary++
		}
		dest := len(w.dests) < w.Destinations && lives && !m.Info().IsFloodfill()
		if dest {
			if err := w.settle(m); err != nil {
				return err
			}
		}
		begins = append(begins, func() { w.start(m, lives) })
	}
	w.net.Every(joining/time.Duration(len(begins)), len(begins), func(i int) { begins[i]() })
	if err := w.live(joining, nil); err != nil {
		return err
	}
	return w.live(w.Warm, nil)
}

// join makes a router, which does nothing yet.
func (w *world) join(floodfill bool) (*member, error) {
	caps := []string{"XR", "OR", "XR", "NR"}[w.rand.Below(4)]
	if floodfill {
		caps = "XfR"
	}
	r, err := w.net.AddRouter(w.made, mesh.RouterConfig{Addr: w.places.Draw(0), Caps: caps, Inbound: exploratory, Outbound: exploratory})
	if err != nil {
		return nil, err
	}
	w.made++
	m := &member{Router: r, since: w.net.Now()}
	w.living = append(w.living, m)
	return m, nil
}

// start has a router begin with what a reseed gave it.
func (w *world) start(m *member, lives bool) {
	var infos []*routerinfo.RouterInfo
	full := 0
	for _, i := range w.rand.Perm(len(w.living)) {
		ri := w.living[i].Info()
		if ri.IsFloodfill() {
			full++
		} else if len(infos)-full >= bundle-bundleFull {
			continue
		}
		if infos = append(infos, ri); len(infos) >= bundle && full >= bundleFull {
			break
		}
	}
	m.Know(infos)
	m.since = w.net.Now()
	if lives {
		m.Core.Start()
	} else {
		m.Serve()
		w.net.Publish(m.Info(), w.floodfills(), replicas)
	}
	m.Wake()
}

// live lets time pass; each second calls f, with its number.
func (w *world) live(d time.Duration, f func(second int)) error {
	for i := range int(d / time.Second) {
		if err := w.turnover(time.Second); err != nil {
			return err
		}
		for _, dest := range w.dests {
			dest.publish(w.net.Now())
		}
		if f != nil {
			f(i)
		}
		w.net.Run(time.Second)
	}
	return nil
}

// turnover has routers leave, and others join in their place.
func (w *world) turnover(d time.Duration) error {
	w.owed += w.Churn * float64(w.Routers) * d.Hours()
	for ; w.owed >= 1; w.owed-- {
		i := w.rand.Below(len(w.living))
		m := w.living[i]
		if m.stays {
			continue // as those who offer services do
		}
		w.living = slices.Delete(w.living, i, i+1)
		m.Leave()
		w.left++
		n, err := w.join(m.Info().IsFloodfill())
		if err != nil {
			return err
		}
		w.start(n, w.Live == 0)
	}
	return nil
}

func (w *world) floodfills() (out []*mesh.Router) {
	for _, m := range w.living {
		if m.Info().IsFloodfill() {
			out = append(out, m.Router)
		}
	}
	return out
}

// grown gives a router that has lived long enough to be known to floodfills.
func (w *world) grown() *member {
	for {
		if m := w.living[w.rand.Below(len(w.living))]; w.net.Now().Sub(m.since) >= published {
			return m
		}
	}
}

// known is how many routers one knows, in the median.
func (w *world) known() int {
	var n []int
	for _, m := range w.living {
		n = append(n, m.DB.Len())
	}
	slices.Sort(n)
	return n[len(n)/2]
}

// cost measures a phase.
func (w *world) cost(name string, f func() error) (Phase, error) {
	cpu, at, messages := processorTime(), w.net.Now(), w.net.Stats().Messages
	err := f()
	p := Phase{Name: name, Simulated: w.net.Now().Sub(at), CPU: processorTime() - cpu, Messages: w.net.Stats().Messages - messages}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.Heap = m.HeapAlloc
	return p, err
}

func (w *world) end() {
	for _, m := range w.living {
		m.End()
	}
	if w.swarm != nil {
		w.swarm.End()
	}
	w.net.Close()
}
