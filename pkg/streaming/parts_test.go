package streaming

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2p"
)

// TestReassembly: packets that come in any order, some of them twice, leave in
// the order of their numbers; what is missing meanwhile is named, and nothing is
// kept in the end.
func TestReassembly(t *testing.T) {
	const count = 300
	rng := rand.New(rand.NewPCG(1, 2))
	mem := memory{size: defaultMTU}
	q := reassembly{memory: &mem, keeps: &holding{pool: &mem.received, peer: new(peer)}}
	order := rng.Perm(count)
	order = append(order, rng.Perm(count)...) // again
	came := make(map[uint32]bool)
	var got []uint32
	for _, n := range order {
		seq := uint32(n)
		p := Packet{SequenceNum: seq, Payload: binary.BigEndian.AppendUint32(nil, seq)}
		switch {
		case seq < q.next:
			continue
		case seq == q.next:
			got = append(got, seq)
			q.advance()
			for s, ok := q.pop(); ok; s, ok = q.pop() {
				got = append(got, binary.BigEndian.Uint32(s.data))
				mem.put(s.data)
			}
		default:
			if kept, _ := q.hold(&p); kept == came[seq] {
				t.Fatalf("packet %d: kept %v, though it had come: %v", seq, kept, came[seq])
			}
		}
		came[seq] = true
		if q.next == 0 {
			continue
		}
		nacks, through := q.nacks(nil)
		for seq := q.next; seq <= through && through >= q.next; seq++ {
			named := len(nacks) > 0 && binary.BigEndian.Uint32(nacks) == seq
			if named == came[seq] {
				t.Fatalf("packet %d: named as missing %v, came %v", seq, named, came[seq])
			}
			if named {
				nacks = nacks[nackLen:]
			}
		}
		if len(nacks) > 0 {
			t.Fatalf("%d bytes name what is beyond %d", len(nacks), through)
		}
	}
	if len(got) != count || !slices.IsSorted(got) || q.gap() {
		t.Errorf("%d packets in order (sorted %v), gap %v", len(got), slices.IsSorted(got), q.gap())
	}
	if q.held != 0 || mem.received.bytes != 0 || len(mem.received.holders) != 0 {
		t.Errorf("%d bytes are held, %d counted", q.held, mem.received.bytes)
	}
}

// TestFlight: whatever happens to packets, each is counted once, as in flight,
// lost or acknowledged, and all buffers come back.
func TestFlight(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	mem := memory{size: defaultMTU}
	var f flight
	for now := instant(1); now < 20000; now++ {
		segs := f.outstanding()
		switch rng.IntN(4) {
		case 0, 1:
			g := f.nextLost()
			if g == nil {
				g = f.add(segment{seq: f.nxt, data: mem.getUnacked()})
			}
			f.sent(g)
			g.sentAt = now
		case 2:
			if len(segs) > 0 {
				if g := &segs[rng.IntN(min(len(segs), 40))]; !g.acked {
					f.acknowledge(g)
					mem.putUnacked(g.data)
					g.data = nil
					f.advance()
				}
			}
		case 3:
			if rng.IntN(20) == 0 {
				f.loseBefore(now - instant(rng.IntN(60)))
			}
		}
		inflight, lost, holes := 0, 0, 0
		for _, g := range f.outstanding() {
			switch {
			case g.acked:
				continue
			case g.lost:
				lost++
			default:
				inflight++
			}
			if g.seq < f.highest {
				holes++
			}
		}
		if inflight != f.inflight || lost != f.lost || holes != f.holes || len(f.outstanding()) != int(f.nxt-f.una) {
			t.Fatalf("%d in flight, %d lost, %d holes of %d, counted are %d, %d, %d of %d",
				inflight, lost, holes, len(f.outstanding()), f.inflight, f.lost, f.holes, f.nxt-f.una)
		}
	}
	if f.una == 0 || f.empty() {
		t.Fatalf("from %d to %d: the test does not say much", f.una, f.nxt)
	}
	if f.release(&mem); mem.unacked != 0 || !f.empty() {
		t.Errorf("%d bytes wait for acknowledgement after the end", mem.unacked)
	}
}

// TestOutbox: packets are gathered by destination, also by those of before, and
// also by a peer whose record is a new one.
func TestOutbox(t *testing.T) {
	peers := []*peer{{hash: i2p.Hash{1}}, {hash: i2p.Hash{2}}, {hash: i2p.Hash{1}}}
	var o outbox
	for round, c := range []struct {
		to   []int
		want []int // packets of the batches
	}{
		{[]int{0, 1, 0}, []int{2, 1}},
		{[]int{1, 0, 1, 1}, []int{3, 1}},
		{nil, nil},
		{[]int{2, 1}, []int{1, 1}},
	} {
		for _, i := range c.to {
			if err := o.add(peers[i], datagram.Header{Protocol: datagram.Streaming}, &Packet{SendStreamID: 1}, nil); err != nil {
				t.Fatal(err)
			}
		}
		var got []int
		for i, b := range o.take() {
			got = append(got, len(b.Packets))
			if want := peers[c.to[i]].hash; b.Hash != want {
				t.Errorf("round %d: batch %d is for %v, want %v", round, i, b.Hash, want)
			}
			for _, p := range b.Packets {
				p.Release()
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("round %d: batches of %v packets, want %v", round, got, c.want)
		}
	}
}

// TestAgenda: streams are due in the order of their deadlines, and only those
// that have one.
func TestAgenda(t *testing.T) {
	var a agenda
	var all []*Conn
	for i, at := range []instant{5, 3, never, 3, 9, 1} {
		c := &Conn{name: name{localID: uint32(i)}, turn: turn{index: -1}}
		all = append(all, c)
		a.set(c, at)
	}
	a.set(all[4], 2) // sooner
	a.set(all[0], 8) // later
	a.set(all[5], never)
	a.remove(all[2]) // has none
	var got []uint32
	for c := a.due(7); c != nil; c = a.due(7) {
		got = append(got, c.localID)
		a.touch(c) // once is enough
	}
	if want := []uint32{4, 1, 3}; !slices.Equal(got, want) || len(a.touched) != len(want) {
		t.Errorf("due are %v, want %v; %d are touched", got, want, len(a.touched))
	}
	if a.next() != 8 {
		t.Errorf("the next deadline is %v", a.next())
	}
}

// TestPatience: how long nothing gets through counts from the first timeout on. It
// begins anew once something has, not where the peer is only heard.
func TestPatience(t *testing.T) {
	var p patience
	p.renew(time.Second)
	p.end(p.from)
	p.from = 3 * time.Second
	p.end(p.from)
	if p.timeouts != 2 || p.since != time.Second {
		t.Errorf("%d timeouts since %v", p.timeouts, p.since)
	}
	p.again()
	p.from = 4 * time.Second
	if p.end(p.from); p.timeouts != 1 || p.since != time.Second {
		t.Errorf("heard: %d timeouts since %v", p.timeouts, p.since)
	}
	p.renew(5 * time.Second)
	if p.end(p.from); p.timeouts != 1 || p.since != 5*time.Second {
		t.Errorf("after progress: %d timeouts since %v", p.timeouts, p.since)
	}
}
