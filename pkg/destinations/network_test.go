package destinations

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
)

// network is a few cores of routers in a bubble, whose transports hand each
// message over after a while, and a hall on each.
type network struct {
	routers map[i2p.Hash]*router.Router
	infos   []*routerinfo.RouterInfo
	halls   []*Hall
	random  *rand.ChaCha8
	dead    atomic.Pointer[i2p.Hash] // a router that nothing reaches any more, nor leaves

	closeHalls func()
}

const latency = 10 * time.Millisecond

// wire is the transport of one router.
type wire struct {
	n    *network
	from i2p.Hash
}

func (w wire) Send(to *routerinfo.RouterInfo, m i2np.Message) error {
	w.SendTo(to.Hash(), m)
	return nil
}

func (w wire) SendTo(to i2p.Hash, m i2np.Message) bool {
	if dead := w.n.dead.Load(); dead != nil && (*dead == to || *dead == w.from) {
		m.Release()
		return true
	}
	sent := m
	sent.Body, sent.Owner = slices.Clone(m.Body), nil
	m.Release()
	time.AfterFunc(latency, func() { w.n.routers[to].Deliver(w.from, sent.Own()) })
	return true
}

func (wire) Connected(i2p.Hash) bool { return true }

func (wire) Dials(*routerinfo.RouterInfo) bool { return true }

func (wire) Dial(*routerinfo.RouterInfo) error { return nil }

func (wire) Testing() bool { return false }

func (wire) Congested(i2p.Hash) bool { return false }

func (wire) Waiting(i2p.Hash) int { return 0 }

// inNetwork runs f in a bubble with routers that know each other.
func inNetwork(t *testing.T, routers int, f func(t *testing.T, n *network)) {
	inNetworkAt(t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), routers, f)
}

func inNetworkAt(t *testing.T, start time.Time, routers int, f func(t *testing.T, n *network)) {
	buftest.NoLeak(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		n := &network{routers: map[i2p.Hash]*router.Router{}, random: rand.NewChaCha8([32]byte{1})}
		for i := range routers {
			n.add(t, i)
		}
		halls, closeHalls := context.WithCancel(t.Context())
		cores, stop := context.WithCancel(t.Context())
		var above, below sync.WaitGroup
		for _, r := range n.routers {
			for _, ri := range n.infos {
				if n.routers[ri.Hash()] != r {
					r.Knowledge().Learn(ri, netdb.FromReseed)
				}
			}
			below.Go(func() { r.Run(cores) })
			r.Start()
		}
		for _, h := range n.halls {
			above.Go(func() { h.Run(halls) })
		}
		synctest.Wait()
		defer time.Sleep(time.Second) // what is on the wire
		defer below.Wait()
		defer stop()
		n.closeHalls = func() { closeHalls(); above.Wait() }
		defer n.closeHalls()
		f(t, n)
	})
}

func (n *network) add(t *testing.T, i int) {
	t.Helper()
	keys, err := i2p.GenerateRouter(n.random)
	if err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 48)
	n.random.Read(key)
	address, err := i2p.NewMapping(map[string]string{
		"host": "10.9.0." + string(rune('1'+i)), "port": "9000", "v": "2",
		"s": i2p.EncodeBase64(key[:32]), "i": i2p.EncodeBase64(key[32:]),
	})
	if err != nil {
		t.Fatal(err)
	}
	floodfill := i < 2
	caps := map[bool]string{false: "XR", true: "XfR"}[floodfill]
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(time.Now()),
		Addresses: []routerinfo.Address{{Cost: 3, Style: routerinfo.StyleNTCP2, Options: address}},
		Options:   map[string]string{"caps": caps, "netId": "2", "router.version": "0.9.67"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var seed [32]byte
	binary.BigEndian.PutUint32(seed[:], uint32(i+1))
	random := rand.NewChaCha8(seed)
	profiles := profile.New(profile.Config{Rand: random})
	own := func() *routerinfo.RouterInfo { return ri }
	r := router.New(router.Config{
		Hash: ri.Hash(), Static: noise.NewKeyPair([32]byte(keys.Crypto)), Transport: wire{n, ri.Hash()}, Profiles: profiles,
		DB: netdb.New(netdb.Config{
			Self: ri.Hash(), NetID: 2, Profiles: profiles, Rand: random, SamePrefix: true, Own: own, Floodfill: floodfill,
		}, time.Now()),
		Env: env.Env{Rand: draw.From(random)}, Testnet: true, Info: func(int, int) *routerinfo.RouterInfo { return ri },
		Inbound: router.Shape{Hops: 1, Quantity: 2}, Outbound: router.Shape{Hops: 1, Quantity: 2},
	})
	n.routers[ri.Hash()] = r
	n.infos = append(n.infos, ri)
	n.halls = append(n.halls, New(Config{
		OpenTunnels: r.OpenTunnels, Env: env.New(env.Config{Rand: rand.NewChaCha8([32]byte{2, byte(i)})}),
	}))
}

// asked is for tunnels of one hop, two each way.
func asked() options.Options {
	o := options.Default()
	o.Inbound = options.Tunnels{Length: 1, Quantity: 2}
	o.Outbound = o.Inbound
	return o
}

func newKeys(t *testing.T, seed byte) *i2p.PrivateKeys {
	t.Helper()
	keys, err := i2p.GenerateDestination(sign.EdDSA_SHA512_Ed25519, i2p.CryptoElGamal, rand.NewChaCha8([32]byte{3, seed}))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// open opens a destination and waits until others can find it.
func open(t *testing.T, h *Hall, r Request) *Local {
	t.Helper()
	d, err := h.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return d
}
