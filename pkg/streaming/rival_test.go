package streaming_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// rival is the bulk sender of another implementation, reduced to how it fills
// a path, with a receiver that acknowledges as its own does.
type rival struct {
	w           *network
	there, back *link
	tactics     tactics
	ackDelay    func() time.Duration

	next     int
	out      map[int]*shot // in flight
	got      map[int]bool  // at the receiver, from first on
	first    int           // that is missing there
	received int
	ackDue   bool
	expiry   uint64 // counts the restarts of the retransmission timer
}

type shot struct {
	seq   int
	at    time.Time
	again bool
	nacks int
}

// tactics decide how much a rival sends.
type tactics interface {
	room(r *rival) int // how many packets may go now
	acked(r *rival, n int, rtt time.Duration)
	missing(r *rival, s []*shot) // those that an ack names
	rto() time.Duration
	expired(r *rival)
}

const rivalPacket = 1860

func newRival(w *network, there, back *link, t tactics, ackDelay func() time.Duration) *rival {
	return &rival{w: w, there: there, back: back, tactics: t, ackDelay: ackDelay, out: make(map[int]*shot), got: make(map[int]bool)}
}

func (r *rival) send(s *shot) {
	s.at = r.w.now
	r.out[s.seq] = s
	seq := s.seq
	r.w.pass(r.there, 0, rivalPacket, func(at time.Time) {
		r.w.push(arrival{at: at, do: func() { r.receive(seq) }})
	})
}

func (r *rival) pump() {
	for range r.tactics.room(r) {
		r.send(&shot{seq: r.next})
		r.next++
		if len(r.out) == 1 {
			r.arm()
		}
	}
}

// arm restarts the retransmission timer.
func (r *rival) arm() {
	r.expiry++
	n := r.expiry
	r.w.after(r.tactics.rto(), func() {
		if n == r.expiry && len(r.out) > 0 {
			r.tactics.expired(r)
			r.arm()
		}
	})
}

func (r *rival) oldest() []*shot {
	var all []*shot
	for _, s := range r.out {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *shot) int { return a.seq - b.seq })
	return all
}

func (r *rival) receive(seq int) {
	if seq < r.first || r.got[seq] {
		r.ack()
		return
	}
	r.got[seq] = true
	r.received += rivalPacket
	for r.got[r.first] {
		delete(r.got, r.first)
		r.first++
	}
	if !r.ackDue {
		r.ackDue = true
		d := r.ackDelay()
		if len(r.got) > 0 {
			d = 0
		}
		r.w.after(d, r.ack)
	}
}

func (r *rival) ack() {
	r.ackDue = false
	first := r.first
	have := make([]int, 0, len(r.got))
	for seq := range r.got {
		have = append(have, seq)
	}
	r.w.pass(r.back, 0, 60, func(at time.Time) {
		r.w.push(arrival{at: at, do: func() { r.acked(first, have) }})
	})
}

func (r *rival) acked(first int, have []int) {
	n, highest := 0, first-1
	rtt := time.Duration(0)
	take := func(seq int) {
		if s := r.out[seq]; s != nil {
			n++
			if d := r.w.now.Sub(s.at); !s.again && (rtt == 0 || d < rtt) {
				rtt = d
			}
			delete(r.out, seq)
		}
	}
	for _, s := range r.oldest() {
		if s.seq < first {
			take(s.seq)
		}
	}
	for _, seq := range have {
		take(seq)
		highest = max(highest, seq)
	}
	var lost []*shot
	for _, s := range r.oldest() {
		if s.seq < highest {
			lost = append(lost, s)
		}
	}
	if n > 0 {
		r.tactics.acked(r, n, rtt)
		r.arm()
	}
	r.tactics.missing(r, lost)
	r.pump()
}

