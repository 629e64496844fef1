package mesh

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
)

// NetID is that of all networks here.
const NetID = 2

// RouterConfig describes a whole router.
type RouterConfig struct {
	Addr              netip.Addr
	Caps              string // "XfR"
	Inbound, Outbound router.Shape
	Limits            router.Limits
	Event             func(router.Event)
}

// Router is a whole router without its transports.
type Router struct {
	*Port
	router.Stepper
	Core     *router.Router
	DB       *netdb.DB
	Profiles *profile.Table
	info     *routerinfo.RouterInfo
}

// AddRouter makes a router, by its number, of the network's seed. It knows nobody,
// and does nothing before its core is started.
func (n *Net) AddRouter(number int, cfg RouterConfig) (*Router, error) {
	random := n.Stream("router", number)
	keys, err := i2p.GenerateRouter(random)
	if err != nil {
		return nil, err
	}
	r := new(Router)
	made := func(int, int) *routerinfo.RouterInfo {
		ri, err := Info(keys, cfg.Addr, cfg.Caps, n.Now())
		if err != nil {
			panic(err) // the first was made of the same
		}
		r.info = ri
		return ri
	}
	if r.info, err = Info(keys, cfg.Addr, cfg.Caps, n.Now()); err != nil {
		return nil, err
	}
	own := func() *routerinfo.RouterInfo { return r.info }
	r.Profiles = profile.New(profile.Config{Rand: random})
	r.DB = netdb.New(netdb.Config{
		Self: r.info.Hash(), NetID: NetID, Own: own, Profiles: r.Profiles, Rand: random, Shared: n.shared,
		Floodfill: r.info.IsFloodfill(),
	}, n.Now())
	r.Port = n.Join(cfg.Addr, own, func(p *Port) Node {
		r.Core = router.New(router.Config{
			Env:  env.Env{Now: n.Now, Rand: draw.From(random)},
			Hash: p.self, Static: noise.NewKeyPair([32]byte(keys.Crypto)), Transport: p,
			DB: r.DB, Profiles: r.Profiles, Limits: cfg.Limits, Inbound: cfg.Inbound, Outbound: cfg.Outbound,
			Info: made, Event: cfg.Event,
		})
		r.Stepper = r.Core.Stepper()
		return whole{r}
	})
	return r, nil
}

// Info makes a RouterInfo with one NTCP2 address.
func Info(keys *i2p.PrivateKeys, addr netip.Addr, caps string, at time.Time) (*routerinfo.RouterInfo, error) {
	key := i2p.HashOf(keys.Identity.Bytes()) // nobody dials it here
	options, err := i2p.NewMapping(map[string]string{
		"host": addr.String(), "port": fmt.Sprint(9000 + int(key[0])), "v": "2",
		"s": i2p.EncodeBase64(key[:]), "i": i2p.EncodeBase64(key[:16]),
	})
	if err != nil {
		return nil, err
	}
	return routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(at),
		Addresses: []routerinfo.Address{{Cost: 3, Style: routerinfo.StyleNTCP2, Options: options}},
		Options:   map[string]string{"caps": caps, "netId": fmt.Sprint(NetID), "router.version": "0.9.67"},
	})
}

// Info is the router's RouterInfo.
func (r *Router) Info() *routerinfo.RouterInfo { return r.info }

// Know tells a router of others, as a reseed bundle does.
func (r *Router) Know(infos []*routerinfo.RouterInfo) {
	for _, ri := range infos {
		if ri.Hash() != r.self {
			r.Core.Knowledge().Learn(ri, netdb.FromReseed)
		}
	}
}

// Publish puts a RouterInfo where it belongs, at so many of some floodfills that are closest
// to it, as if it had been published before.
func (n *Net) Publish(ri *routerinfo.RouterInfo, floodfills []*Router, copies int) {
	key := ri.Hash()
	routing := netdb.RoutingKey(key, n.Now())
	floodfills = slices.Clone(floodfills)
	slices.SortFunc(floodfills, func(a, b *Router) int { return routing.Xor(a.self).Compare(routing.Xor(b.self)) })
	store := i2np.DatabaseStore{Key: key, Type: i2np.StoreRouterInfo, Data: i2np.CompressRouterInfo(ri.Bytes())}
	for _, f := range floodfills[:min(copies, len(floodfills))] {
		f.Core.Deliver(key, i2np.Message{
			Type: i2np.DatabaseStoreType, ID: 1, Expiration: i2p.DateOf(n.Now().Add(time.Minute)), Body: store.AppendTo(nil),
		})
		f.wake()
	}
}

// Leave takes the router off the network.
func (r *Router) Leave() {
	r.Port.Leave()
	r.End()
}

// whole is a router as the network sees it.
type whole struct{ r *Router }

func (w whole) Handle(from i2p.Hash, m i2np.Message) { w.r.Core.Deliver(from, m) }

func (w whole) Up(p Peer) {
	by, peers := netdb.Sender{Peer: p.Info.Hash(), Host: origin.HostOf(p.From), Dialled: !p.Inbound}, w.r.Core.Peers()
	peers.Up(by)
	if p.Inbound { // it introduces itself; whom we dial we know
		peers.Greeted(by, p.Info, false)
	} else {
		peers.Reached(by)
	}
}

func (w whole) Down(peer i2p.Hash)       { w.r.Core.Peers().Down(peer) }
func (w whole) Failed(peer i2p.Hash)     { w.r.Core.Peers().Failed(peer) }
func (w whole) Wants(peer i2p.Hash) bool { return w.r.Core.Peers().Wants(peer) }

func (w whole) Turn() time.Duration { return w.r.Stepper.Turn() }
