package ssu2link

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"i2ptoolkit/pkg/bucket"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/mailbox"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
)

// desk has the driver's part in introductions and peer tests, and finds out how others reach
// us. Its loop owns all but the mailbox and what stands behind mu: the sockets' loops hand in
// what concerns it, and take what it has to send.
type desk struct {
	d      *Driver
	box    *mailbox.Box[note]
	alien  atomic.Int32 // messages from outside of links that wait in it
	random *draw.Source
	relay  *ssu2.Relay
	tests  *ssu2.PeerTests
	sides  []*side // of the links that stand, the oldest first
	pages  pages
	recent recent
	tagsOf map[i2p.Hash]time.Time          // who has given us a tag on a link that has gone, until when others may know of it
	asks   map[i2p.Hash]chan<- ssu2.Target // introductions to these, that dials of ours wait for
	awaits map[i2p.Hash][]chan<- *side     // who waits for a link with them
	finds  families
	bobs   map[i2p.Hash]netip.Addr // of the tests of ours that are under way
	holes  map[netip.Addr]bool     // whether something had gone to their Charlies before
	guides guides
	looked time.Time
	meets  int    // dials of ours to routers that may help
	met    uint64 // of these since the beginning

	counts deskCounts

	mu   sync.Mutex // a leaf
	view view
}

// side is what the desk knows of a link.
type side struct {
	link    *link
	hash    i2p.Hash
	info    *routerinfo.RouterInfo
	inbound bool
	remote  netip.AddrPort
	said    ssu2.Said
	notes   atomic.Int32  // that wait
	rate    bucket.Bucket // of notes; the loop's of the link's socket

	// The desk's own.
	tag   ssu2.RelayTag // by which the peer introduces others to us
	wants bool          // it was asked for with the handshake
	asked time.Time     // when we asked for it otherwise
	given bool          // we introduce others to it
}

func newDesk(d *Driver) *desk {
	k := &desk{
		d: d, random: draw.From(d.cfg.Rand).Split(), pages: newPages(), recent: newRecent(), tagsOf: map[i2p.Hash]time.Time{},
		asks: map[i2p.Hash]chan<- ssu2.Target{}, awaits: map[i2p.Hash][]chan<- *side{}, bobs: map[i2p.Hash]netip.Addr{}, holes: map[netip.Addr]bool{},
	}
	k.box = mailbox.New(mailbox.Config[note]{
		Limit: mostNotes, Bytes: mostNoteBytes, Gather: d.loops[0].Gather, Drop: func(n note) { k.done(n) },
		Size: func(n note) int {
			switch {
			case n.message != nil:
				return len(n.message.Payload)
			case n.info != nil:
				return len(n.info.Bytes())
			}
			return len(n.data)
		},
	})
	self := ssu2.Self{
		Hash: d.host.Self, Signing: d.cfg.Signing, NetID: d.host.NetID, Random: k.random,
		Find: k.find, Connected: func(h i2p.Hash) bool { return k.side(h) != nil }, Address: k.address,
		Public: d.host.MayDial, Introduces: k.introducedBy,
	}
	k.relay = ssu2.NewRelay(self, func(now time.Time, alice netip.AddrPort) ssu2.Token {
		if s := d.socketFor(alice.Addr()); s != nil {
			return s.endpoint.Tokens().ForAlice(now, alice)
		}
		return 0
	})
	k.tests = ssu2.NewPeerTests(self, k.chooseCharlie)
	k.finds.begin(d, k.random)
	k.view = k.viewed(d.host.Now())
	return k
}

// up and down tell that a link stands, and that it has ended.
func (k *desk) up(s *side) { k.box.Call(func() { k.enter(s) }) }

func (k *desk) down(s *side) { k.box.Call(func() { k.leave(s) }) }

// sentTo notes where a dial goes.
func (k *desk) sentTo(a netip.Addr) {
	k.box.Call(func() { k.recent.add(k.d.host.Now(), a) })
}

// run is the loop.
func (k *desk) run(ctx context.Context) {
	defer k.end()
	timer := time.NewTimer(deadline.Rest(0))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.box.Ready():
		case <-timer.C:
		}
		k.box.Take()
		now := k.d.host.Now()
		k.box.Each(func(n note) { k.handle(now, n) })
		timer.Reset(deadline.Rest(k.tick(ctx, now).Sub(now)))
	}
}

func (k *desk) end() {
	for h, c := range k.asks {
		delete(k.asks, h)
		close(c)
	}
	for h, waiting := range k.awaits {
		delete(k.awaits, h)
		for _, c := range waiting {
			close(c)
		}
	}
	k.box.Close()
}

// The longest that the desk rests: what follows from reachability is looked at so often.
const deskTick = time.Second

// tick does what is due, and returns when it is to be called again.
func (k *desk) tick(ctx context.Context, now time.Time) time.Time {
	for due := k.relay.Deadline(); !due.IsZero() && !now.Before(due); due = k.relay.Deadline() {
		k.introduced(k.relay.Tick(now))
	}
	for due := k.tests.Deadline(); !due.IsZero() && !now.Before(due); due = k.tests.Deadline() {
		k.tested(now, k.tests.Tick(now))
	}
	k.look(now)
	k.locate(now)
	k.test(ctx, now)
	k.guide(ctx, now)
	k.show(now)
	k.counts.keep(k.relay.Counts(), k.tests.Counts())
	next := deadline.Earliest(now.Add(deskTick), k.relay.Deadline())
	return deadline.Earliest(next, k.tests.Deadline())
}

