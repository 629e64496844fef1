package ssu2link

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
)

// node is a Transport that speaks SSU2, mostly alone, with what a router would give it.
type node struct {
	*transport.Transport
	driver      *Driver
	keys        *i2p.PrivateKeys
	info        atomic.Pointer[routerinfo.RouterInfo]
	others      atomic.Pointer[func() []*routerinfo.RouterInfo] // that it knows; nil is none
	readdressed atomic.Pointer[func()]
	stop        context.CancelFunc
	done        chan error

	sink func(i2np.Message) // takes what is delivered, instead of the node

	mu     sync.Mutex
	got    map[uint32]int // lengths by id
	bytes  int
	broken int
	up     int
	downs  []error
	failed []error
	infos  int
}

func newNode(t testing.TB, seed byte, network transport.Network, at netip.AddrPort, change func(*Config), others ...transport.Driver) *node {
	t.Helper()
	return newLimited(t, seed, network, at, transport.Limits{}, change, others...)
}

func newLimited(t testing.TB, seed byte, network transport.Network, at netip.AddrPort, limits transport.Limits, change func(*Config), others ...transport.Driver) *node {
	t.Helper()
	random := draw.Seeded([32]byte{seed})
	keys, err := i2p.GenerateRouter(random)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ParseKeys(NewKeys(random))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{keys: keys, got: map[uint32]int{}}
	cfg := Config{Keys: own, Listen: []netip.AddrPort{at}, Rand: random.Split(), Signing: keys.Signing}
	if change != nil {
		change(&cfg)
	}
	n.driver = New(cfg)
	n.Transport, err = transport.New(transport.Config{
		Self: keys.Router().Hash(), NetID: 99, Network: network, Env: env.Env{Rand: random.Split()}, Limits: limits,
		Drivers: append([]transport.Driver{n.driver}, others...), LocalAllowed: true,
		OurInfo: func() *routerinfo.RouterInfo { return n.info.Load() },
		Others:  transport.Others{Known: n.known, Find: func(_ context.Context, h i2p.Hash) *routerinfo.RouterInfo { return n.known(h) }, All: n.all},
		Events: transport.Events{
			Deliver: n.deliver,
			Up:      func(i2p.Hash, transport.Meeting) { n.count(func() { n.up++ }) },
			Down:    func(_ i2p.Hash, _ string, why error) { n.count(func() { n.downs = append(n.downs, why) }) },
			Failed:  func(_ i2p.Hash, why error) { n.count(func() { n.failed = append(n.failed, why) }) },
			Readdressed: func() {
				if f := n.readdressed.Load(); f != nil {
					(*f)()
				}
			},
			PeerInfo: func(*routerinfo.RouterInfo, transport.Meeting, bool) {
				n.count(func() { n.infos++ })
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) all() []*routerinfo.RouterInfo {
	if f := n.others.Load(); f != nil {
		return (*f)()
	}
	return nil
}

func (n *node) knows(f func() []*routerinfo.RouterInfo) { n.others.Store(&f) }

func (n *node) known(h i2p.Hash) *routerinfo.RouterInfo {
	for _, ri := range n.all() {
		if ri.Hash() == h {
			return ri
		}
	}
	return nil
}

func (n *node) count(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *node) deliver(_ i2p.Hash, m i2np.Message) {
	if n.sink != nil {
		n.sink(m)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	defer m.Release()
	for i, b := range m.Body {
		if b != byte(i)^byte(m.ID) {
			n.broken++
			return
		}
	}
	if n.got[m.ID] == 0 {
		n.bytes += len(m.Body)
	}
	n.got[m.ID] = len(m.Body)
}

// start runs the node, and publishes it at hosts.
func (n *node) start(t testing.TB, hosts ...netip.Addr) *node {
	t.Helper()
	n.publish(t, hosts...)
	ctx, cancel := context.WithCancel(context.Background())
	n.stop, n.done = cancel, make(chan error, 1)
	go func() { n.done <- n.Run(ctx) }()
	select {
	case <-n.Ready():
	case err := <-n.done:
		t.Fatal(err)
	}
	n.publish(t, hosts...)
	return n
}

func (n *node) publish(t testing.TB, hosts ...netip.Addr) {
	t.Helper()
	n.publishAs(t, n.Publish(hosts))
}

func (n *node) publishAs(t testing.TB, addresses []routerinfo.Address) {
	t.Helper()
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: n.keys, Published: i2p.DateOf(time.Now()), Addresses: addresses,
		Options: map[string]string{"netId": "99", "router.version": "0.9.68", "caps": "LR"},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.info.Store(ri)
}

func (n *node) halt(t testing.TB) {
	t.Helper()
	n.stop()
	if err := <-n.done; err != nil {
		t.Error(err)
	}
	if p := n.Peers(); len(p) != 0 {
		t.Errorf("after Run: %d peers", len(p))
	}
}

func (n *node) has() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bytes
}

// message makes a message whose contents follow from its id.
func message(typ i2np.Type, id uint32, size int) i2np.Message {
	o := buf.Get(size)
	for i := range o.Bytes() {
		o.Bytes()[i] = byte(i) ^ byte(id)
	}
	return i2np.Message{Type: typ, ID: id, Expiration: i2p.DateOf(time.Now().Add(time.Minute)), Body: o.Bytes(), Owner: o}
}

// fill sends bulk until there is no room for more, and gives the next id. The messages are of many tunnels, one of which may
// make room for another for ever, so there is an end to that.
func fill(from, to *node, id uint32) uint32 {
	for range 1000 {
		if from.Send(to.info.Load(), message(i2np.TunnelDataType, id, 1028)) != nil {
			break
		}
		id++
	}
	return id
}

// transfer sends messages until some bytes have arrived; what does not find room is sent
// again, as streams do.
func transfer(t testing.TB, from, to *node, total, size int, patience time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	id, before, sent := uint32(before(to)+1), to.has(), 0
	for to.has()-before < total {
		if time.Since(begun) > patience {
			t.Fatalf("%d of %d bytes in %v; from %v, to %v", to.has()-before, total, patience, show(from), show(to))
		}
		for sent-(to.has()-before) < 400<<10 && sent < total+total/2 {
			if from.Send(to.info.Load(), message(i2np.DatabaseSearchReplyType, id, size)) != nil {
				break
			}
			id++
			sent += size
		}
		if sent >= total+total/2 {
			sent = to.has() - before
		}
		wait(time.Millisecond)
	}
	return time.Since(begun)
}

func before(n *node) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.got) + 1<<20*n.up
}

func show(n *node) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := fmt.Sprintf("up %d, downs %v, failed %v, broken %d", n.up, n.downs, n.failed, n.broken)
	for _, c := range n.driver.Counters() {
		if c.Value > 0 {
			text += fmt.Sprintf(" %s=%d", c.Name, c.Value)
		}
	}
	return text
}

// wait lets others run; conditions are looked at again after it.
func wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func await(t testing.TB, what string, f func() bool) {
	t.Helper()
	awaitFor(t, 20*time.Second, what, f)
}

// awaitFor is await where there is so much time.
func awaitFor(t testing.TB, most time.Duration, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !f(); wait(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: " + what)
		}
	}
}
