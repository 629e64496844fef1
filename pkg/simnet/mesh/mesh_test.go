package mesh

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/routerinfo"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// network makes n routers, each tenth a floodfill, and starts them. All know some of
// the floodfills, and of the others as many as each of them draws.
func network(t testing.TB, cfg Config, n, knows int) (*Net, []*Router) {
	t.Helper()
	buftest.NoLeak(t)
	cfg.Start = start
	net := New(cfg)
	var routers []*Router
	t.Cleanup(func() {
		for _, r := range routers {
			r.End()
		}
		net.Close()
	})
	shape := router.Shape{Hops: 2, Quantity: 2}
	for i := range n {
		caps := "XR"
		if i%10 == 0 {
			caps = "XfR"
		}
		r, err := net.AddRouter(i, RouterConfig{
			Addr: netip.AddrFrom4([4]byte{byte(11 + i/250), byte(i % 250), 1, 1}), Caps: caps, Inbound: shape, Outbound: shape,
		})
		if err != nil {
			t.Fatal(err)
		}
		routers = append(routers, r)
	}
	for _, r := range routers {
		var infos []*routerinfo.RouterInfo
		for i := 0; i < n; i += max(10, n/30*10) {
			infos = append(infos, routers[i].Info()) // a floodfill
		}
		for range knows {
			infos = append(infos, routers[net.rand.Below(n)].Info())
		}
		r.Know(infos)
		r.Core.Start()
	}
	return net, routers
}

// TestMesh: routers find each other by their netDb alone, with messages that get
// lost and routers that go.
func TestMesh(t *testing.T) {
	net, routers := network(t, Config{Seed: 1, Loss: 0.05}, 40, 15)
	net.Run(2 * time.Minute)
	for range 3 {
		routers[len(routers)-1].Leave()
		routers = routers[:len(routers)-1]
	}
	net.Run(time.Minute)
	asked, found := 0, new(atomic.Int64) // turns run side by side
	for i, r := range routers {
		asked++
		r.Lookup(routers[(i+7)%len(routers)].Self(), i2np.LookupRouterInfo, func(res netdb.Result) {
			if res.Err == nil {
				found.Add(1)
			}
		})
		r.wake()
	}
	net.Run(30 * time.Second)
	if n := found.Load(); n < int64(asked)*98/100 {
		t.Errorf("%d of %d lookups succeeded", n, asked)
	}
	for i, r := range routers {
		if n := r.Numbers(); n.ExploratoryIn == 0 || n.ExploratoryOut == 0 {
			t.Errorf("router %d has no tunnels: %+v", i, n.Exploratory)
		}
	}
}

// TestTrace: a seed gives one run, whatever works on it.
func TestTrace(t *testing.T) {
	run := func(seed uint64, workers int) [32]byte {
		net, _ := network(t, Config{Seed: seed, Loss: 0.05, Workers: workers}, 20, 20)
		net.Run(30 * time.Second)
		if net.Stats().Messages == 0 {
			t.Fatal("nobody says anything")
		}
		return net.Trace()
	}
	one := run(1, 1)
	if run(1, 4) != one {
		t.Error("four workers make another run of a seed than one")
	}
	if run(2, 1) == one {
		t.Error("two seeds give one run")
	}
}
