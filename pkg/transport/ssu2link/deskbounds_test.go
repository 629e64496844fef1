package ssu2link

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/ssu2"
)

// inDesk runs f in the loop of a desk, so that nothing is worked in meanwhile, and waits until all is.
func inDesk(t *testing.T, k *desk, f func()) {
	t.Helper()
	if !k.box.Do(f) {
		t.Fatal("the desk has ended")
	}
	wait(time.Millisecond) // of a bubble: it passes once all rest
}

// TestDeskIsShared: of one link no more notes wait, and in the long run no more come, than it needs;
// all together are bounded in number and in bytes, whatever they are; and none of what gave way
// counts for its link any more.
func TestDeskIsShared(t *testing.T) {
	inTown(t, 2, func(t *testing.T, w *town) {
		a, b := w.nodes[0], w.nodes[1]
		w.greet(t, a, b)
		k := b.driver.desk
		var s *side
		inDesk(t, k, func() { s = k.sides[0] })
		junk := ssu2.Block{Type: ssu2.BlockPeerTest, Data: []byte{9}}
		s.rate.Take(time.Now(), 0, notesPerSecond, notesAtOnce)
		before, posted := b.counter("tests_malformed"), 0
		for range 10 {
			inDesk(t, k, func() {
				for range mostNotesOfLink + 10 {
					k.blocked(s, junk, s.remote)
					posted++
				}
				if n := s.notes.Load(); n > mostNotesOfLink {
					t.Errorf("%d notes of a link wait", n)
				}
			})
			if n := s.notes.Load(); n != 0 {
				t.Fatalf("%d notes of a link are left", n)
			}
		}
		time.Sleep(2 * deskTick) // the counts are kept by turns
		if got := b.counter("tests_malformed") - before; got < notesAtOnce-2 || got > notesAtOnce {
			t.Errorf("%d of %d notes of one moment were worked in, %d is the most", got, posted, notesAtOnce)
		}
		if got := b.counter("notes_crowded"); got < uint64(posted-notesAtOnce) {
			t.Errorf("%d of %d are counted as too many", got, posted)
		}
		long := w.longInfo(t)
		for what, n := range map[string]note{
			"messages": {message: &ssu2.Message{Payload: make([]byte, 16<<10)}},
			"blocks":   {block: ssu2.BlockPeerTest, data: make([]byte, 8<<10)},
			"infos":    {info: long},
		} {
			size, count := 8<<10, mostNotes
			switch {
			case n.info != nil:
				size = len(n.info.Bytes())
			case n.message != nil:
				size, count = 16<<10, mostAlien
			}
			inDesk(t, k, func() {
				was := k.box.Dropped()
				for range count {
					if n.message == nil {
						n.from = &side{hash: s.hash}
					}
					k.post(n)
				}
				if most := uint64(count - mostNoteBytes/size + 1); k.box.Dropped()-was < most-2 || k.box.Dropped()-was > most {
					t.Errorf("%s: %d of %d found no room, about %d had to", what, k.box.Dropped()-was, count, most)
				}
				last := &side{hash: s.hash}
				if k.post(note{from: last, data: make([]byte, 8<<10)}); last.notes.Load() != 0 {
					t.Errorf("%s: one that found no room waits", what)
				}
			})
		}
		inDesk(t, k, func() { // and small ones; those of strangers leave room for links
			was, crowded := k.box.Dropped(), b.counter("notes_crowded")
			for range 2 * mostNotes {
				k.outside(&ssu2.Message{Payload: []byte{1}})
			}
			if n := b.counter("notes_crowded") - crowded; n != 2*mostNotes-mostAlien || k.box.Dropped() != was {
				t.Errorf("%d of %d were too many, %d found no room", n, 2*mostNotes, k.box.Dropped()-was)
			}
			for range mostNotes {
				k.post(note{from: &side{hash: s.hash}, data: []byte{1}})
			}
			if n := k.box.Dropped() - was; n != mostAlien {
				t.Errorf("%d of links found no room beside them", n)
			}
		})
		if n := k.alien.Load(); n != 0 {
			t.Errorf("%d messages of strangers are left", n)
		}
	})
}