// slowTicker is i2pd from 2.55 on: a window of 10 to 512 packets, halved when
// the smoothed round trip says that a queue grows, packets released by a clock
// of ten milliseconds, and what is lost waits for the retransmission timer.
type slowTicker struct {
	window, dropped float64
	rtt, prev, min  time.Duration
	slow, fast      time.Duration
	jitter, jitters time.Duration
	n               int
	credit          float64
	lastTick        time.Time
	until           int // the window is not halved again before this is acknowledged
	resend          []*shot
}

func newSlowTicker(r **rival, w *network) *slowTicker {
	t := &slowTicker{window: 10}
	t.lastTick = w.now
	var tick func()
	tick = func() {
		x := *r
		pace := float64(max(t.min+2*t.jitter, ms)) / t.window
		if t.min == 0 {
			pace = float64(150 * ms)
		}
		t.credit = min(t.credit+float64(w.now.Sub(t.lastTick))/pace, 64)
		t.lastTick = w.now
		for _, s := range t.resend {
			if t.credit < 1 {
				break
			}
			if x.out[s.seq] == s && w.now.Sub(s.at) >= t.rto() {
				s.again = true
				x.send(s)
				t.credit--
			}
		}
		x.pump()
		w.after(10*ms+time.Duration(w.rand.Int64N(int64(2*ms))), tick)
	}
	w.after(0, tick)
	return t
}

func (t *slowTicker) room(r *rival) int {
	n := min(int(t.credit), int(t.window)-len(r.out))
	if n <= 0 {
		return 0
	}
	t.credit -= float64(n)
	return n
}

func (t *slowTicker) acked(r *rival, n int, rtt time.Duration) {
	if rtt == 0 {
		return
	}
	if t.min == 0 {
		t.rtt, t.min, t.slow, t.fast, t.prev = rtt, rtt, rtt, rtt, rtt
		t.jitter = rtt/5 + 3*ms
		t.jitters, t.n = t.jitter, 1
		return
	}
	t.rtt = (t.prev + rtt) / 2
	t.slow += (t.rtt - t.slow) / 50
	t.fast += (t.rtt - t.fast) / 10
	if d := (rtt - t.prev).Abs(); d > 0 {
		t.jitters += d + 3*ms
		t.jitter = t.jitters / time.Duration(t.n)
		t.n++
	}
	if t.rtt < t.min {
		t.min = t.rtt
		t.fast, t.slow = t.min+t.jitter, t.min+t.jitter
	}
	t.prev = rtt
	calm := t.min + 3*t.jitter
	if t.fast < calm && t.rtt < calm && t.slow < calm && t.rtt <= t.fast {
		for range n {
			switch {
			case t.dropped >= t.window:
				t.window += 1 - t.window/(t.dropped+0.2)
			case t.dropped > 0:
				t.window += (t.window - t.dropped + 0.2) / t.window
			default:
				t.window += (t.window - 0.8) / t.window
			}
		}
		t.window = min(t.window, 512)
	}
	if t.slow > t.min+6*t.jitter && r.first >= t.until {
		t.dropped = t.window * float64(t.min+4*t.jitter) / float64(t.fast)
		t.window = max(t.dropped/2, 3)
		t.until = r.next + int(t.window)
	}
}

func (t *slowTicker) missing(_ *rival, s []*shot) { t.resend = s }

func (t *slowTicker) rto() time.Duration {
	if t.min == 0 {
		return 9 * time.Second
	}
	return t.rtt*13/10 + t.jitter + 20*ms
}

func (t *slowTicker) expired(r *rival) {
	s := r.oldest()[0]
	s.again = true
	r.send(s)
	t.window = 10
	t.dropped = 0
}

// classic is Java I2P: slow start up to 64 packets, then one packet more each
// round trip, up to 128; half on a loss, which three acks that name it, or the
// timer, show.
type classic struct {
	window, threshold float64
	rtt, vary         time.Duration
	halvedTo          int
}

func (c *classic) room(r *rival) int { return int(c.window) - len(r.out) }

