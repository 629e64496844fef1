package session

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/ssu2"
)

// speak has a node's peer say any payload.
func (n *node) speak(payload []byte, from netip.AddrPort) bool {
	p := n.peer.s
	out := make([]byte, ssu2.ShortHeaderLen, ssu2.ShortHeaderLen+len(payload)+ssu2.MACLen)
	out = append(out, payload...)
	number := p.snd.Next()
	if p.snd.Sent(p.at(n.w.now), len(out), 0, packet{}) != nil {
		return false
	}
	return n.s.Handle(n.w.now, p.out.seal(out, number, 0), from, false)
}

// TestJunk: what a stranger sends changes nothing and is not answered; a million datagrams.
func TestJunk(t *testing.T) {
	w := newWorld(t, 8, scene{delay: 10 * ms}, nil)
	w.run(time.Second, nil)
	before := w.a.datagram
	random := rand.New(rand.NewPCG(1, 2))
	n := 1_000_000
	if raceEnabled {
		n = 20_000
	}
	d := make([]byte, MaxDatagram)
	state := w.a.s.State(w.now)
	for i := range n {
		if i%64 == 0 {
			for j := range d {
				d[j] = byte(random.Uint32())
			}
		}
		d[0] = byte(i)
		if w.a.s.Handle(w.now, d[:random.IntN(len(d))], netip.MustParseAddrPort("1.2.3.4:5"), false) {
			t.Fatal("junk is taken for the peer's")
		}
	}
	w.a.flush()
	if w.a.datagram != before || w.a.s.State(w.now) != state {
		t.Errorf("%d datagrams in answer to junk", w.a.datagram-before)
	}
	w.end()
}

// TestReplay: every datagram again, and from elsewhere: nothing comes of it.
func TestReplay(t *testing.T) {
	w := newWorld(t, 9, scene{delay: 10 * ms}, nil)
	var all [][]byte
	w.tap = func(from *node, _ netip.AddrPort, d []byte) bool {
		if from == w.a {
			all = append(all, append([]byte(nil), d...))
		}
		return true
	}
	b := w.a.bulk(3e5, fixed(1028))
	w.run(10*time.Second, b.arrived)
	w.run(5*time.Second, nil)
	sent, got := w.b.datagram, len(w.b.got)
	for _, d := range all {
		if w.b.s.Handle(w.now, d, netip.MustParseAddrPort("1.2.3.4:5"), false) {
			t.Fatal("a replayed packet is taken")
		}
	}
	w.b.flush()
	if w.b.datagram != sent || len(w.b.got) != got || int(w.b.s.Counts().Duplicates) != len(all) {
		t.Errorf("%d datagrams in answer to replays; %+v", w.b.datagram-sent, w.b.s.Counts())
	}
	w.end()
}

// TestBounds: a peer that sends fragments of messages without end, and asks for responses
// without end, takes no more memory than it may, and gets no more than it asks.
func TestBounds(t *testing.T) {
	lent := buf.InUse()
	w := newWorld(t, 10, scene{}, nil)
	random := rand.New(rand.NewPCG(1, 2))
	part := make([]byte, 1000)
	for range 30000 {
		f := ssu2.FollowOn{Number: byte(1 + random.IntN(127)), Last: random.IntN(9) == 0, ID: random.Uint32N(3000), Data: part}
		w.b.speak(ssu2.AppendPathChallenge(f.AppendTo(nil), part[:8]), w.a.at)
		if in := &w.b.s.inbox; in.memory > in.limit || len(in.partials) > mostPartial {
			t.Fatalf("%d bytes of %d messages are held", in.memory, len(in.partials))
		}
		w.a.s.snd.Acked(w.a.s.at(w.now), nil)
	}
	if c := w.b.s.Counts(); c.Overfull == 0 || c.BadFragments == 0 {
		t.Errorf("%+v", c)
	}
	w.b.datagram = 0
	w.b.flush()
	if w.b.datagram > 3 {
		t.Errorf("%d datagrams in answer", w.b.datagram)
	}
	w.now = w.now.Add(partialLife)
	w.b.flush()
	if w.b.s.inbox.memory != 0 || w.b.s.Counts().TimedOut == 0 {
		t.Errorf("%d bytes are still held", w.b.s.inbox.memory)
	}
	for i := range 10000 { // nothing is acknowledged
		m := w.message(uint32(i), 1028)
		if err := w.a.s.Send(m, Bulk); err != nil {
			m.Release()
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
	}
	if q := &w.a.s.outbox; q.held > q.limit || q.count > mostMessages {
		t.Errorf("%d bytes in %d messages", q.held, q.count)
	}
	w.end()
	if n := buf.InUse(); n != lent {
		t.Errorf("%d buffers are still lent", n-lent)
	}
}

// FuzzPayload: whatever a peer says in packets that open, nothing breaks, buffers come
// back, and the session still carries messages unless it was told to end.
func FuzzPayload(f *testing.F) {
	f.Add(ssu2.Ack{Through: 3, Count: 2, Ranges: []byte{1, 2}}.AppendTo(nil), uint16(7))
	f.Add(ssu2.FollowOn{Number: 1, Last: true, ID: 7, Data: []byte{1}}.AppendTo(ssu2.FirstFragment{Data: []byte{20, 0, 0, 0, 7, 0, 0, 0, 0, 9}}.AppendTo(nil)), uint16(7))
	f.Add(ssu2.Termination{Reason: 3}.AppendTo(nil), uint16(8))
	f.Add(ssu2.AppendPathResponse(ssu2.AppendPathChallenge(nil, []byte("12345678")), []byte("12345678")), uint16(9))
	f.Add(ssu2.Congestion{Flags: 3}.AppendTo(ssu2.RouterInfo{Flags: 2, Info: []byte{1, 2, 3}}.AppendTo(nil)), uint16(7))
	f.Fuzz(func(t *testing.T, payload []byte, port uint16) {
		if len(payload) > 1440 || len(payload) < ssu2.MinPayload {
			return
		}
		lent := buf.InUse()
		w := newWorld(t, 11, scene{delay: ms}, nil)
		w.a.s.sink, w.b.s.sink = &counter{}, &counter{}
		for i := range 5 {
			w.b.s.Send(w.message(uint32(i), 900), Bulk)
		}
		w.b.flush()
		for range 3 {
			w.b.speak(payload, netip.AddrPortFrom(w.a.at.Addr(), port))
		}
		w.b.flush()
		w.run(10*time.Second, nil)
		if w.b.datagram > 100 {
			t.Errorf("%d datagrams", w.b.datagram)
		}
		w.end()
		if n := buf.InUse(); n != lent {
			t.Errorf("%d buffers are still lent", n-lent)
		}
	})
}
