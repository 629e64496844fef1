package streaming_test

import (
	"cmp"
	"slices"
	"time"
)

// hop is a router of a path: it sends on at a rate that may change, and lets
// wait, drops early or polices what comes faster. Links may share it.
type hop struct {
	rate   float64 // bytes a second
	queue  int     // bytes that may wait
	early  bool    // drop by chance, the more the fuller the queue is
	police bool    // drop what exceeds the rate, with no queue but a burst
	slow   *slowStart
	tcp    *connection // instead of all that
	rest   rest

	tokens  float64
	filled  time.Time
	waiting []parcel
	bytes   int
	busy    bool
	dropped int
	waits   []wait
}

type parcel struct {
	size int
	at   time.Time
	next func()
}

// wait is how long a packet stood in a queue.
type wait struct {
	at time.Time
	d  time.Duration
}

// rest is the time in which the TCP connection to the next router sends next to nothing, to see
// how long its round trip is without a queue, as BBR does every 10 s.
type rest struct{ every, lasts, from time.Duration }

// left is for how long it rests on.
func (r rest) left(now time.Time) time.Duration {
	if r.every == 0 {
		return 0
	}
	at := (time.Duration(now.UnixNano()) - r.from) % r.every
	return max(r.lasts-at, 0)
}

// slowStart is the TCP connection to the next router: its window grows with
// what it has carried, and is forgotten in a pause.
type slowStart struct {
	rtt  time.Duration
	cwnd float64
	last time.Time
}

const firstCwnd = 10 * 1448

func (s *slowStart) rate(now time.Time, size int) float64 {
	if now.Sub(s.last) > max(2*s.rtt, time.Second) || s.cwnd == 0 {
		s.cwnd = firstCwnd
	}
	s.last = now
	s.cwnd += float64(size)
	return s.cwnd / s.rtt.Seconds()
}

// line is the latency after the hops: in order, as over TCP, with a jitter of
// its own, and the pause that a lost segment of a connection makes.
type line struct {
	jitter time.Duration // drawn anew for each packet; who is overtaken holds up the others
	tick   time.Duration // packets leave together, at multiples of it
	spikes float64       // the chance of a packet to be held up for spike
	spike  time.Duration
	last   time.Time
}

func (l *line) arrival(w *network, latency time.Duration) time.Time {
	at := w.now
	if l.tick > 0 {
		at = at.Truncate(l.tick).Add(l.tick)
	}
	at = at.Add(latency)
	if l.jitter > 0 {
		at = at.Add(time.Duration(w.rand.Int64N(int64(l.jitter))))
	}
	if l.spikes > 0 && w.rand.Float64() < l.spikes {
		at = at.Add(l.spike)
	}
	if at.Before(l.last) {
		at = l.last
	}
	l.last = at
	return at
}

// pass takes a packet through the hops of a link, from one on.
func (w *network) pass(l *link, i, size int, deliver func(at time.Time)) {
	if i == len(l.hops) {
		if l.loss > 0 && w.rand.Float64() < l.loss {
			l.dropped++
			return
		}
		deliver(l.line.arrival(w, l.latency))
		return
	}
	l.hops[i].take(w, parcel{size, w.now, func() { w.pass(l, i+1, size, deliver) }})
}

func (h *hop) take(w *network, p parcel) {
	if h.tcp != nil {
		h.tcp.write(w, p)
		return
	}
	if h.police {
		const burst = 30 << 10
		h.tokens = min(burst, h.tokens+w.now.Sub(h.filled).Seconds()*h.rate)
		h.filled = w.now
		if h.tokens < float64(p.size) {
			h.dropped++
			return
		}
		h.tokens -= float64(p.size)
		p.next()
		return
	}
	full := float64(h.bytes+p.size) / float64(h.queue)
	if full > 1 || h.early && w.rand.Float64() < (full-0.25)/4 {
		h.dropped++
		return
	}
	h.waiting = append(h.waiting, p)
	h.bytes += p.size
	if !h.busy {
		h.serve(w)
	}
}

// serve sends the first that waits.
func (h *hop) serve(w *network) {
	p := h.waiting[0]
	h.busy = true
	h.waits = append(h.waits, wait{w.now, w.now.Sub(p.at)})
	if d := h.rest.left(w.now); d > 0 {
		w.after(d, func() { h.transmit(w, p) })
		return
	}
	h.transmit(w, p)
}

func (h *hop) transmit(w *network, p parcel) {
	rate := h.rate
	if h.slow != nil {
		rate = min(rate, h.slow.rate(w.now, p.size))
	}
	w.after(time.Duration(float64(p.size)/rate*1e9), func() {
		h.waiting = h.waiting[1:]
		h.bytes -= p.size
		h.busy = false
		if len(h.waiting) > 0 {
			h.serve(w)
		}
		p.next()
	})
}

// standing is the longest queue that stood for a whole span without once
// being shorter, since a moment; and the median wait.
func (h *hop) standing(since time.Time, span time.Duration) (stood, median time.Duration) {
	var all []time.Duration
	least := make(map[int64]time.Duration)
	for _, x := range h.waits {
		if x.at.Before(since) {
			continue
		}
		all = append(all, x.d)
		i := int64(x.at.Sub(since) / (span / 2))
		if d, ok := least[i]; !ok || x.d < d {
			least[i] = x.d
		}
	}
	for i, d := range least {
		if next, ok := least[i+1]; ok {
			stood = max(stood, min(d, next))
		}
	}
	if len(all) > 0 {
		slices.SortFunc(all, cmp.Compare)
		median = all[len(all)/2]
	}
	return stood, median
}