func (c *classic) acked(_ *rival, n int, rtt time.Duration) {
	if rtt > 0 {
		if c.rtt == 0 {
			c.rtt, c.vary = rtt, rtt/2
		}
		c.vary += ((rtt - c.rtt).Abs() - c.vary) / 4
		c.rtt += (rtt - c.rtt) / 8
	}
	if c.window < c.threshold {
		c.window += float64(n)
	} else {
		c.window += float64(n) / c.window
	}
	c.window = min(c.window, 128)
}

func (c *classic) halve(r *rival) {
	if r.first < c.halvedTo {
		return
	}
	c.halvedTo = r.next
	c.window = max(c.window/2, 1)
	c.threshold = c.window
}

func (c *classic) missing(r *rival, lost []*shot) {
	for _, s := range lost {
		if s.nacks++; s.nacks == 3 {
			c.halve(r)
			s.again = true
			r.send(s)
		}
	}
}

func (c *classic) rto() time.Duration {
	if c.rtt == 0 {
		return 9 * time.Second
	}
	return max(c.rtt+4*c.vary, 100*ms)
}

func (c *classic) expired(r *rival) {
	c.halve(r)
	s := r.oldest()[0]
	s.again, s.nacks = true, 0
	r.send(s)
}

// TestRivals: beside another implementation's sender neither starves.
func TestRivals(t *testing.T) {
	long(t)
	for _, kind := range []string{"i2pd", "Java"} {
		for _, trip := range []time.Duration{100 * ms, 500 * ms} {
			for _, queue := range []int{60 << 10, 500 << 10} {
				t.Run(fmt.Sprintf("%s, %v, queue %d", kind, trip, queue>>10), func(t *testing.T) {
					t.Parallel()
					testRival(t, kind, scene{trip: trip, rate: 5e5, queue: queue, line: line{jitter: trip / 10}}, 1)
				})
			}
		}
	}
}

func testRival(t *testing.T, kind string, sc scene, seed uint64) {
	w := newNetwork(t, seed)
	w.blank = true
	h := sc.hop()
	a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
	there, back := sc.links(h)
	w.connect(a, b, there, back)
	s, far := opened(t, w, a, b)
	there2, back2 := sc.links(h)
	var r *rival
	if kind == "i2pd" {
		r = newRival(w, &there2, &back2, newSlowTicker(&r, w), func() time.Duration { return sc.trip / 10 })
	} else {
		r = newRival(w, &there2, &back2, &classic{window: 6, threshold: 64}, func() time.Duration { return min(sc.trip/8, 120*ms) })
		r.pump()
	}
	w.idle(max(20*sc.trip, 5*time.Second), s)
	alone := r.received
	s.toSend = 1 << 40
	w.idle(max(100*sc.trip, 20*time.Second), s)
	x0, y0, since := far.got, r.received, w.now
	lasts := max(200*sc.trip, 20*time.Second)
	w.idle(lasts, s)
	ours, theirs := float64(far.got-x0)/lasts.Seconds(), float64(r.received-y0)/lasts.Seconds()
	stood, wait := h.standing(since, max(10*sc.trip, time.Second))
	t.Logf("ours %.3f, theirs %.3f MB/s (alone %.3f), queue stood %v, median %v, dropped %d", ours/1e6, theirs/1e6,
		float64(alone)/max(20*sc.trip, 5*time.Second).Seconds()/1e6, stood.Round(ms), wait.Round(ms), h.dropped)
	// i2pd hardly grows beside any queue, its own kind's included: it gives way
	// for a minute once its slow average has seen one.
	had := float64(alone) / max(20*sc.trip, 5*time.Second).Seconds()
	if ours < 0.15*sc.rate || theirs < 0.05*had {
		t.Errorf("one starves: %.3f and %.3f MB/s", ours/1e6, theirs/1e6)
	}
}
