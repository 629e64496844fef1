package streaming_test

import (
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// connection is the TCP connection between two routers of i2pd's: it begins
// with slow start, after a pause too, and keeps Nagle's algorithm, by which
// less than a whole segment waits until all before it is acknowledged.
type connection struct {
	trip     time.Duration
	cwnd     int
	inflight int
	waiting  []parcel // written, not sent
	bytes    int      // of these
	last     time.Time
	dropped  int
}

const segmentSize = 1448

// wireSize is what a packet takes on a connection: tunnel messages of 1028
// bytes, each in a frame.
func wireSize(packet int) int { return (packet + 170 + 963) / 964 * 1070 }

func (c *connection) write(w *network, p parcel) {
	if w.now.Sub(c.last) > max(2*c.trip, 200*time.Millisecond) || c.cwnd == 0 {
		c.cwnd = firstCwnd
	}
	p.size = wireSize(p.size)
	c.waiting = append(c.waiting, p)
	c.bytes += p.size
	if c.bytes > 2*c.cwnd+500*1070 { // i2pd ends the session
		c.dropped += len(c.waiting)
		c.waiting, c.bytes, c.cwnd = nil, 0, firstCwnd
		return
	}
	c.send(w)
}

func (c *connection) send(w *network) {
	for c.bytes > 0 && c.inflight+segmentSize <= c.cwnd && (c.bytes >= segmentSize || c.inflight == 0) {
		n := min(c.bytes, segmentSize)
		c.bytes -= n
		c.inflight += n
		c.last = w.now
		limited := 2*c.inflight > c.cwnd
		var done []parcel
		left := n
		for left > 0 {
			p := &c.waiting[0]
			k := min(p.size, left)
			p.size -= k
			left -= k
			if p.size == 0 {
				done = append(done, *p)
				c.waiting = c.waiting[1:]
			}
		}
		w.after(c.trip/2, func() {
			for _, p := range done {
				p.next()
			}
		})
		w.after(c.trip, func() {
			c.inflight -= n
			if limited {
				c.cwnd += n
			}
			c.send(w)
		})
	}
}

// breaks loses what waits; another connection follows.
func (c *connection) breaks() {
	c.waiting, c.bytes, c.cwnd = nil, 0, 0
}

// farHops is a link over i2pd's hops of a round trip of 200 ms from one to the
// next, whose first router is ours.
func farHops(hops int) link {
	l := link{latency: 100 * ms}
	for range 2 * hops {
		l.hops = append(l.hops, &hop{tcp: &connection{trip: 200 * ms}})
	}
	return l
}

// TestForeignHops: between i2pd's hops round trips are much longer than the
// shortest, and no queue stands.
func TestForeignHops(t *testing.T) {
	for hops := 1; hops <= 2; hops++ {
		for _, small := range []int{0, 7} {
			t.Run(fmt.Sprintf("%d hops, %d before", hops, small), func(t *testing.T) {
				t.Parallel()
				w := newNetwork(t, 1)
				w.blank = true
				a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
				w.connect(a, b, farHops(hops), farHops(hops))
				s, r := opened(t, w, a, b)
				pingPong(t, w, s, r, small)
				start, had := w.now, r.got
				s.toSend, s.finish = 10e6, true
				if !w.arrives(time.Minute, s, r) {
					t.Fatalf("%d bytes; %+v", r.got, s.conn.Stats())
				}
				speed := float64(r.got-had) / r.doneAt.Sub(start).Seconds()
				want := []float64{1.45e6, 0.88e6}[hops-1] // doubling gives less
				st := s.conn.Stats()
				t.Logf("%.2f MB/s in %v; rtt %v min %v window %d resent %d", speed/1e6, r.doneAt.Sub(start), st.RTT, st.MinRTT, st.Window, st.Resent)
				if speed < want {
					t.Errorf("%.2f MB/s", speed/1e6)
				}
			})
		}
	}
}

// TestForeignHopsFail: what is known of a path between i2pd's hops is no
// longer true when their connections have broken and begin anew.
func TestForeignHopsFail(t *testing.T) {
	long(t)
	for hops := 1; hops <= 2; hops++ {
		w := newNetwork(t, 1)
		w.blank = true
		a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
		there := farHops(hops)
		w.connect(a, b, there, farHops(hops))
		s, r := opened(t, w, a, b)
		w.outage(s, 1<<40, 10*time.Second, 8*time.Second)
		for _, h := range there.hops {
			h.tcp.breaks()
		}
		healed, had := w.now, r.got
		w.run(time.Minute, sideList(w, s), func() bool { return r.got >= had+10e6 })
		took := w.now.Sub(healed)
		dropped := 0
		for _, h := range there.hops {
			dropped += h.tcp.dropped
		}
		t.Logf("%d hops: 10 MB took %v, %d dropped; %+v", hops, took, dropped, s.conn.Stats())
		if took > 16*time.Second || dropped > 0 {
			t.Errorf("%d hops: 10 MB took %v, %d dropped", hops, took, dropped)
		}
	}
}
