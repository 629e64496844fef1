package client

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
)

// outlets are tunnels that count what leaves through each.
type outlets struct {
	etherTunnels
	sent map[uint32]int
}

func (o outlets) Send(via uint32, _ i2p.Hash, _ uint32, messages []i2np.Message) {
	o.sent[via]++
	for _, m := range messages {
		m.Release()
	}
}

func (o outlets) SendPaced(via uint32, gateway i2p.Hash, tunnel uint32, messages []i2np.Message, passed func()) {
	o.Send(via, gateway, tunnel, messages)
	passed()
}

func (o outlets) LookupLeaseSet(i2p.Hash, i2p.Date, func(leaseset.Record, error)) {}

// TestEveryTunnel: all outbound tunnels are used, for as many peers each.
func TestEveryTunnel(t *testing.T) {
	const peers = 1000
	random := rand.NewChaCha8([32]byte{6})
	for n := 1; n <= 4; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := (&ether{clients: map[i2p.Hash]*Client{}}).newClient(t, 1, options.Default())
			o := outlets{sent: map[uint32]int{}}
			now := time.Now()
			c.tunnels = o
			for i := range n {
				c.state.Outbound = append(c.state.Outbound, uint32(100+i))
			}
			for range peers {
				set := newSet(t, random, now)
				c.learn(now, set)
				c.send(set.Hash(), []*buf.Buf{buf.Get(10)})
			}
			for _, id := range c.state.Outbound {
				if share := peers / n; o.sent[id] < share*2/3 || o.sent[id] > share*4/3 {
					t.Errorf("of %d peers %d are reached through tunnel %d of %d", peers, o.sent[id], id, n)
				}
			}
		})
	}
}

// TestDetours: as many calls as there are pairs of a tunnel and a lease give each pair once.
func TestDetours(t *testing.T) {
	now := time.Now()
	random := rand.NewChaCha8([32]byte{7})
	for tunnels := 1; tunnels <= 4; tunnels++ {
		for leases := 1; leases <= 4; leases++ {
			r := &remote{set: leased(t, random, now, make([]byte, 32), leases)}
			paths := make(map[string]bool)
			for range tunnels * leases {
				by, ok := r.detour(now, []uint32{1, 2, 3, 4}[:tunnels])
				paths[fmt.Sprint(by.via, keyOf(by.lease))] = ok
			}
			if len(paths) != tunnels*leases {
				t.Errorf("%d tunnels and %d leases make %d paths", tunnels, leases, len(paths))
			}
		}
	}
}

// TestWays: where there are more paths than are tried at once, the next time has others, until all were tried.
func TestWays(t *testing.T) {
	now, outbound := time.Now(), []uint32{1, 2, 3, 4}
	r := &remote{set: leased(t, rand.NewChaCha8([32]byte{7}), now, make([]byte, 32), 4)}
	r.path, _ = r.detour(now, outbound)
	tried := make(map[string]bool)
	for range 4 { // of 16 paths five others each time
		ways := r.ways(now, outbound)
		if len(ways) != mostScouts || !ways[0].is(r.path) {
			t.Fatalf("%d paths", len(ways))
		}
		for _, by := range ways {
			tried[fmt.Sprint(by.via, keyOf(by.lease))] = true
		}
	}
	if len(tried) != 16 {
		t.Errorf("%d of 16 paths were tried", len(tried))
	}
}
