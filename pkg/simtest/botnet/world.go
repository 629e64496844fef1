// Package botnet simulates what a botnet did to the network early in 2026: crowds of
// routers appeared that nobody needs, and tunnels failed for those who chose them. It
// runs three kinds of routers side by side in one mesh, through one attack:
//
//   - ours: the code itself, with core, netDb and profiles
//   - a naive one, which takes all routers that it hears of alike
//   - one that goes by i2pd's rules
//
// The honest routers are whole routers of ours (see mesh for what that leaves out). Of
// them the measured ones live as on the Internet; all others serve, as hops and
// floodfills, but build and ask nothing for themselves: that is left out for its cost,
// and would load no router near its limits. Those have had sessions with each other since
// before. The measured ones know all honest routers but newcomers, which only the
// floodfills know and which they look up. The
// fakes are described at swarm.Fake; each visits every measured router, which is the attack
// at its worst, for no router of the Internet can be sure to be left out.
package botnet

import (
	"runtime"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet/mesh"
	"i2ptoolkit/pkg/simtest/swarm"
)

// Scenario describes an attack.
type Scenario struct {
	Seed     uint64
	Honest   int // routers, a tenth of them floodfills
	Fakes    int
	Prefixes int           // networks (IPv4 /16) that the fakes come from; 0: each from anywhere
	Measured int           // routers of each kind that are measured
	Rate     int           // fakes that appear in a second
	Peace    time.Duration // before the attack
	Attack   time.Duration // that is measured, once all fakes are there
	Agree    float64       // share of the fakes that agree to be hops
	Workers  int           // 0: one for each processor
}

// Kinds of measured routers.
const (
	Ours = iota
	Naive
	I2pd
	kinds
)

var kindNames = [kinds]string{"ours", "naive", "i2pd's rules"}

// Outcome is what became of the routers of one kind in a while.
type Outcome struct {
	Client, Exploratory router.Fates
	Asked, Found        int64 // newcomers looked up
	Known               int   // routers, at the end, of one
}

// Success is the share of the client tunnels asked for that a message came through.
func (o Outcome) Success() float64 { return share(o.Client.Carried, o.Client.Asked) }

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Result is what a scenario came to.
type Result struct {
	Scenario      Scenario
	Peace, Attack [kinds]Outcome
	Messages      uint64
	HonestBytes   uint64 // of heap, for all honest routers
	FakeBytes     uint64 // for all fakes, and for what the others know of them
	Took          time.Duration
	Trace         [32]byte
}

// world is a scenario that runs.
type world struct {
	Scenario
	net       *mesh.Net
	rand      *draw.Source
	places    *mesh.Places
	honest    []*mesh.Router
	friends   map[i2p.Hash]bool        // whom those that only serve have had sessions with
	infos     []*routerinfo.RouterInfo // that are published
	newcomers []i2p.Hash
	ours      []*mesh.Router
	models    [kinds][]*model
	swarm     *swarm.Swarm
	asked     [kinds]atomic.Int64
	found     [kinds]atomic.Int64
	looked    int
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	settle     = time.Minute // after the last fake has appeared, before anything is measured
	visits     = time.Minute // in which a new fake makes its visits
	greetings  = 4           // of other honest routers by each fake
	stores     = 3           // floodfills that a fake stores its RouterInfo at
	replicas   = 4           // floodfills that have an honest RouterInfo
	lookEvery  = 20 * time.Second
	provedIn   = time.Minute // the time in which a tunnel that stands is tested
	clientHops = 3
)

var shapes = [2]router.Shape{{Hops: 2, Quantity: 2}, {Hops: clientHops, Quantity: 3}} // exploratory, client

