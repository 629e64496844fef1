package streaming_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// hoard opens streams from each of some peers, which send what nobody reads.
func (w *network) hoard(t *testing.T, to *node, peers, each int) (near []*side) {
	t.Helper()
	for range peers {
		bad := w.add(streaming.Config{})
		w.connect(bad, to, plain, plain)
		for range each {
			s, far := opened(t, w, bad, to)
			far.slow = true
			s.toSend = 8 << 20
			near = append(near, s)
		}
	}
	return near
}

// kept is what a node's applications have not read.
func (n *node) kept() (bytes int) {
	for _, s := range n.accepted {
		bytes += s.pending
	}
	return bytes
}

// TestUnreadStreams: 70 streams that nobody reads take all the memory that there is, be they
// of one peer or of many; another one of the same destination is as fast as without them.
func TestUnreadStreams(t *testing.T) {
	long(t)
	const memory, size = 64 << 20, 8 << 20
	path := link{latency: 50 * ms, rate: 2e6, queue: 256 << 10}
	took := func(t *testing.T, peers, each int, withhold uint32) (time.Duration, streaming.Counters) {
		w, a, b := two(t, streaming.Config{}, streaming.Config{}, path)
		w.blank = true
		if withhold > 0 {
			w.tap = func(from, _ *node, payload []byte) bool {
				return from == a || from == b || peek(t, payload).SequenceNum != withhold
			}
		}
		sides := w.hoard(t, b, peers, each)
		most := 0
		for range 20 {
			w.idle(time.Second, sides...)
			most = max(most, b.kept())
		}
		s, r := opened(t, w, a, b)
		begun := w.now
		s.toSend, s.finish = size, true
		for !r.ended && !r.closed && w.now.Sub(begun) < 5*time.Minute {
			w.run(100*ms, sideList(w, append(sides, s)...), func() bool { return r.ended })
			most = max(most, b.kept())
		}
		if r.got != size || most > memory {
			t.Errorf("%d of %d bytes; %d MiB kept at most; %+v", r.got, size, most>>20, s.conn.Stats())
		}
		for _, o := range b.accepted {
			if o.closed && (!o.slow || !errors.Is(o.err, streaming.ErrUnread) || !o.discarded) {
				t.Errorf("closed: %v, its data discarded %v", o.err, o.discarded)
			}
		}
		return w.now.Sub(begun), b.mux.Counters()
	}
	alone, _ := took(t, 0, 0, 0)
	for _, c := range []struct {
		peers, each int
		withhold    uint32 // the sequence number of a packet that never comes
	}{{1, 70, 0}, {70, 1, 0}, {1, 20, 5}} {
		t.Run(fmt.Sprintf("%d_of_%d_each_without_%d", c.peers, c.each, c.withhold), func(t *testing.T) {
			attacked, counters := took(t, c.peers, c.each, c.withhold)
			t.Logf("8 MiB took %v, and %v without the others; %d of these were given up", attacked, alone, counters.Unread)
			if alone < attacked*95/100 || counters.Unread == 0 {
				t.Errorf("it is slower")
			}
		})
	}
}

// TestReadIsNotStale: an application that reads slowly, and says so late, is not taken for one
// that does not.
func TestReadIsNotStale(t *testing.T) {
	const memory = 4 << 20
	w := newNetwork(t, 3)
	b := w.add(streaming.Config{Limits: streaming.Limits{Memory: memory, Streams: 100}})
	w.blank = true
	sides := w.hoard(t, b, 1, 5)
	w.idle(time.Second, sides...)
	slow := b.accepted[0]
	for range 20 {
		w.idle(time.Second, sides...)
		b.consume(slow, 1000)
	}
	if slow.closed {
		t.Errorf("the one that is read was given up: %v", slow.err)
	}
	good := w.add(streaming.Config{})
	w.connect(good, b, plain, plain)
	s, r := opened(t, w, good, b)
	s.toSend, s.finish = 1<<20, true
	if !w.run(time.Minute, sideList(w, append(sides, s)...), func() bool { return r.ended }) {
		t.Errorf("%d bytes came", r.got)
	}
	if slow.closed || b.mux.Counters().Unread == 0 {
		t.Errorf("closed %v; %+v", slow.closed, b.mux.Counters())
	}
}

// TestGapInFullMemory: a stream of which one packet was lost, and much has come after it, goes
// on once that comes again, though others have taken the memory meanwhile and keep it.
func TestGapInFullMemory(t *testing.T) {
	const memory, lost = 4 << 20, 5
	w := newNetwork(t, 3)
	b := w.add(streaming.Config{Limits: streaming.Limits{Memory: memory, Streams: 100}})
	good := w.add(streaming.Config{})
	w.connect(good, b, plain, plain)
	withheld := true
	w.tap = func(from, _ *node, payload []byte) bool {
		return from != good || !withheld || peek(t, payload).SequenceNum != lost
	}
	w.blank = true
	s, r := opened(t, w, good, b)
	s.toSend = 1 << 20
	w.idle(2*time.Second, s, r)
	stats := r.conn.Stats()
	if stats.Reassembly < 32<<10 {
		t.Fatalf("%+v", stats)
	}
	sides := append(w.hoard(t, b, 1, 5), s, r)
	for i := range 40 { // their applications read, but hardly
		withheld = i < 10
		w.idle(time.Second, sides...)
		for _, o := range b.accepted {
			if o.slow && o.pending > 0 {
				b.consume(o, 1)
			}
		}
	}
	if r.got < stats.Reassembly || b.mux.Counters().Unread != 0 {
		t.Errorf("%d bytes came, and %d had waited for one packet; %+v; %d kept", r.got, stats.Reassembly, b.mux.Counters(), b.kept())
	}
}

