package ssu2link

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/ssu2/session"
)

// pair are two nodes that a test kills and starts again, with the tokens that they have kept.
type pair struct {
	t     *testing.T
	net   *simnet.Net
	hosts [2]netip.Addr
	nodes [2]*node
	disks [2]*disk
	dead  []*node
}

// disk is where a node keeps its tokens, until it is killed.
type disk struct {
	mu     sync.Mutex
	tokens []byte
	gone   bool
}

func (d *disk) keep(file []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.gone {
		d.tokens = file
	}
}

func inPair(t *testing.T, f func(t *testing.T, p *pair)) {
	simulate(t, simnet.Link{Latency: 100 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		p := &pair{t: t, net: net, hosts: hosts}
		p.start(0, nil)
		p.start(1, nil)
		f(t, p)
		for _, n := range append(p.dead, p.nodes[:]...) {
			n.halt(t)
		}
	})
}

func (p *pair) start(i int, tokens []byte) {
	d := &disk{tokens: tokens}
	p.disks[i] = d
	p.nodes[i] = newNode(p.t, byte(41+i), p.net.Host(p.hosts[i]), netip.AddrPortFrom(p.hosts[i], 7000), func(c *Config) {
		c.Tokens, c.KeepTokens = tokens, d.keep
		c.Rand = draw.Seeded([32]byte{byte(i), byte(len(p.dead))}) // no run draws what another has drawn
	}).start(p.t, p.hosts[i])
}

// kill ends a node without a word, and starts it anew.
func (p *pair) kill(i int) {
	p.net.Crash(p.hosts[i])
	p.dead = append(p.dead, p.nodes[i])
	d := p.disks[i]
	d.mu.Lock()
	d.gone = true
	d.mu.Unlock()
	p.start(i, d.tokens)
}

// talk has node 0 send something to node 1 every so often.
func (p *pair) talk(every, while time.Duration) {
	for end := time.Now().Add(while); time.Now().Before(end); time.Sleep(every) {
		p.nodes[0].Send(p.nodes[1].info.Load(), message(i2np.DatabaseSearchReplyType, uint32(time.Now().UnixMilli()), 500))
	}
}

// untilHeard is how long it takes until node 1 has something of node 0, which goes on to talk.
func (p *pair) untilHeard() time.Duration {
	begun, before := time.Now(), p.nodes[1].has()
	for p.nodes[1].has() == before {
		if time.Since(begun) > time.Minute {
			p.t.Fatalf("nothing comes: %s", show(p.nodes[0]))
		}
		p.talk(100*time.Millisecond, 100*time.Millisecond)
	}
	return time.Since(begun)
}

func (p *pair) retries(i int) uint64 { return p.nodes[i].driver.sockets[0].endpoint.Counts().Retries }

// TestKilledPeer: a peer is killed, and comes back without any session. Who talks to it dials it
// anew as soon as the session stalls, with the token that it has of it, and what it has not got goes over
// the new session.
func TestKilledPeer(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.talk(time.Second, 2*time.Minute)
		p.kill(1)
		from := p.nodes[0]
		took := p.untilHeard()
		if limit := from.driver.cfg.Limits.StallAfter + 1500*time.Millisecond; took > limit {
			t.Errorf("heard after %v, expected %v: %s", took, limit, show(from))
		}
		if n := p.retries(1); n != 0 {
			t.Errorf("the handshake took %d retries", n)
		}
		p.talk(time.Second, 10*time.Second)
		sent, came := from.Stats().MessagesOut, uint64(len(p.nodes[1].got))
		if s := from.Stats(); s.Returned == 0 || came+s.Returned < 14 {
			t.Errorf("%d of %d messages came, %d were returned", came, sent, s.Returned)
		}
	})
}