// Run runs a scenario.
func Run(s Scenario) (res Result, err error) {
	begun, base := time.Now(), heap()
	w := &world{Scenario: s, friends: make(map[i2p.Hash]bool)}
	w.net = mesh.New(mesh.Config{Seed: s.Seed, Start: start, Workers: s.Workers})
	w.rand = draw.From(w.net.Stream("world", 0))
	w.places = mesh.NewPlaces(w.rand)
	defer w.end()
	if err = w.populate(); err != nil {
		return res, err
	}
	res.Scenario, res.HonestBytes = s, heap()-base
	res.Peace = w.measure(s.Peace)
	before := heap()
	if err = w.unleash(); err != nil {
		return res, err
	}
	w.net.Run(time.Duration(s.Fakes)*time.Second/time.Duration(max(s.Rate, 1)) + settle)
	res.Attack = w.measure(s.Attack)
	res.FakeBytes = heap() - min(before, heap())
	res.Messages, res.Trace, res.Took = w.net.Stats().Messages, w.net.Trace(), time.Since(begun)
	return res, nil
}

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// populate makes the honest routers and the measured ones.
func (w *world) populate() error {
	for i := range w.Honest {
		caps := []string{"XR", "OR", "XR", "NR"}[w.rand.Below(4)]
		if i >= w.Measured && i%10 == 9 {
			caps = "XfR"
		}
		r, err := w.net.AddRouter(i, mesh.RouterConfig{Addr: w.places.Draw(0), Caps: caps, Inbound: shapes[0], Outbound: shapes[0]})
		if err != nil {
			return err
		}
		w.honest = append(w.honest, r)
	}
	newcomers := w.honest[w.Honest-w.Honest/10:]
	for _, r := range newcomers {
		w.newcomers = append(w.newcomers, r.Self())
	}
	var all, known, floodfills []*routerinfo.RouterInfo
	for i, r := range w.honest {
		w.friends[r.Self()] = true
		if r.Info().IsFloodfill() {
			floodfills = append(floodfills, r.Info())
		}
		if all = append(all, r.Info()); i < w.Honest-len(newcomers) || r.Info().IsFloodfill() {
			known = append(known, r.Info())
		}
	}
	w.ours = w.honest[:w.Measured]
	for i, r := range w.honest {
		if i >= w.Measured {
			r.Acquaint(func(peer i2p.Hash) bool { return w.friends[peer] })
			if r.Info().IsFloodfill() {
				r.Know(all)
			} else {
				r.Know(floodfills)
			}
			continue
		}
		r.Know(known)
		r.Core.OpenTunnels(router.TunnelsConfig{Name: "client", Inbound: shapes[1], Outbound: shapes[1]})
		r.Core.Start()
	}
	for kind := Naive; kind < kinds; kind++ {
		for i := range w.Measured {
			if err := w.model(kind, i, known); err != nil {
				return err
			}
		}
	}
	w.publish()
	return nil
}

// model makes a router that goes by other rules.
func (w *world) model(kind, i int, known []*routerinfo.RouterInfo) error {
	random := w.net.Stream(kindNames[kind], i)
	keys, err := i2p.GenerateRouter(random)
	if err != nil {
		return err
	}
	at := w.places.Draw(0)
	info, err := mesh.Info(keys, at, "XRH", w.net.Now()) // hidden: nobody's hop
	if err != nil {
		return err
	}
	source := draw.From(random)
	var by rules = newNaive(source)
	if kind == I2pd {
		by = newI2pd(source)
	}
	m := newModel(by, source, shapes)
	m.port = w.net.Join(at, func() *routerinfo.RouterInfo { return info }, func(p *mesh.Port) mesh.Node { m.port = p; return m })
	for _, ri := range known {
		by.learn(w.net.Now(), ri)
	}
	m.started = true
	w.models[kind] = append(w.models[kind], m)
	w.friends[info.Hash()] = true
	w.infos = append(w.infos, info)
	return nil
}

// publish puts the RouterInfos of all honest routers where they belong, as if they
// had been published before.
func (w *world) publish() {
	var floodfills []*mesh.Router
	for _, r := range w.honest {
		w.infos = append(w.infos, r.Info())
		if r.Info().IsFloodfill() {
			floodfills = append(floodfills, r)
		}
	}
	for _, ri := range w.infos {
		w.net.Publish(ri, floodfills, replicas)
	}
}

// unleash makes the fakes, and has them appear from now on.
func (w *world) unleash() (err error) {
	if w.swarm, err = swarm.New(w.net); err != nil {
		return err
	}
	var targets, floodfills, others []i2p.Hash
	for i, r := range w.honest {
		switch {
		case i < w.Measured:
			targets = append(targets, r.Self())
		case r.Info().IsFloodfill():
			floodfills = append(floodfills, r.Self())
		default:
			others = append(others, r.Self())
		}
	}
	for _, models := range w.models {
		for _, m := range models {
			targets = append(targets, m.port.Self())
		}
	}
	fakes := make([]*swarm.Fake, w.Fakes)
	for i := range fakes {
		f, err := w.swarm.Make(i, w.places.Draw(w.Prefixes), w.rand.Unit() < w.Agree)
		if err != nil {
			return err
		}
		appears := w.net.Now().Add(time.Duration(i) * time.Second / time.Duration(w.Rate))
		visit := func(to i2p.Hash, publish bool) {
			f.Visit(appears.Add(w.rand.Between(0, visits)), to, publish)
		}
		for range stores {
			visit(floodfills[w.rand.Below(len(floodfills))], true)
		}
		for range greetings {
			visit(others[w.rand.Below(len(others))], false)
		}
		for _, to := range targets {
			visit(to, true)
		}
		fakes[i] = f
	}
	w.net.Every(time.Second/time.Duration(w.Rate), w.Fakes, func(i int) { fakes[i].Appear() })
	return nil
}

func (w *world) end() {
	for _, r := range w.honest {
		r.End()
	}
	for _, models := range w.models {
		for _, m := range models {
			m.end()
		}
	}
	if w.swarm != nil {
		w.swarm.End()
	}
	w.net.Close()
}
