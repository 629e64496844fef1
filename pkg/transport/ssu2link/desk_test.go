package ssu2link

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/reach"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/simnet"
	"i2ptoolkit/pkg/ssu2"
)

// town is a simulated network of routers, each of a network of its own, that know each other.
type town struct {
	net   *simnet.Net
	nodes []*node
}

// inTown runs f in a town of so many routers that speak IPv4.
func inTown(t *testing.T, size int, f func(t *testing.T, w *town)) {
	t.Helper()
	inTownOf(t, size, func(i int) []netip.Addr { return []netip.Addr{hostOf(i)} }, f)
}

// inTownOf runs f in a town of so many routers, which listen at these addresses.
func inTownOf(t *testing.T, size int, hosts func(i int) []netip.Addr, f func(t *testing.T, w *town)) {
	t.Helper()
	lent := buf.InUse()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)))
		w := &town{net: simnet.New(simnet.Config{Seed: 9, Link: func(netip.Addr, netip.Addr) simnet.Link {
			return simnet.Link{Latency: 20 * time.Millisecond}
		}})}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.net.Run(ctx) })
		for i := range size {
			all := hosts(i)
			n := newNode(t, byte(20+i), w.net.Host(all...), netip.AddrPortFrom(all[0], 7000), func(c *Config) {
				for _, host := range all[1:] {
					c.Listen = append(c.Listen, netip.AddrPortFrom(host, 7000))
				}
			})
			w.nodes = append(w.nodes, n.start(t, all...))
		}
		f(t, w)
		for _, n := range w.nodes {
			n.halt(t)
		}
		cancel()
		wg.Wait()
	})
	if n := buf.InUse(); n != lent {
		t.Errorf("%d buffers are still lent", n-lent)
	}
}

func (w *town) host(i int) netip.Addr { return hostOf(i) }

func hostOf(i int) netip.Addr { return netip.AddrFrom4([4]byte{23, byte(i), 0, 1}) }

func (w *town) infos() (all []*routerinfo.RouterInfo) {
	for _, n := range w.nodes {
		all = append(all, n.info.Load())
	}
	return all
}

// greet has one router open a session with another.
func (w *town) greet(t *testing.T, a, b *node) {
	t.Helper()
	if err := a.Send(b.info.Load(), message(i2np.DatabaseSearchReplyType, 1, 100)); err != nil {
		t.Fatal(err)
	}
	await(t, "a session", func() bool { return b.Connected(a.info.Load().Hash()) })
}

// tested is a router that knows three others, each of which has a session with one that it does not know.
func (w *town) tested(t *testing.T) *node {
	t.Helper()
	for i := 1; i < 4; i++ {
		w.greet(t, w.nodes[i], w.nodes[i+3])
	}
	bobs := w.infos()[1:4]
	w.nodes[0].knows(func() []*routerinfo.RouterInfo { return bobs })
	return w.nodes[0]
}

