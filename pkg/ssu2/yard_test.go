package ssu2

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
)

// nat is what stands before a router.
type nat int

const (
	public     nat = iota
	firewall       // nobody comes in who was sent nothing; ports stay
	symmetric      // the same, and each destination sees another port
	blackboxed     // nothing comes in at all
)

// actor is a router in the yard: its endpoint, and its part in relays and peer
// tests.
type actor struct {
	*side
	nat     nat
	relay   *Relay
	tests   *PeerTests
	known   map[i2p.Hash]*routerinfo.RouterInfo
	linked  map[i2p.Hash]bool // has a session with
	unasked map[i2p.Hash]bool // has asked for no tag
	sentTo  map[netip.AddrPort]bool
	dialled []Target
	refused []*RelayRefusal
	outcome []*PeerTestOutcome
	blocks  []ToPeer // all that went to sessions
}

// yard is routers behind NATs, whose sessions with each other are taken for
// granted.
type yard struct {
	*wire
	t      testing.TB
	actors map[netip.AddrPort]*actor
	byHash map[i2p.Hash]*actor
	ports  map[netip.AddrPort]netip.AddrPort // what a symmetric NAT has opened: outside to inside
	// onBlock, if any, may change or drop a block for a session.
	onBlock func(from, to *actor, b *ToPeer) bool
}

func newYard(t testing.TB) *yard {
	y := &yard{
		wire: newWire(), t: t, actors: map[netip.AddrPort]*actor{},
		byHash: map[i2p.Hash]*actor{}, ports: map[netip.AddrPort]netip.AddrPort{},
	}
	y.wire.onSend = y.pass
	return y
}

// add makes a router; unpublished ones name no host.
func (y *yard) add(seed byte, at netip.AddrPort, n nat) *actor {
	a := &actor{
		side: newSide(y.t, seed, at, 0, func(_ *Config, b *routerinfo.BuildConfig) {
			if n != public {
				setOption(b, "host", "")
			}
		}),
		nat: n, known: map[i2p.Hash]*routerinfo.RouterInfo{}, linked: map[i2p.Hash]bool{}, unasked: map[i2p.Hash]bool{}, sentTo: map[netip.AddrPort]bool{},
	}
	self := Self{
		Hash: a.info.Hash(), Signing: a.router.Signing, NetID: testNet, Random: draw.Seeded([32]byte{seed, 1}),
		Find:      func(h i2p.Hash) *routerinfo.RouterInfo { return a.known[h] },
		Connected: func(h i2p.Hash) bool { return a.linked[h] },
		Address: func(v4 bool) netip.AddrPort {
			if v4 != a.at.Addr().Is4() {
				return netip.AddrPort{}
			}
			return a.at
		},
		Public:     func(at netip.Addr) bool { return !at.IsPrivate() && !at.IsLoopback() },
		Introduces: func(bob i2p.Hash) bool { return !a.unasked[bob] },
	}
	a.relay = NewRelay(self, a.Tokens().ForAlice)
	a.tests = NewPeerTests(self, func(v4 bool, not []i2p.Hash) (i2p.Hash, bool) {
		for _, h := range slices.SortedFunc(maps.Keys(a.linked), func(x, y i2p.Hash) int { return slices.Compare(x[:], y[:]) }) {
			if !slices.Contains(not, h) && y.byHash[h].nat == public {
				return h, true
			}
		}
		return i2p.Hash{}, false
	})
	y.sides[at], y.actors[at], y.byHash[a.info.Hash()] = a.side, a, a
	return a
}

// link gives two routers a session, and each other's RouterInfo.
func (y *yard) link(a, b *actor) {
	a.linked[b.info.Hash()], b.linked[a.info.Hash()] = true, true
	a.known[b.info.Hash()], b.known[a.info.Hash()] = b.info, a.info
}

// pass is the NATs' part in a datagram.
func (y *yard) pass(f flight) []flight {
	from := y.actors[f.from]
	from.sentTo[f.to] = true
	if from.nat == symmetric {
		port := uint16(20000)
		for _, b := range f.to.Addr().AsSlice() {
			port += uint16(b) * 7
		}
		outside := netip.AddrPortFrom(f.from.Addr(), port)
		y.ports[outside] = f.from
		f.from = outside
	}
	if inside, ok := y.ports[f.to]; ok {
		f.to = inside
	} else if to := y.actors[f.to]; to != nil && to.nat == symmetric {
		return nil // not an open port
	}
	if to := y.actors[f.to]; to == nil || to.nat == blackboxed || (to.nat != public && !to.sentTo[f.from]) {
		return nil
	}
	return []flight{f}
}

// deliver takes blocks to the other ends of their sessions.
func (y *yard) deliver(from *actor, blocks []ToPeer) {
	from.blocks = append(from.blocks, blocks...)
	for _, b := range blocks {
		to := y.byHash[b.Peer]
		if to == nil || !from.linked[b.Peer] {
			y.t.Fatalf("block for %v, with whom there is no session", b.Peer)
		}
		if y.onBlock != nil && !y.onBlock(from, to, &b) {
			continue
		}
		if b.Before != nil {
			to.known[b.Before.Hash()] = b.Before
		}
		block, _, err := ParseBlock(b.Block)
		if err != nil {
			y.t.Fatal(err)
		}
		sender := from.info.Hash()
		switch block.Type {
		case BlockRelayRequest:
			y.relayed(to, to.relay.HandleRequest(y.now, sender, from.at, block.Data))
		case BlockRelayIntro:
			y.relayed(to, to.relay.HandleIntro(y.now, sender, block.Data))
		case BlockRelayResponse:
			y.relayed(to, to.relay.HandleResponse(y.now, sender, block.Data))
		case BlockPeerTest:
			y.tested(to, to.tests.Handle(y.now, sender, from.at, block.Data))
		}
	}
}

func (y *yard) relayed(a *actor, r RelayResult) {
	if r.Refused != nil {
		a.refused = append(a.refused, r.Refused)
	}
	for _, d := range r.Send {
		y.send(a.at, d.To, d.Data)
	}
	y.deliver(a, r.Blocks)
	if r.Dial != nil {
		a.dialled = append(a.dialled, *r.Dial)
		if _, result, err := a.Dial(y.now, *r.Dial); err == nil {
			y.take(a.side, result)
		}
	}
}

func (y *yard) tested(a *actor, r PeerTestResult) {
	if r.Outcome != nil {
		a.outcome = append(a.outcome, r.Outcome)
	}
	for _, d := range r.Send {
		y.send(a.at, d.To, d.Data)
	}
	y.deliver(a, r.Blocks)
}

// run is the wire's, with what relays and tests have to do.
func (y *yard) run(d time.Duration) {
	for end := y.now.Add(d); y.now.Before(end); {
		y.wire.run(10 * time.Millisecond)
		for _, at := range slices.SortedFunc(maps.Keys(y.actors), netip.AddrPort.Compare) {
			a := y.actors[at]
			for _, m := range a.messages {
				if m.Header.Type == TypeHolePunch {
					y.relayed(a, a.relay.HandleHolePunch(y.now, m))
				} else {
					y.tested(a, a.tests.HandleMessage(y.now, m))
				}
			}
			a.messages = nil
			for due := a.relay.Deadline(); !due.IsZero() && !y.now.Before(due); due = a.relay.Deadline() {
				y.relayed(a, a.relay.Tick(y.now))
			}
			for due := a.tests.Deadline(); !due.IsZero() && !y.now.Before(due); due = a.tests.Deadline() {
				y.tested(a, a.tests.Tick(y.now))
			}
		}
	}
}