// longInfo is a RouterInfo of many bytes.
func (w *town) longInfo(t *testing.T) *routerinfo.RouterInfo {
	t.Helper()
	keys, err := i2p.GenerateRouter(nil)
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]string{}
	for i := range 20 {
		options[strings.Repeat("x", 20+i)] = strings.Repeat("y", 250)
	}
	ri, err := routerinfo.Build(routerinfo.BuildConfig{Keys: keys, Published: i2p.DateOf(time.Now()), Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return ri
}

// TestDeskKeepsLinks: of two links with a router the newest counts, and what the router was given lasts as
// long as one of them; who waits for a link with it is told once.
func TestDeskKeepsLinks(t *testing.T) {
	inTown(t, 2, func(t *testing.T, w *town) {
		a, b := w.nodes[0], w.nodes[1]
		w.greet(t, a, b)
		k := b.driver.desk
		hash := i2p.Hash{1, 2, 3}
		from := netip.MustParseAddrPort("24.7.0.1:7001")
		waiting := make(chan *side, 2)
		inDesk(t, k, func() {
			k.awaits[hash] = []chan<- *side{waiting}
			one := &side{hash: hash, remote: from, said: ssu2.Said{RelayTag: 77}, wants: true}
			two := &side{hash: hash, remote: from, said: ssu2.Said{RelayTag: 78}} // unasked
			for _, s := range []*side{one, two} {
				k.enter(s)
			}
			if k.side(hash) != two || k.side(i2p.Hash{9}) != nil {
				t.Error("the newest link is not the one that counts")
			}
			if len(waiting) != 1 || <-waiting != one || len(k.awaits[hash]) != 0 {
				t.Error("who waited was not told, or is told twice")
			}
			if one.tag != 77 || two.tag != 0 {
				t.Errorf("tags %d and %d", one.tag, two.tag)
			}
			if k.tagged(one, 79); one.tag != 77 {
				t.Error("another tag in place of one that is published")
			}
			tag, _ := k.relay.Grant(hash)
			k.leave(one)
			if again, _ := k.relay.Grant(hash); again != tag || k.side(hash) != two {
				t.Error("a tag ends while a link stands")
			}
			if !k.introducedBy(hash) || k.introducedBy(i2p.Hash{9}) {
				t.Error("who has given us a tag does not introduce us, or who has not does")
			}
			k.leave(two)
			k.leave(two)
			if !k.introducedBy(hash) || k.d.host.Now().Add(guideLife).Before(k.tagsOf[hash]) {
				t.Error("a tag that others may know of is forgotten, or never")
			}
			if again, _ := k.relay.Grant(hash); again == tag || k.side(hash) != nil {
				t.Error("a tag outlives the last link")
			}
			if now := k.d.host.Now(); !k.recent.has(now, from.Addr()) || k.recent.has(now, netip.MustParseAddr("24.7.0.2")) {
				t.Error("the addresses to which something went lately are others")
			}
		})
	})
}

// TestTagsAreShared: one host, and one network, holds a part of the tags, so that others get some.
func TestTagsAreShared(t *testing.T) {
	inTown(t, 2, func(t *testing.T, w *town) {
		a, b := w.nodes[0], w.nodes[1]
		w.greet(t, a, b)
		k := b.driver.desk
		tagged := func(at string, of int) {
			for range of {
				k.sides = append(k.sides, &side{remote: netip.MustParseAddrPort(at), given: true})
			}
		}
		inDesk(t, k, func() {
			own := k.sides[:1:1]
			defer func() { k.sides = own }()
			own[0].given = false
			host, full := w.host(0).As4(), k.counts.tagsFull.Load()
			for _, c := range []struct {
				host [4]byte
				of   int
				want bool
			}{
				{host, mostTags[0] - 1, false}, {host, mostTags[0], true},
				{[4]byte{host[0], host[1], host[2], 99}, mostTags[1] - 1, false}, {[4]byte{host[0], host[1], host[2], 99}, mostTags[1], true},
				{[4]byte{host[0], host[1], 99, 9}, mostTags[2] - 1, false}, {[4]byte{host[0], host[1], 99, 9}, mostTags[2], true},
				{[4]byte{host[0], 99, 9, 9}, maxGiven, false},
			} {
				k.sides = slices.Clone(own)
				tagged(netip.AddrPortFrom(netip.AddrFrom4(c.host), 7000).String(), c.of)
				if got := k.crowded(own[0]); got != c.want {
					t.Errorf("%d tags at %v: crowded %v", c.of, c.host, got)
				}
			}
			k.sides = slices.Clone(own)
			tagged(netip.AddrPortFrom(w.host(0), 7001).String(), mostTags[0])
			if k.grant(own[0]); own[0].given || k.counts.tagsFull.Load() != full+1 {
				t.Error("one host gets more than its part")
			}
			k.sides = own
			if k.grant(own[0]); !own[0].given {
				t.Error("no tag for who has a right to one")
			}
			k.sides = slices.Clone(own)
			tagged(netip.AddrPortFrom(w.host(0), 7001).String(), mostTags[0])
			if k.grant(own[0]); k.counts.tagsFull.Load() != full+1 {
				t.Error("who has one asks again, and is refused")
			}
		})
	})
}

// maxGiven is more than all tags.
const maxGiven = 2000

// TestDeskSends: what engines have made goes where a router may be, and nowhere else; what has no
// link is counted. What is made later is made of what came, whatever becomes of the buffer.
func TestDeskSends(t *testing.T) {
	inTown(t, 2, func(t *testing.T, w *town) {
		a, b := w.nodes[0], w.nodes[1]
		w.greet(t, a, b)
		k := b.driver.desk
		undelivered := b.counter("notes_undelivered")
		inDesk(t, k, func() {
			s := k.sides[0]
			s.asked = k.d.host.Now()
			good, bad := netip.MustParseAddrPort("24.7.0.3:7001"), netip.MustParseAddrPort("224.0.0.1:7001")
			k.deliver([]ssu2.Datagram{{To: good, Data: []byte("x")}, {To: bad, Data: []byte("x")}}, []ssu2.ToPeer{{Peer: i2p.Hash{5}}})
			if now := k.d.host.Now(); !k.recent.has(now, good.Addr()) || k.recent.has(now, bad.Addr()) {
				t.Error("sent to others than may be dialled, or not noted")
			}
			tag := ssu2.AppendRelayTag(nil, 99)[ssu2.BlockHeaderLen:]
			if !k.blocked(s, ssu2.Block{Type: ssu2.BlockRelayTag, Data: tag}, s.remote) || k.blocked(s, ssu2.Block{Type: ssu2.BlockI2NP, Data: tag}, s.remote) {
				t.Error("blocks are the desk's that are not, or the other way about")
			}
			clear(tag)
			// A message 5 of no test, which would be malformed if it changed.
			p := ssu2.PeerTest{Message: 5, Version: 2, Nonce: 3, Alice: good}
			payload := p.AppendTo(ssu2.AppendDateTime(nil, k.d.host.Now()))
			k.outside(&ssu2.Message{Payload: payload, From: good})
			clear(payload)
		})
		time.Sleep(2 * deskTick)
		if n := b.counter("notes_undelivered") - undelivered; n != 2 {
			t.Errorf("%d are counted as undelivered", n)
		}
		inDesk(t, k, func() {
			if s := k.sides[0]; s.tag != 99 {
				t.Errorf("tag %d", s.tag)
			}
		})
		if b.counter("tests_unexpected") != 1 || b.counter("tests_malformed") != 0 {
			t.Error(show(b))
		}
	})
}

// TestDeskLooks: a RouterInfo that engines ask for is the one a link has, or one that a peer has told of,
// unless that is the peer's own; else it is looked for, once.
func TestDeskLooks(t *testing.T) {
	inTown(t, 4, func(t *testing.T, w *town) {
		a, b, c, d := w.nodes[0], w.nodes[1], w.nodes[2].info.Load(), w.nodes[3].info.Load()
		w.greet(t, a, b)
		k := b.driver.desk
		looked := make(chan struct{}, 16)
		b.knows(func() []*routerinfo.RouterInfo {
			looked <- struct{}{}
			return []*routerinfo.RouterInfo{d}
		})
		inDesk(t, k, func() {
			s := k.sides[0]
			if ri := k.find(s.hash); ri == nil || ri != s.info {
				t.Error("a link's own is not found")
			}
			if k.informed(s, s.info.Bytes()) || k.informed(s, []byte("x")) || k.informed(nil, c.Bytes()) || !k.informed(s, slices.Clone(c.Bytes())) {
				t.Error("it takes what is not for it, or does not take what is")
			}
		})
		for len(looked) > 0 {
			<-looked // by tests of its own
		}
		inDesk(t, k, func() {
			if ri := k.find(c.Hash()); ri == nil || !bytes.Equal(ri.Bytes(), c.Bytes()) {
				t.Error("what a peer has told of is not found")
			}
			for range 2 {
				if k.find(d.Hash()) != nil {
					t.Error("what nobody has told of is found at once")
				}
			}
		})
		if n := len(looked); n != 1 {
			t.Errorf("looked for %d times", n)
		}
		inDesk(t, k, func() {
			if ri := k.find(d.Hash()); ri != d {
				t.Error("what was looked for is not found")
			}
		})
	})
}

// TestDeskEnds: who waits for an introduction, or for a link, is told that there will be none.
func TestDeskEnds(t *testing.T) {
	inTown(t, 1, func(t *testing.T, w *town) {
		k := w.nodes[0].driver.desk
		asked, awaited := make(chan ssu2.Target), make(chan *side)
		inDesk(t, k, func() {
			k.asks[i2p.Hash{1}] = asked
			k.awaits[i2p.Hash{2}] = []chan<- *side{awaited}
		})
		w.nodes[0].stop()
		for range 2 {
			select {
			case _, open := <-asked:
				if asked = nil; open {
					t.Error("an introduction")
				}
			case _, open := <-awaited:
				if awaited = nil; open {
					t.Error("a link")
				}
			case <-time.After(time.Minute):
				t.Fatal("they wait for ever")
			}
		}
		if k.box.Do(func() {}) {
			t.Error("the desk goes on")
		}
	})
}