// TestTested: a router that knows a few finds that strangers reach it, at the address that they
// see, by tests that those pass on to routers that it does not know.
func TestTested(t *testing.T) {
	inTown(t, 7, func(t *testing.T, w *town) {
		a := w.tested(t)
		state := func() reach.Status { return a.Reach()[0].Status }
		await(t, "the state", func() bool { return state().State == reach.OK && state().Address.IsValid() })
		if s := state(); s.Address != netip.AddrPortFrom(w.host(0), 7000) || !s.V4 || s.Why != reach.TestsReached {
			t.Errorf("%+v", s)
		}
		if hosts := a.Found(); len(hosts) != 1 || hosts[0] != w.host(0) {
			t.Errorf("found at %v", hosts)
		}
		var passed, answered uint64
		for _, n := range w.nodes {
			passed += n.counter("tests_passed")
			answered += n.counter("tests_answered")
		}
		if passed < 2 || answered < 2 {
			t.Errorf("%d passed, %d answered", passed, answered)
		}
		us, elsewhere := a.info.Load().Hash(), netip.AddrPortFrom(w.host(99), 7000)
		for _, n := range w.nodes[4:] {
			w.greet(t, n, a)
		}
		for _, lie := range []netip.AddrPort{elsewhere, elsewhere, elsewhere, netip.AddrPortFrom(w.host(0), 7777)} {
			for _, n := range w.nodes[4:] {
				n.driver.desk.box.Do(func() { n.driver.desk.give(n.driver.desk.side(us), nil, ssu2.AppendAddress(nil, lie)) })
			}
			time.Sleep(time.Second)
		}
		a.driver.desk.box.Do(func() { // and Charlies
			k := a.driver.desk
			now, bob := k.d.host.Now(), w.nodes[1].info.Load().Hash()
			for i, at := range []string{"127.0.0.1:7000", "10.0.0.1:7000", elsewhere.String()} {
				k.pages.put(now, i2p.Hash{}, w.nodes[4+i].info.Load())
				charlie := w.nodes[4+i].info.Load().Hash()
				o := k.outcome(now, &ssu2.PeerTestOutcome{Verdict: ssu2.VerdictReachable, Bob: bob, Charlie: charlie, V4: true, Seen: netip.MustParseAddrPort(at)})
				if o.Seen.IsValid() || !o.Charlie.IsValid() {
					t.Errorf("a Charlie sees us at %s: %+v", at, o)
				}
			}
		})
		var dialled *link // one peer, and packets of it with sources of its choice
		a.driver.desk.box.Do(func() {
			for _, s := range a.driver.desk.sides {
				if !s.inbound {
					dialled = s.link
				}
			}
		})
		for i := range 5 {
			dialled.sock.box.Do(func() {
				word := ssu2.Block{Type: ssu2.BlockAddress, Data: ssu2.AppendAddress(nil, elsewhere)[ssu2.BlockHeaderLen:]}
				dialled.Block(word, netip.AddrPortFrom(w.host(50+i), 7000))
			})
			time.Sleep(time.Second)
		}
		a.driver.desk.box.Do(func() {
			for range 20 {
				if bob := a.driver.desk.chooseBob(a.driver.desk.finds.of(true)); bob != nil && bob.inbound {
					t.Error("one who came is asked for a test, where others are")
					return
				}
			}
		})
		if hosts := a.Publish([]netip.Addr{w.host(0)}); hosts[0].AddrPort() != netip.AddrPortFrom(w.host(0), 7000) {
			t.Errorf("published at %v", hosts[0].AddrPort())
		}
		if s := state(); s.State != reach.OK || s.Address != netip.AddrPortFrom(w.host(0), 7000) || a.counter("addresses_doubted") < 13 {
			t.Errorf("moved: %+v, %s", s, show(a))
		}
	})
}

// TestTestedOverBoth: a router with addresses of both families has each tested, though a peer has a link over one
// of them only: who is dialled for a test is dialled over its family.
func TestTestedOverBoth(t *testing.T) {
	both := func(i int) []netip.Addr {
		return []netip.Addr{hostOf(i), netip.AddrFrom16([16]byte{0x2a, byte(i), 15: 1})}
	}
	// Who has had one for a Charlie, or a session with him, needs another: with few, all are used up.
	inTownOf(t, 24, both, func(t *testing.T, w *town) {
		a := w.tested(t)
		all := w.infos()
		for _, n := range w.nodes[1:] {
			n.knows(func() []*routerinfo.RouterInfo { return all[1:] })
		}
		a.knows(func() []*routerinfo.RouterInfo { return all[1:] })
		awaitFor(t, time.Minute, "both states", func() bool { // ten tests a family are soon, those after them are not
			found := 0
			for _, r := range a.Reach() {
				if r.State == reach.OK {
					found++
				}
			}
			return found == 2
		})
		// A family without a published host has an address all the same: else it could not be tested.
		said := ""
		for _, at := range a.Publish([]netip.Addr{w.host(0)}) {
			said += at.Host().String() + " " + at.Caps() + ";"
		}
		if want := w.host(0).String() + " BC;invalid IP 6;"; said != want {
			t.Errorf("published %q, expected %q", said, want)
		}
	})
}

