package streaming_test

import (
	"fmt"
	"testing"
	"time"

	"i2ptoolkit/pkg/streaming"
)

// pinger asks and waits for the answer, again and again, beside others.
type pinger struct {
	near, far *side
	trips     []time.Duration
}

func newPinger(w *network, near, far *side, pause time.Duration) *pinger {
	p := &pinger{near: near, far: far}
	var asked time.Time
	ask := func() {
		asked = w.now
		near.toSend += 100
		w.poked = append(w.poked, near.node)
	}
	questions, answers := far.got, near.got
	far.heard = func() {
		if far.got-questions == 100 {
			questions += 100
			far.toSend += 100
		}
	}
	near.heard = func() {
		if near.got-answers == 100 {
			answers += 100
			p.trips = append(p.trips, w.now.Sub(asked))
			w.after(pause, ask)
		}
	}
	w.after(0, ask)
	return p
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	h := &hop{}
	for _, x := range d {
		h.waits = append(h.waits, wait{d: x})
	}
	_, m := h.standing(time.Time{}, time.Second)
	return m
}

// scene is a path and what a stream must make of it.
type scene struct {
	name                string
	trip                time.Duration
	rate                float64 // of the bottleneck
	queue               int     // 0: half a second's
	loss                float64
	line                line
	early, police, slow bool
	small               int // round trips before the bulk
	steps               []step
	lasts               time.Duration
	share               float64 // of the capacity that is wanted, 0.75 where it is 0
}

type step struct {
	at   time.Duration
	rate float64
}

func (sc scene) hop() *hop {
	q := sc.queue
	if q == 0 {
		q = int(sc.rate / 2)
	}
	h := &hop{rate: sc.rate, queue: q, early: sc.early, police: sc.police}
	if sc.slow {
		h.slow = &slowStart{rtt: sc.trip / 3}
	}
	return h
}

func (sc scene) links(h *hop) (there, back link) {
	wide := &hop{rate: 50e6, queue: 10 << 20}
	there = link{latency: sc.trip / 2, hops: []*hop{h}, loss: sc.loss, line: sc.line}
	back = link{latency: sc.trip / 2, hops: []*hop{wide}, loss: sc.loss, line: sc.line}
	return there, back
}

// run sends for a while and says what came of it, from a moment on.
func (sc scene) run(t *testing.T, seed uint64) {
	w := newNetwork(t, seed)
	w.blank = true
	a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
	h := sc.hop()
	there, back := sc.links(h)
	w.connect(a, b, there, back)
	s, r := opened(t, w, a, b)
	pingPong(t, w, s, r, sc.small)
	s.toSend = 1 << 40
	start := w.now
	base := sc.trip + sc.line.jitter + 2*sc.line.tick
	r.stall, r.gotAt = 0, start
	lasts := max(sc.lasts, 60*base, 8*time.Second)
	got := r.got
	capacity := 0.0
	warm := max(12*base, time.Second, time.Duration(200*1812/sc.rate*1e9))
	rate, at := sc.rate, warm
	w.idle(warm, s)
	warmGot, warmAt := r.got, w.now
	for _, st := range append(sc.steps, step{lasts, 0}) {
		w.idle(st.at-at, s)
		capacity += rate * (st.at - at).Seconds()
		at = st.at
		if st.rate > 0 {
			rate, h.rate = st.rate, st.rate
		}
	}
	share := float64(r.got-warmGot) / capacity
	whole := float64(r.got-got) / (capacity + sc.rate*warm.Seconds())
	stood, wait := h.standing(warmAt, max(10*sc.trip, time.Second))
	st := s.conn.Stats()
	t.Logf("%3.0f%% of %.2f MB/s (%3.0f%% from the start), queue stood %v, median %v, stall %v, resent %d of %d, dropped %d, min %v window %d rate %.2f",
		100*share, sc.rate/1e6, 100*whole, stood.Round(ms), wait.Round(ms), r.stall.Round(ms), st.Resent, st.PacketsOut, h.dropped, st.MinRTT.Round(ms), st.Window, st.Rate/1e6)
	want := sc.share
	if want == 0 {
		want = 0.75
	}
	if share < want {
		t.Errorf("%.0f%% of the path", 100*share)
	}
	least := time.Duration(4 * 1900 / sc.rate * 1e9) // four packets are always on the way
	if stood > max(base, 30*ms)+least && len(sc.steps) == 0 {
		t.Errorf("a queue of %v stands", stood)
	}
	if r.stall > 3*time.Second {
		t.Errorf("a stall of %v", r.stall)
	}
}

