package ntcp2link

import (
	"testing"
	"time"
)

// line is a model of a line with a queue before it, and of a BBR that always has something to
// send: with so much in flight that a short queue overflows.
type line struct {
	rate  float64 // bytes per second
	queue float64 // bytes that wait at most
	loss  float64 // share that is lost by itself
	trip  time.Duration

	waits    float64
	sent     float64
	resent   float64
	got      float64
	overflow float64
	judged   float64 // of sent
}

const packet = 1100

// run sends for so long, and returns what arrived, and the share of what was sent that the
// queue had no room for.
func (l *line) run(c *ceiling, begin time.Time, length time.Duration) (rate, lost float64) {
	const tick = 10 * time.Millisecond
	got, sent, over := l.got, l.sent, l.overflow
	for at := tick; at <= length; at += tick {
		most := 1.15 * l.rate
		if inflight := 2 * l.rate * l.trip.Seconds(); l.rate*l.trip.Seconds()+l.waits > inflight {
			most = l.rate
		}
		if c.rate > 0 {
			most = min(most, c.rate)
		}
		in, out := most*tick.Seconds(), l.rate*tick.Seconds()
		l.sent += in
		lost := in * l.loss
		l.waits += in - lost
		carried := min(l.waits, out)
		l.waits -= carried
		l.got += carried
		if spill := l.waits - l.queue; spill > 0 {
			l.waits = l.queue
			l.overflow += spill
			lost += spill
		}
		l.resent += lost
		if l.sent-l.judged < leastSent {
			continue
		}
		l.judged = l.sent
		c.judge(begin.Add(at), flow{
			sent: uint64(l.sent), resent: uint64(l.resent), packets: uint32(l.sent / packet), delivered: uint32(l.got / packet),
			rate: l.rate / packet, rtt: l.trip + time.Duration(l.waits/l.rate*float64(time.Second)), shortest: l.trip,
		})
	}
	return (l.got - got) / length.Seconds(), (l.overflow - over) / (l.sent - sent)
}

// TestCeiling: a queue that is shorter than what BBR has in flight overflows no more, and the
// line stays in use, also when it gets faster or slower.
func TestCeiling(t *testing.T) {
	l := &line{rate: 1.2e6, queue: 128 << 10, trip: 200 * time.Millisecond}
	free := *l
	if _, lost := free.run(&ceiling{at: time.Unix(1e10, 0)}, time.Unix(0, 0), 20*time.Second); lost < overflow {
		t.Fatalf("without a bound only %.3f are lost: the model shows nothing", lost)
	}
	var c ceiling
	now := time.Unix(1e9, 0)
	for _, rate := range []float64{l.rate, 4 * l.rate, l.rate / 2} {
		l.rate = rate
		l.run(&c, now, 10*time.Second) // to learn it
		now = now.Add(10 * time.Second)
		got, lost := l.run(&c, now, 20*time.Second)
		now = now.Add(20 * time.Second)
		t.Logf("a line of %.2f MB/s carried %.3f of it, and %.4f of what was sent overflowed", rate/1e6, got/rate, lost)
		if got < 0.93*rate || lost > 0.01 {
			t.Errorf("a line of %.2f MB/s carried %.2f, and %.3f of what was sent overflowed", rate/1e6, got/1e6, lost)
		}
	}
}

// TestCeilingRises: a line that carried next to nothing for a while is used again once it carries
// more.
func TestCeilingRises(t *testing.T) {
	l := &line{rate: 20e3, queue: 2 << 10, trip: time.Second}
	var c ceiling
	now := time.Unix(1e9, 0)
	for range 40 {
		l.run(&c, now, 10*time.Second)
		now = now.Add(10 * time.Second)
		l.rate = max(l.rate*0.9, 4e3)
	}
	low := c.rate
	l.rate = 1.2e6
	l.run(&c, now, 2*time.Minute) // to learn it
	if got, _ := l.run(&c, now.Add(2*time.Minute), 20*time.Second); low == 0 || got < 0.9*l.rate {
		t.Errorf("bound to %.4f MB/s before, %.2f of %.2f MB/s are carried", low/1e6, got/1e6, l.rate/1e6)
	}
}