// TestElsewhere: a router that sends from another address finds out anew how it is reached, with those whom it
// had sent to from the one before. That it loses an address from which it sends nothing changes nothing.
func TestElsewhere(t *testing.T) {
	inTown(t, 7, func(t *testing.T, w *town) {
		a := w.tested(t)
		ok := func() bool { return a.Reach()[0].State == reach.OK }
		await(t, "the state", ok)
		desk, other := a.driver.desk, []netip.Addr{netip.MustParseAddr("172.17.0.1")}
		desk.box.Do(func() {
			desk.finds[0].from = w.host(0)
			desk.moved(other)
		})
		time.Sleep(2 * deskTick)
		if !ok() {
			t.Errorf("%+v", a.Reach())
		}
		desk.box.Do(func() {
			desk.finds[0].from = netip.Addr{} // who does not know from where takes any for that
			desk.moved(other)
			if f := desk.finds[0]; f.Status(desk.d.host.Now()).State != reach.Unknown {
				t.Errorf("not anew: %+v", f.Status(desk.d.host.Now()))
			}
		})
		await(t, "that it is not known", func() bool { return !ok() })
		await(t, "the state again", ok)
		if n := a.counter("tests_ended"); n < 4 {
			t.Errorf("%d tests", n)
		}
	})
}

// TestSameCharlie: of two tests with one Charlie the second says nothing where he reaches us: the first has sent
// him something.
func TestSameCharlie(t *testing.T) {
	inTown(t, 4, func(t *testing.T, w *town) {
		a, infos := w.nodes[0], w.infos()
		charlie := infos[3]
		a.driver.desk.box.Do(func() {
			k := a.driver.desk
			now := k.d.host.Now()
			k.pages.put(now, i2p.Hash{}, charlie)
			for i, want := range []reach.Verdict{reach.Reached, reach.Nothing} {
				bob := infos[1+i].Hash()
				k.bobs[bob] = w.host(1 + i)
				k.tested(now, ssu2.PeerTestResult{Send: []ssu2.Datagram{{To: netip.AddrPortFrom(w.host(3), 7000), Data: make([]byte, 100)}}})
				o := k.outcome(now, &ssu2.PeerTestOutcome{Verdict: ssu2.VerdictReachable, Bob: bob, Charlie: charlie.Hash(), V4: true})
				if o.Verdict != want {
					t.Errorf("test %d: %v", i, o.Verdict)
				}
			}
		})
	})
}

// TestIntroduced: a router that publishes introducers only is reached over one of them, whom
// the dialler knows or not.
func TestIntroduced(t *testing.T) {
	inTown(t, 3, func(t *testing.T, w *town) {
		alice, bob, charlie := w.nodes[0], w.nodes[1], w.nodes[2]
		alice.knows(w.infos)
		w.greet(t, charlie, bob)
		var tag ssu2.RelayTag
		bob.driver.desk.box.Do(func() { tag, _ = bob.driver.desk.relay.Grant(charlie.info.Load().Hash()) })
		charlie.publishBehind(t, bob, tag)
		w.greet(t, alice, bob) // tells her where she is
		await(t, "an idea of the own address", func() bool { return alice.driver.desk.guesses(true) })
		w.greet(t, alice, charlie)
		if bob.counter("introductions") != 1 || charlie.counter("holes_punched") != 1 || alice.counter("introduced") != 1 {
			t.Errorf("bob %s; charlie %s; alice %s", show(bob), show(charlie), show(alice))
		}
	})
}

// TestNotIntroduced: an introducer that does not know the tag says so, and the dial fails.
func TestNotIntroduced(t *testing.T) {
	inTown(t, 3, func(t *testing.T, w *town) {
		alice, bob, charlie := w.nodes[0], w.nodes[1], w.nodes[2]
		w.greet(t, alice, bob)
		charlie.publishBehind(t, bob, 77)
		await(t, "an idea of the own address", func() bool { return alice.driver.desk.guesses(true) })
		if err := alice.Send(charlie.info.Load(), message(i2np.DatabaseSearchReplyType, 1, 100)); err != nil {
			t.Fatal(err)
		}
		await(t, "the failure", func() bool {
			alice.mu.Lock()
			defer alice.mu.Unlock()
			return len(alice.failed) == 1
		})
		if bob.counter("introductions_refused") != 1 {
			t.Error(show(bob))
		}
	})
}