func scenes() (all []scene) {
	for _, trip := range []time.Duration{4 * ms, 100 * ms, 500 * ms} {
		rate := 1e6
		unit := max(trip, 100*ms)
		all = append(all,
			scene{name: "clean", trip: trip, rate: rate, small: 7},
			scene{name: "deep queue", trip: trip, rate: rate, queue: 4 << 20},
			scene{name: "shallow queue", trip: trip, rate: rate, queue: max(16<<10, int(rate*trip.Seconds()/4))},
			scene{name: "jitter", trip: trip, rate: rate, line: line{jitter: trip / 2}},
			scene{name: "jitter, fast", trip: trip, rate: 1.5 * rate, line: line{jitter: trip / 2}},
			scene{name: "tick", trip: trip, rate: rate, line: line{tick: max(trip/4, 10*ms)}},
			scene{name: "spikes", trip: trip, rate: rate, line: line{spikes: 0.0005, spike: trip + 200*ms}, lasts: 60 * unit},
			scene{name: "loss 3%", trip: trip, rate: rate, loss: 0.03},
			scene{name: "early drops", trip: trip, rate: rate, early: true},
			scene{name: "policed", trip: trip, rate: rate, police: true},
			scene{name: "TCP slow start", trip: trip, rate: rate, slow: true, small: 3},
			scene{name: "slow hop", trip: trip, rate: 60e3, queue: 700 << 10, lasts: 60 * time.Second},
			scene{name: "slower", trip: trip, rate: 2 * rate, queue: 700 << 10, steps: []step{{30 * unit, rate / 2}}, lasts: 80*unit + 10*time.Second},
			scene{name: "faster", trip: trip, rate: rate / 2, queue: 700 << 10, steps: []step{{30 * unit, 2 * rate}}, lasts: 120 * unit},
			scene{name: "slower and faster", trip: trip, rate: rate, queue: 700 << 10, steps: []step{{30 * unit, rate / 4}, {70 * unit, rate}, {110 * unit, rate / 4}, {150 * unit, rate}}, lasts: 200 * unit},
		)
	}
	return all
}

func TestScenes(t *testing.T) {
	long(t)
	for _, sc := range scenes() {
		seeds := uint64(1)
		if sc.line.jitter > 0 || sc.line.spikes > 0 || sc.loss > 0 || sc.early {
			seeds = 2
		}
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s, %v, %d", sc.name, sc.trip, seed), func(t *testing.T) {
				t.Parallel()
				sc.run(t, seed)
			})
		}
	}
}

// TestBeside: a conversation beside bulk on a bottleneck of 10 Mbit/s.
func TestBeside(t *testing.T) {
	long(t)
	for _, trip := range []time.Duration{100 * ms, 500 * ms, time.Second} {
		for seed, same := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v, same destination %v", trip, same), func(t *testing.T) {
				t.Parallel()
				sc := scene{trip: trip, rate: 1.05e6, line: line{jitter: trip / 10}}
				w := newNetwork(t, uint64(seed))
				w.blank = true
				a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
				c, d := a, b
				if !same {
					c, d = w.add(streaming.Config{}), w.add(streaming.Config{})
				}
				h := sc.hop()
				there, back := sc.links(h)
				w.connect(a, b, there, back)
				if !same {
					there, back := sc.links(h)
					w.connect(c, d, there, back)
				}
				s, r := opened(t, w, a, b)
				q, p := opened(t, w, c, d)
				talk := newPinger(w, q, p, 100*ms)
				w.idle(10*trip, s, q)
				idle := median(talk.trips)
				s.toSend = 1 << 40
				w.idle(10*trip, s, q)
				talk.trips = nil
				got := r.got
				const lasts = 40 * time.Second
				w.idle(lasts, s, q)
				busy, share := median(talk.trips), float64(r.got-got)/lasts.Seconds()/sc.rate
				t.Logf("round trip %v, %v beside %.0f%%", idle.Round(ms), busy.Round(ms), 100*share)
				if share < 0.8 || busy > idle*3/2 {
					t.Errorf("%v of %v at %.2f", busy, idle, share)
				}
			})
		}
	}
}

