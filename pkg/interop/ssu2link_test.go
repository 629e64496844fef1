//go:build linux

package interop

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/transport/ssu2link"
)

// within is the network of a namespace.
type within struct {
	transport.Internet
	n *Network
}

func (w within) ListenPacket(_ context.Context, at netip.AddrPort) (transport.PacketConn, error) {
	conn, err := w.n.ListenPacket("udp4", at.String())
	if err != nil {
		return nil, err
	}
	return conn.(transport.PacketConn), nil
}

// ssu2Node is the table with SSU2 alone, and what it has been told.
type ssu2Node struct {
	*transport.Transport
	info *routerinfo.RouterInfo

	mu     sync.Mutex
	status map[uint32]int
	others map[i2np.Type]int
	infos  int
	downs  []error
}

func newSSU2Node(t *testing.T, n *Network, extra int) *ssu2Node {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	keys, err := i2p.GenerateRouter(nil)
	must(err)
	own, err := ssu2link.ParseKeys(ssu2link.NewKeys(nil))
	must(err)
	at := netip.AddrPortFrom(n.NextAddr(), portTransport)
	driver := ssu2link.New(ssu2link.Config{Keys: own, Listen: []netip.AddrPort{at}})
	r := &ssu2Node{status: map[uint32]int{}, others: map[i2np.Type]int{}}
	r.Transport, err = transport.New(transport.Config{
		Self: keys.Router().Hash(), NetID: NetID, Network: within{n: n}, LocalAllowed: true,
		Drivers: []transport.Driver{driver}, OurInfo: func() *routerinfo.RouterInfo { return r.info },
		Events: transport.Events{
			Deliver: r.deliver,
			PeerInfo: func(*routerinfo.RouterInfo, transport.Meeting, bool) {
				r.mu.Lock()
				r.infos++
				r.mu.Unlock()
			},
			Down: func(_ i2p.Hash, _ string, why error) {
				r.mu.Lock()
				r.downs = append(r.downs, why)
				r.mu.Unlock()
			},
		},
	})
	must(err)
	options, err := i2p.NewMapping(map[string]string{
		"s": i2p.EncodeBase64(own.Static.Public[:]), "i": i2p.EncodeBase64(own.Intro[:]), "v": "2",
		"host": at.Addr().String(), "port": strconv.Itoa(portTransport),
	})
	must(err)
	more := incompressible(extra)
	more["caps"], more["netId"], more["router.version"] = "LR", strconv.Itoa(NetID), "0.9.67"
	r.info, err = routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(time.Now()), Options: more,
		Addresses: []routerinfo.Address{{Cost: 8, Style: routerinfo.StyleSSU2, Options: options}},
	})
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-r.Ready()
	return r
}

func (r *ssu2Node) deliver(_ i2p.Hash, m i2np.Message) {
	defer m.Release()
	if m.Type != i2np.DeliveryStatusType {
		r.mu.Lock()
		r.others[m.Type]++
		r.mu.Unlock()
		return
	}
	if s, err := i2np.ParseDeliveryStatus(m.Body); err == nil {
		r.mu.Lock()
		r.status[s.MessageID]++
		r.mu.Unlock()
	}
}

// TestSSU2Links: stores go to i2pd over a link of the table's, whole and in fragments, and
// each is acknowledged.
func TestSSU2Links(t *testing.T) {
	ctx := gate(t, 5*time.Minute)
	for _, release := range []Release{Sid, Trixie} {
		t.Run(string(release), func(t *testing.T) {
			n := network(t, ctx, NetworkConfig{Releases: []Release{release}, SSU2Only: true, Hops: 1})
			target, err := targetOf(n.I2PD[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, extra := range []int{0, 1500} {
				testSSU2Links(t, newSSU2Node(t, n, extra), target.Info)
			}
		})
	}
}

func testSSU2Links(t *testing.T, r *ssu2Node, peer *routerinfo.RouterInfo) {
	const stores = 500
	begun := time.Now()
	answered := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.status)
	}
	send := func(token uint32, reply i2p.Hash) bool {
		m := storeOf(r.info, token, reply)
		m.Owner = buf.Copy(m.Body)
		m.Body = m.Owner.Bytes()
		return r.Send(peer, m) == nil
	}
	// i2pd's netDb waits for a signal, and not for its queue to have something: what came in
	// while it was busy lies there until another message comes.
	const patience = 100 * time.Millisecond
	have, since := 0, begun
	for token := uint32(1); answered() < stores && time.Since(begun) < time.Minute; {
		if n := answered(); n > have {
			have, since = n, time.Now()
		}
		if token <= stores && int(token)-have < 50 && send(token, r.info.Hash()) {
			token++
			continue
		}
		if time.Since(since) > patience {
			send(0, i2p.Hash{})
			since = time.Now()
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(begun)
	size := len(storeOf(r.info, 1, r.info.Hash()).Body)
	t.Logf("%d of %d stores of %d bytes were acknowledged in %v: %+v", answered(), stores, size, took.Round(time.Millisecond), r.Peers())
	d := r.Drivers()[0]
	for _, c := range d.Counters {
		if c.Value > 0 {
			t.Logf("%s: %d", c.Name, c.Value)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.status) != stores || len(r.downs) > 0 {
		var missing []uint32
		for token := uint32(1); token <= stores; token++ {
			if r.status[token] == 0 {
				missing = append(missing, token)
			}
		}
		t.Errorf("%d statuses, none of %d; other messages: %v; sessions ended with %v", len(r.status), missing, r.others, r.downs)
	}
	if d.Dialed != 1 {
		t.Errorf("%d sessions were opened", d.Dialed)
	}
}