// TestCeilingAfterLosses: what an overflow leaves behind, losses that are found late and a sender that
// waits for what they hold back, says nothing of the line; nor does a queue through which
// acknowledgements come.
func TestCeilingAfterLosses(t *testing.T) {
	const calm, queue = 200 * time.Millisecond, 300 * time.Millisecond
	for _, x := range []struct {
		name              string
		bound             float64 // bytes per second
		sent, resent, got float64 // of the span, bytes
		afterFull         bool
		rtt               time.Duration
		atLeast, below    float64
	}{
		{"the sender waits", 1.2e6, 300e3, 40e3, 280e3, true, queue, 1.2e6, 0},
		{"and is well again", 1.2e6, 540e3, 0, 540e3, true, queue, 1.2e6, 0},
		{"acknowledgements wait", 1.2e6, 1.19e6, 0, 0.9e6, true, queue, 1.15e6, 1.2e6},
		{"the bound is above the line", 1.45e6, 1.3e6, 60e3, 1.22e6, false, queue, 1.1e6, 1.25e6},
		{"the line became slower", 1.2e6, 1.19e6, 300e3, 0.6e6, true, queue, 0.9e6, 1e6},
	} {
		c := ceiling{rate: x.bound, growth: leastGrowth, full: x.afterFull, queued: true, at: time.Unix(1e9, 0)}
		c.judge(c.at.Add(time.Second), flow{
			sent: uint64(x.sent), resent: uint64(x.resent), packets: uint32(x.sent / packet), delivered: uint32(x.got / packet),
			rate: x.got / packet, rtt: x.rtt, shortest: calm,
		})
		if c.rate < x.atLeast || x.below > 0 && c.rate >= x.below {
			t.Errorf("%s: a bound of %.2f MB/s is %.2f then", x.name, x.bound/1e6, c.rate/1e6)
		}
	}
}

// TestNoCeiling: losses without a queue are no overflow, however many they are.
func TestNoCeiling(t *testing.T) {
	for _, loss := range []float64{0.01, 0.05, 0.2} {
		l := &line{rate: 1.2e6, queue: 128 << 10, trip: 200 * time.Millisecond, loss: loss}
		c := ceiling{}
		now := time.Unix(1e9, 0)
		for range 100 {
			l.waits = 0 // there is no more to send than the line carries
			l.run(&c, now, 100*time.Millisecond)
			now = now.Add(100 * time.Millisecond)
		}
		if c.rate != 0 {
			t.Errorf("%.2f lost without a queue: bound to %.2f MB/s", loss, c.rate/1e6)
		}
	}
}

// TestCeilingOfLossy: a bound rises where much of what is sent is lost by itself.
func TestCeilingOfLossy(t *testing.T) {
	l := &line{rate: 1.2e6, queue: 128 << 10, trip: 200 * time.Millisecond, loss: 0.15}
	c := ceiling{rate: l.rate / 2, growth: leastGrowth}
	if got, _ := l.run(&c, time.Unix(1e9, 0), 20*time.Second); c.rate < l.rate {
		t.Errorf("the bound of a line of %.2f MB/s is %.2f after 20 s, in which %.2f were carried", l.rate/1e6, c.rate/1e6, got/1e6)
	}
}

// TestCubic: a line whose queue has overflowed is cubic's once it is calm, until something is lost
// there without a queue.
func TestCubic(t *testing.T) {
	var c ceiling
	now := time.Unix(1e9, 0)
	var f flow
	span := func(lost uint64, rtt time.Duration) bool {
		now = now.Add(time.Second)
		f.sent += 1000 * packet
		f.resent += lost * packet
		f.packets += 1000
		f.delivered += 1000 - uint32(lost)
		f.rate, f.rtt, f.shortest = 1000, rtt, 200*time.Millisecond
		return c.judge(now, f)
	}
	const calm, queue = 200 * time.Millisecond, 300 * time.Millisecond
	span(0, calm)
	for _, x := range []struct {
		lost         uint64
		rtt          time.Duration
		cubic, lossy bool
	}{
		{20, calm, false, false},   // nothing is bound yet
		{100, queue, false, false}, // an overflow
		{0, queue, false, false},
		{0, calm, false, false}, // a queue stood when it began
		{0, calm, true, false},
		{100, queue, true, false}, // as cubic knows it
		{40, calm, true, false},   // of the same
		{1, calm, true, false},    // mishap
		{20, calm, false, true},
		{100, queue, false, true},
		{0, calm, false, true},
		{0, calm, false, true},
	} {
		before := c.cubic
		changed := span(x.lost, x.rtt)
		if c.cubic != x.cubic || c.lossy != x.lossy || before != c.cubic && !changed {
			t.Errorf("%d lost, %v: cubic %v, lossy %v, changed %v", x.lost, x.rtt, c.cubic, c.lossy, changed)
		}
	}
}

// TestCeilingIdle: what a connection did before it was idle is no span.
func TestCeilingIdle(t *testing.T) {
	var c ceiling
	now := time.Unix(1e9, 0)
	c.judge(now, flow{})
	idle := flow{sent: 10 << 20, resent: 5 << 20, packets: 1e4, delivered: 100, rate: 10, rtt: 400 * time.Millisecond, shortest: 200 * time.Millisecond}
	if c.judge(now.Add(time.Minute), idle) || c.rate != 0 {
		t.Errorf("bound to %v by what was sent in a minute", c.rate)
	}
}
