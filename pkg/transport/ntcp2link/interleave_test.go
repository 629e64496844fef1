package ntcp2link

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport"
)

// crew is nodes to which anything may happen.
type crew struct {
	t      *testing.T
	random *rand.Rand
	pipes  pipes
	nodes  [4]*node
	slow   [4]atomic.Int64 // how long each takes for a message that comes
	most   int             // bytes that were lent at once

	mu   sync.Mutex
	cuts []*atomic.Bool
}

// TestInterleavings has nodes send to each other in floods, read slowly, lose connections without a word, move, stop and come
// back, at any moment. Nothing panics or stands still for ever, no more memory is lent than there is, and in the end none is,
// and no buffer either.
func TestInterleavings(t *testing.T) {
	for seed := range uint64(2) {
		inBubble(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			c := &crew{t: t, random: rand.New(rand.NewPCG(seed, 5))}
			for i := range c.nodes {
				c.begin(i)
			}
			for range 60 {
				c.step()
			}
			for _, n := range c.nodes {
				c.end(n)
			}
			if c.most == 0 {
				t.Error("nothing was ever lent")
			}
		})
	}
}

const crewLent = 256 << 10

func (c *crew) begin(i int) {
	c.nodes[i] = moving(c.t, &c.pipes, byte(i+1), func(s *settings) {
		fragile(func(cut *atomic.Bool) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.cuts = append(c.cuts, cut)
		})(s)
		s.Limits = transport.Limits{QueueMessages: 32, QueueBytes: 32 << 10, LentBytes: crewLent}
		s.Events.Deliver = func(_ i2p.Hash, m i2np.Message) {
			m.Release()
			time.Sleep(time.Duration(c.slow[i].Load()))
		}
	}).start(c.t)
}

func (c *crew) end(n *node) {
	n.halt(c.t)
	if lent := n.Stats().Lent; lent != 0 {
		c.t.Errorf("%s has ended, and %d bytes are lent", n.name, lent)
	}
}

func (c *crew) step() {
	random := c.random
	i := random.IntN(len(c.nodes))
	n := c.nodes[i]
	switch random.IntN(10) {
	default:
		to := c.nodes[(i+1+random.IntN(len(c.nodes)-1))%len(c.nodes)].info.Load()
		size := []int{4, 1028, 1028, 4200, 20000}[random.IntN(5)]
		for range random.IntN(200) {
			typ := []i2np.Type{i2np.TunnelDataType, i2np.TunnelDataType, i2np.TunnelGatewayType, i2np.DataType}[random.IntN(4)]
			n.Send(to, message(typ, random.Uint32(), size))
		}
	case 0:
		c.mu.Lock()
		if len(c.cuts) > 0 {
			c.cuts[random.IntN(len(c.cuts))].Store(true)
		}
		c.mu.Unlock()
	case 1:
		c.pipes.move(netip.AddrFrom4([4]byte{23, 0, 0, byte(i + 1)}), netip.AddrFrom4([4]byte{23, byte(random.IntN(200)), 1, byte(i + 1)}))
	case 2:
		c.slow[i].Store(int64(time.Duration(random.IntN(20)) * time.Millisecond))
	case 3:
		if random.IntN(3) == 0 {
			c.end(n)
			c.begin(i)
		}
	}
	lent := n.Stats().Lent
	if c.most = max(c.most, lent); lent < 0 || lent > crewLent {
		c.t.Errorf("%d bytes are lent", lent)
	}
	time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
}