// TestKilledDialler: who was killed comes back with a token, and its peer takes the new session
// for the old one at once.
func TestKilledDialler(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.talk(time.Second, 2*time.Minute)
		p.kill(0)
		if took := p.untilHeard(); took > 600*time.Millisecond {
			t.Errorf("heard after %v: %s", took, show(p.nodes[0]))
		}
		if n := p.retries(1); n != 1 { // the very first
			t.Errorf("%d retries", n)
		}
		var back int
		for ; p.nodes[0].has() == 0 && back < 20; back++ {
			p.nodes[1].Send(p.nodes[0].info.Load(), message(i2np.DatabaseSearchReplyType, uint32(back+1), 500))
			time.Sleep(100 * time.Millisecond)
		}
		if back > 2 {
			t.Errorf("the way back took %d messages", back)
		}
	})
}

// TestFarewellsOfTheKilled: who was killed tells its peers as it comes back that the sessions before are no more, and
// they need not find out.
func TestFarewellsOfTheKilled(t *testing.T) {
	simulate(t, simnet.Link{Latency: 100 * time.Millisecond}, func(t *testing.T, net *simnet.Net, hosts [2]netip.Addr) {
		var kept atomic.Pointer[[]byte]
		a := newNode(t, 51, net.Host(hosts[0]), netip.AddrPortFrom(hosts[0], 7000), nil).start(t, hosts[0])
		start := func(seed byte, farewells []byte) *node {
			return newNode(t, 52, net.Host(hosts[1]), netip.AddrPortFrom(hosts[1], 7000), func(c *Config) {
				c.Farewells, c.KeepFarewells = farewells, func(file []byte) { kept.Store(&file) }
				c.Rand = draw.Seeded([32]byte{seed})
			}).start(t, hosts[1])
		}
		downs := func() int {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.downs)
		}
		b := start(1, nil)
		transfer(t, a, b, 1<<14, 1028, time.Minute)
		time.Sleep(time.Minute)
		file := *kept.Load()
		all, err := parseFarewells(file, time.Now())
		if err != nil || len(all) != 1 {
			t.Fatalf("%d farewells, %v", len(all), err)
		}
		if all, err := parseFarewells(file, time.Now().Add(7*time.Hour)); err != nil || len(all) > 0 {
			t.Errorf("%d farewells of a file that is old, %v", len(all), err)
		}
		net.Crash(hosts[1])
		again := start(2, file)
		if downs() != 0 {
			t.Fatal("a session has ended already")
		}
		time.Sleep(150 * time.Millisecond)
		if downs() != 1 {
			t.Errorf("the peer knows of %d sessions that are no more", downs())
		}
		transfer(t, a, again, 1<<14, 1028, time.Minute)
		again.halt(t)
		if all, err := parseFarewells(*kept.Load(), time.Now()); err != nil || len(all) != 1 {
			t.Errorf("%d farewells are kept beyond the end, %v", len(all), err)
		}
		b.halt(t)
		a.halt(t)
	})
}

// FuzzFarewells: what is read is what would be said, and no more.
func FuzzFarewells(f *testing.F) {
	now := time.Unix(1e9, 0)
	file := append(noFarewells(now), make([]byte, farewellHead+40)...)
	file[len(file)-41] = 40
	f.Add(file)
	f.Add(noFarewells(now))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseFarewells(b, now)
		if err != nil && all != nil {
			t.Fatal("farewells of a file that is none")
		}
		size := 16
		for _, f := range all {
			if n := len(f.datagram); n < ssu2.MinPacket || n > session.MostLastWord {
				t.Fatalf("a datagram of %d bytes", n)
			}
			size += farewellHead + len(f.datagram)
		}
		if size > len(b) && len(all) > 0 {
			t.Fatal("more than was read")
		}
	})
}

// TestTokensOfLongSessions: a session lasts longer than a token; its end finds another one.
func TestTokensOfLongSessions(t *testing.T) {
	inPair(t, func(t *testing.T, p *pair) {
		p.talk(30*time.Second, 150*time.Minute)
		p.kill(0)
		p.untilHeard()
		if n := p.retries(1); n != 1 { // the very first
			t.Errorf("%d retries", n)
		}
	})
}