// TestShare: streams that meet at a bottleneck come to fair shares of it.
func TestShare(t *testing.T) {
	long(t)
	for _, trip := range []time.Duration{20 * ms, 100 * ms, 500 * ms} {
		for _, queue := range []int{60 << 10, 500 << 10} {
			for seed := range uint64(2) {
				if seed > 0 && trip > 100*ms {
					continue // long to simulate
				}
				t.Run(fmt.Sprintf("%v queue %d, %d", trip, queue>>10, seed), func(t *testing.T) {
					t.Parallel()
					sc := scene{trip: trip, rate: 1e6, queue: queue, line: line{jitter: trip / 10}}
					w := newNetwork(t, seed)
					w.blank = true
					h := sc.hop()
					var near, far []*side
					for range 2 {
						a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
						there, back := sc.links(h)
						w.connect(a, b, there, back)
						s, r := opened(t, w, a, b)
						near, far = append(near, s), append(far, r)
					}
					near[0].toSend = 1 << 40
					w.idle(max(10*trip, 3*time.Second), near...)
					near[1].toSend = 1 << 40
					w.idle(max(60*trip, 10*time.Second), near...)
					x0, y0, since := far[0].got, far[1].got, w.now
					lasts := max(100*trip, 20*time.Second)
					w.idle(lasts, near...)
					x, y := float64(far[0].got-x0)/lasts.Seconds(), float64(far[1].got-y0)/lasts.Seconds()
					jain := (x + y) * (x + y) / (2 * (x*x + y*y))
					stood, wait := h.standing(since, max(10*trip, time.Second))
					t.Logf("%.2f and %.2f MB/s, index %.3f, queue stood %v, median %v, dropped %d", x/1e6, y/1e6, jain, stood.Round(ms), wait.Round(ms), h.dropped)
					fair := 0.8
					if float64(queue) < sc.rate*trip.Seconds()/4 { // only losses tell them of each other
						fair = 0.65
					}
					if jain < fair || x+y < 0.75*sc.rate || stood > trip+30*ms {
						t.Errorf("%.2f and %.2f MB/s with a queue of %v", x/1e6, y/1e6, stood)
					}
				})
			}
		}
	}
}

// TestRests: the connections between routers rest for two of their round trips now and then, each
// for itself. The path is taken up at once when they are over.
func TestRests(t *testing.T) {
	long(t)
	for seed := range uint64(4) {
		w := newNetwork(t, seed)
		w.blank = true
		a, b := w.add(streaming.Config{}), w.add(streaming.Config{})
		there := link{latency: 250 * ms}
		for range 3 {
			from := time.Duration(w.rand.Int64N(int64(10 * time.Second)))
			there.hops = append(there.hops, &hop{rate: 1e6, queue: 800 << 10, rest: rest{10 * time.Second, 400 * ms, from}})
		}
		w.connect(a, b, there, link{latency: 250 * ms, rate: 50e6, queue: 10 << 20})
		s, r := opened(t, w, a, b)
		start, had := w.now, r.got
		s.toSend, s.finish = 40<<20, true
		if !w.arrives(3*time.Minute, s, r) {
			t.Fatalf("%d bytes; %+v", r.got, s.conn.Stats())
		}
		speed := float64(r.got-had) / r.doneAt.Sub(start).Seconds()
		var worst time.Duration
		for _, h := range there.hops {
			stood, _ := h.standing(start.Add(5*time.Second), 5*time.Second)
			worst = max(worst, stood)
		}
		t.Logf("%.2f of 1 MB/s, a queue of %v stood", speed/1e6, worst.Round(ms))
		if speed < 0.8e6 || worst > 500*ms { // they rest for an eighth
			t.Errorf("%.2f of 1 MB/s, a queue of %v stood", speed/1e6, worst.Round(ms))
		}
	}
}