// publishBehind publishes the node as one that is introduced by another.
func (n *node) publishBehind(t *testing.T, bob *node, tag ssu2.RelayTag) {
	o := n.driver.options(netip.IPv4Unspecified())
	o["caps"] = "4"
	o["ih0"], o["itag0"] = bob.info.Load().Hash().String(), strconv.FormatUint(uint64(tag), 10)
	o["iexp0"] = strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: n.keys, Published: i2p.DateOf(time.Now()), Addresses: []routerinfo.Address{address(costIntroducer, o)},
		Options: map[string]string{"netId": "99", "router.version": "0.9.68", "caps": "LU"},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.info.Store(ri)
}

// TestUnaskedTag: who came by himself and gives us a tag that we have not asked for is no introducer of ours, and has no
// hole punched.
func TestUnaskedTag(t *testing.T) {
	inTown(t, 3, func(t *testing.T, w *town) {
		a, b, alice := w.nodes[0], w.nodes[1], w.nodes[2]
		w.greet(t, a, b)
		us := b.info.Load().Hash()
		a.driver.desk.box.Do(func() { a.driver.desk.give(a.driver.desk.side(us), nil, ssu2.AppendRelayTag(nil, 99)) })
		await(t, "the tag", func() bool { return b.counter("tags_unasked") == 1 })
		in := ssu2.Introduction{Nonce: 1, Tag: 99, Timestamp: uint32(time.Now().Unix()), Version: ssu2.Version, Alice: netip.AddrPortFrom(w.host(2), 7000)}
		if err := in.Sign(alice.keys.Signing, a.info.Load().Hash(), us); err != nil {
			t.Fatal(err)
		}
		intro := ssu2.RelayIntro{AliceHash: alice.info.Load().Hash(), Introduction: in}.AppendTo(nil)
		a.driver.desk.box.Do(func() { a.driver.desk.give(a.driver.desk.side(us), alice.info.Load(), intro) })
		await(t, "the refusal", func() bool { return b.counter("introductions_refused") == 1 })
		if n := b.counter("holes_punched"); n != 0 {
			t.Errorf("%d holes", n)
		}
	})
}

// TestNoStrangers: who has a session with us is no stranger, however long ago it began: a NAT lets all of his host in.
func TestNoStrangers(t *testing.T) {
	inTown(t, 3, func(t *testing.T, w *town) {
		a, peers := w.nodes[0], w.nodes[1:]
		for _, b := range peers {
			w.greet(t, a, b)
		}
		k := a.driver.desk
		inDesk(t, k, func() {
			for _, s := range k.sides {
				s.link.hold(true)
			}
		})
		time.Sleep(2 * holeLife)
		inDesk(t, k, func() {
			now := k.d.host.Now()
			if len(k.sides) != len(peers) || !k.stranger(now, w.host(9)) {
				t.Fatalf("%d links", len(k.sides))
			}
			for i := range peers {
				k.enter(&side{hash: i2p.Hash{byte(i)}, inbound: true, remote: netip.AddrPortFrom(w.host(1+i), 7777)})
			}
			k.sides = k.sides[:len(peers)]
		})
		if s := a.Reach()[0].Status; s.State == reach.OK || s.Why == reach.PeersCame {
			t.Errorf("strangers are said to have come: %+v", s)
		}
	})
}

// TestCharlieIsAnother: Bob has somebody test of another network than his own, where there is anybody.
func TestCharlieIsAnother(t *testing.T) {
	hosts := []string{"23.0.0.1", "23.0.9.1", "23.5.0.1"}
	inTownOf(t, 3, func(i int) []netip.Addr { return []netip.Addr{netip.MustParseAddr(hosts[i])} }, func(t *testing.T, w *town) {
		bob, near, far := w.nodes[0], w.nodes[1].info.Load().Hash(), w.nodes[2].info.Load().Hash()
		for _, n := range w.nodes[1:] {
			w.greet(t, bob, n)
		}
		inDesk(t, bob.driver.desk, func() {
			for range 20 {
				if got, ok := bob.driver.desk.chooseCharlie(true, nil); !ok || got != far {
					t.Error("one of his own network")
				}
				if got, ok := bob.driver.desk.chooseCharlie(true, []i2p.Hash{far}); !ok || got != near {
					t.Error("nobody, though there is one")
				}
			}
		})
	})
}