// handle works in a note.
func (k *desk) handle(now time.Time, n note) {
	k.done(n)
	switch {
	case n.message != nil && n.message.Header.Type == ssu2.TypeHolePunch:
		k.introduced(k.relay.HandleHolePunch(now, n.message))
	case n.message != nil:
		k.tested(now, k.tests.HandleMessage(now, n.message))
	case n.info != nil:
		k.pages.put(now, n.from.hash, n.info)
	default:
		k.blockFrom(now, n)
	}
}

func (k *desk) blockFrom(now time.Time, n note) {
	peer := n.from.hash
	switch n.block {
	case ssu2.BlockRelayRequest:
		k.introduced(k.relay.HandleRequest(now, peer, n.at, n.data))
	case ssu2.BlockRelayIntro:
		k.introduced(k.relay.HandleIntro(now, peer, n.data))
	case ssu2.BlockRelayResponse:
		k.introduced(k.relay.HandleResponse(now, peer, n.data))
	case ssu2.BlockPeerTest:
		k.tested(now, k.tests.Handle(now, peer, n.at, n.data))
	case ssu2.BlockAddress:
		if seen, err := ssu2.ParseAddress(n.data); err == nil {
			k.seen(now, n.from, n.at.Addr(), seen)
		}
	case ssu2.BlockRelayTagRequest:
		k.grant(n.from)
	case ssu2.BlockRelayTag:
		if tag, err := ssu2.ParseRelayTag(n.data); err == nil {
			k.tagged(n.from, tag)
		}
	}
}

// enter notes a link that stands now.
func (k *desk) enter(s *side) {
	now := k.d.host.Now()
	if s.inbound {
		k.relay.Reached(s.remote)
		if k.stranger(now, s.remote.Addr()) {
			k.came(now, s.remote.Addr())
		}
	}
	k.recent.add(now, s.remote.Addr())
	k.sides = append(k.sides, s)
	k.heard(now, s.remote.Addr())
	if s.said.Address.IsValid() {
		k.seen(now, s, s.remote.Addr(), s.said.Address)
	}
	if s.said.RelayTag != 0 {
		k.tagged(s, s.said.RelayTag)
	}
	if s.said.WantsRelayTag {
		k.grant(s)
	}
	waiting := k.awaits[s.hash]
	delete(k.awaits, s.hash)
	for _, c := range waiting {
		c <- s
	}
}

// leave forgets a link.
func (k *desk) leave(s *side) {
	i := slices.Index(k.sides, s)
	if i < 0 {
		return
	}
	k.sides = slices.Delete(k.sides, i, i+1)
	k.recent.add(k.d.host.Now(), s.remote.Addr())
	k.recent.add(k.d.host.Now(), s.at())
	k.untagged(k.d.host.Now(), s)
	if k.side(s.hash) == nil {
		k.relay.Revoke(s.hash)
	}
}

// side is the newest link with a router; nil is none.
func (k *desk) side(h i2p.Hash) *side {
	for _, s := range slices.Backward(k.sides) {
		if s.hash == h {
			return s
		}
	}
	return nil
}

// deliver sends what engines have made.
func (k *desk) deliver(datagrams []ssu2.Datagram, blocks []ssu2.ToPeer) {
	now := k.d.host.Now()
	for _, g := range datagrams {
		s := k.d.socketFor(g.To.Addr())
		if s == nil || !k.d.host.MayDial(g.To.Addr()) {
			k.counts.undelivered.Add(1)
			continue
		}
		k.recent.add(now, g.To.Addr())
		s.box.Call(func() { s.write(g) })
	}
	for _, b := range blocks {
		s := k.side(b.Peer)
		if s == nil {
			k.counts.undelivered.Add(1)
			continue
		}
		k.give(s, b.Before, b.Block)
	}
}

// give has a link send a block, and before it a RouterInfo where there is one.
func (k *desk) give(s *side, before *routerinfo.RouterInfo, block []byte) {
	b, _, err := ssu2.ParseBlock(block)
	if err != nil {
		panic("ssu2: " + err.Error()) // we have made it
	}
	l := s.link
	l.sock.box.Call(func() {
		now := time.Now()
		if before != nil {
			l.sendInfo(now, before)
		}
		if l.s.Ended() != nil || l.s.SendBlock(now, b) != nil {
			k.counts.undelivered.Add(1)
			return
		}
		l.sock.touch(l)
	})
}

// find gives the engines the RouterInfo of a router: what a peer is known by, or has told us
// of another a moment ago. What else is known takes a while to be looked for, and the engines
// come again.
func (k *desk) find(h i2p.Hash) *routerinfo.RouterInfo {
	if s := k.side(h); s != nil {
		return s.info
	}
	now := k.d.host.Now()
	ri, asked := k.pages.get(now, h)
	if ri == nil && !asked {
		k.pages.ask(now, h)
		k.d.host.Go(func() {
			if ri := k.d.host.Known(h); ri != nil {
				k.box.Call(func() { k.pages.put(k.d.host.Now(), i2p.Hash{}, ri) })
			}
		})
	}
	return ri
}
