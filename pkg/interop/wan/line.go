package wan

import (
	"math/rand/v2"
	"time"
)

// Settings are what a line does to packets in one direction.
type Settings struct {
	Delay   time.Duration // one way
	Jitter  time.Duration // added, uniform in 0..Jitter; packets keep their order
	Loss    float64       // share of packets, 0 to 1; so are the next two
	Repeat  float64
	Reorder float64       // held back by up to Lag, so that later packets overtake them
	Lag     time.Duration // uniform in 0..Lag
	Rate    float64       // bytes a second; 0 is unlimited
	Burst   int           // bytes that pass at once after a pause: the bucket's size
	Queue   int           // bytes that may wait for the rate; what comes then is dropped
	MTU     int           // larger packets are dropped, their senders told by ICMP; 0 is what hosts send at most
	Silent  bool          // or not told: a black hole
}

// Distance is a line that has nothing but a delay.
func Distance(delay time.Duration) Settings {
	return Settings{Delay: delay, Lag: 10 * time.Millisecond, Burst: 3000, Queue: 128 << 10, MTU: deviceMTU}
}

// deviceMTU is that of the hosts' devices.
const deviceMTU = 1500

// Counters tell what became of a line's packets.
type Counters struct {
	Packets, Bytes                      uint64 // that came out
	Lost, Overflow, Repeated, Overtaken uint64
	TooBig, Unreachable                 uint64
	MaxWait                             time.Duration // in the queue
}

// line is one direction of a host's access to the network. It has no clock
// and no sockets: the same packets at the same times, with the same seed,
// have the same fate.
type line struct {
	Settings
	Counters
	rng  *rand.Rand
	full time.Duration // when the token bucket will be full again
	last time.Duration // when the latest packet in order comes out
}

func newLine(s Settings, seed, id uint64) *line {
	return &line{Settings: s, rng: rand.New(rand.NewPCG(seed, id))}
}

// pass takes a packet of n bytes at a time, and gives the times at which it
// comes out at the far end: none, one or two.
func (l *line) pass(now time.Duration, n int) (out [2]time.Duration, count int) {
	leaves, ok := l.shape(now, n)
	if !ok {
		l.Overflow++
		return out, 0
	}
	if l.chance(l.Loss) {
		l.Lost++
		return out, 0
	}
	copies := 1
	if l.chance(l.Repeat) {
		l.Repeated++
		copies = 2
	}
	for range copies {
		at := leaves + l.Delay + l.upTo(l.Jitter)
		if l.chance(l.Reorder) {
			l.Overtaken++
			at += l.upTo(l.Lag)
		} else {
			at = max(at, l.last)
			l.last = at
		}
		out[count] = at
		count++
		l.Packets++
		l.Bytes += uint64(n)
	}
	return out, count
}

// shape is a token bucket that keeps a virtual clock instead of tokens: full
// moves ahead by what each packet costs, and a packet leaves when the bucket
// holds enough for it.
func (l *line) shape(now time.Duration, n int) (leaves time.Duration, ok bool) {
	if l.Rate <= 0 {
		return now, true
	}
	cost := func(bytes int) time.Duration { return time.Duration(float64(bytes) / l.Rate * float64(time.Second)) }
	full := max(l.full, now) + cost(n)
	leaves = max(now, full-cost(l.Burst))
	wait := leaves - now
	if wait > cost(l.Queue) {
		return 0, false
	}
	l.full = full
	l.MaxWait = max(l.MaxWait, wait)
	return leaves, true
}

// chance and upTo draw only where a setting asks for it.
func (l *line) chance(share float64) bool { return share > 0 && l.rng.Float64() < share }

func (l *line) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(l.rng.Int64N(int64(d) + 1))
}