// TestLeftUnread: what a stream that has ended leaves unread counts until it is read or closed.
func TestLeftUnread(t *testing.T) {
	const memory = 4 << 20
	w := newNetwork(t, 3)
	b := w.add(streaming.Config{Limits: streaming.Limits{Memory: memory, Streams: 100}})
	w.blank = true
	for range 20 {
		s := w.hoard(t, b, 1, 1)
		w.idle(6*time.Second, s...)
		s[0].conn.Reset()
		w.idle(time.Second, s...)
		if kept := b.kept(); kept > memory {
			t.Fatalf("%d KiB are kept, at most %d", kept>>10, memory>>10)
		}
	}
	if b.mux.Len() != 0 || b.kept() == 0 {
		t.Fatalf("%d streams, %d bytes", b.mux.Len(), b.kept())
	}
	for _, s := range b.accepted {
		s.conn.Read(s.pending)
		s.conn.Close()
		s.pending = 0
	}
	sides := w.hoard(t, b, 1, 2)
	w.idle(2*time.Second, sides...)
	if kept := b.kept(); kept < 2<<20 {
		t.Errorf("there is room for %d KiB only", kept>>10)
	}
}

// TestIdleStreams: who opens streams and leaves them idle does not hold the table. One that
// opens many gives way at once to who has few; of those with one each those that were idle for
// a minute, and of these first on which nothing was said to the peer.
func TestIdleStreams(t *testing.T) {
	const places = 60
	limits := streaming.Limits{Streams: places}
	fill := func(peers, each int) (w *network, b *node, live *side) {
		w = newNetwork(t, 3)
		b = w.add(streaming.Config{Limits: limits})
		for n := range peers {
			peer := w.add(streaming.Config{})
			w.connect(peer, b, plain, plain)
			for range each {
				s, r := opened(t, w, peer, b)
				if n == 0 && live == nil {
					r.toSend, live = 1000, r
					w.idle(time.Second, s, r)
				}
			}
		}
		return w, b, live
	}
	enters := func(w *network, b *node) bool {
		before, a := len(b.accepted), w.add(streaming.Config{})
		w.connect(a, b, plain, plain)
		s := w.dial(a, b, streaming.OpenOptions{})
		w.run(300*ms, sideList(w, s), func() bool { return s.established })
		return len(b.accepted) > before
	}
	w, b, _ := fill(1, places)
	w.idle(11 * time.Second)
	for range 20 {
		if !enters(w, b) {
			t.Error("one peer holds the table")
		}
	}
	if n := b.mux.Counters(); n.Idle != 20 || b.mux.Len() > places {
		t.Errorf("%d streams, %+v", b.mux.Len(), n)
	}
	w, b, live := fill(places, 1)
	w.idle(5 * time.Second)
	if enters(w, b) {
		t.Error("a stream was ended that was in use just now")
	}
	w.idle(time.Minute)
	for range places - 5 { // those that were refused before come again
		if !enters(w, b) {
			t.Fatal("idle streams hold the table")
		}
	}
	if live.closed {
		t.Error("a stream that was answered was ended before those that were not")
	}
	// What we dial ourselves has a place as well.
	w, b, _ = fill(1, places)
	w.idle(11 * time.Second)
	other := w.add(streaming.Config{})
	w.connect(b, other, plain, plain)
	if _, err := b.mux.Open(w.now, other.keys.Destination(), streaming.OpenOptions{}); err != nil {
		t.Error(err)
	}
}

// TestCapAlone and TestRateAlone: each of the two limits holds where the other is lifted.
func TestCapAlone(t *testing.T) {
	long(t)
	b := synFlood(t, streaming.Limits{Streams: 200, SYNsPerSecond: -1}, 2000)
	if n := b.mux.Len(); n != 200 {
		t.Errorf("%d streams, at most 200", n)
	}
}

func TestRateAlone(t *testing.T) {
	long(t)
	b := synFlood(t, streaming.Limits{Streams: -1, SYNsPerSecond: 100}, 2000)
	if n := b.mux.Len(); n < 200 || n > 310 { // the burst, and what came in the time since
		t.Errorf("%d streams in a second at 100 a second", n)
	}
}

// synFlood has one peer open streams all at once, and never again.
func synFlood(t *testing.T, limits streaming.Limits, streams int) *node {
	w, bad, b := two(t, streaming.Config{Limits: streaming.Limits{Streams: -1}}, streaming.Config{Limits: limits}, plain)
	for range streams {
		if _, err := bad.mux.Open(w.now, b.keys.Destination(), streaming.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.idle(time.Second)
	return b
}
