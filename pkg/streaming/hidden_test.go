package streaming

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestHidden: where a gap has more packets than the peer has room to name, what it has beyond is neither acknowledged nor
// in flight. What is known to be missing is sent again none the less, also while the window is small as the shortest round
// trip is looked for.
func TestHidden(t *testing.T) {
	for _, c := range []struct {
		name             string
		scattered, inRow uint32
	}{
		{"some and many", 82, 186},
		{"many", 0, 300},
		{"as many as can be named", 0, 255},
		{"few", 20, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPath()
			p.run(3*time.Second, func() bool { return false })
			first := p.s.flight.nxt
			row := first + 10*c.scattered
			p.drops = func(seq uint32) bool {
				return seq >= first && seq < row && seq%10 == 0 || seq >= row && seq < row+c.inRow
			}
			p.run(time.Second, func() bool { return p.s.flight.nxt > row+c.inRow+300 })
			p.run(p.trip/2, func() bool { return false })
			p.s.cc.trip.suspect = true
			since, before := p.now, p.s.stats.Resent
			healed := p.run(20*time.Second, func() bool { return p.s.flight.una > row+c.inRow })
			took, resent := p.now-since, p.s.stats.Resent-before
			t.Logf("%v, %d of %d sent again, %d timeouts, window %.0f", took, resent, c.scattered+c.inRow, p.s.stats.Timeouts, p.s.window())
			if !healed || took > 5*p.trip {
				t.Errorf("after %v: %d lost, %d in flight, window %.0f", took, p.s.flight.lost, p.s.flight.inflight, p.s.window())
			}
			if most := c.scattered + c.inRow; uint64(resent) > uint64(most)*5/4 {
				t.Errorf("%d packets sent again of %d", resent, most)
			}
		})
	}
}

// TestHeldUp: a path that holds all up for a while, loses some of what is on the way and a run of it, and is slower from
// then on, as when a host has moved, is filled again soon after. What the peer could not name before says nothing of the
// path when it is named.
func TestHeldUp(t *testing.T) {
	const more, limit = 2000, 5 // packets, s
	for seed := range uint64(18) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := newPath()
		p.trip = time.Duration(50+rng.IntN(500)) * time.Millisecond
		p.run(2*time.Second+time.Duration(rng.IntN(3000))*time.Millisecond, func() bool { return false })
		first, last := p.s.flight.una, p.s.flight.nxt
		lost := p.lose(rng)
		held := time.Duration(rng.IntN(3000)) * time.Millisecond
		p.free = max(p.free, p.now) + held
		p.packetTime *= time.Duration(1 + rng.IntN(4))
		since, needs := p.now, held+time.Duration(last+more-first)*p.packetTime
		p.run(time.Minute, func() bool { return p.s.flight.una > last+more })
		if took := p.now - since - needs; took.Seconds() > limit {
			t.Errorf("seed %d: %v more than the %v of a path of %v that was held up for %v and lost %d of %d",
				seed, took, needs, p.trip, held, lost, last-first)
		}
	}
}

// lose drops some of the first packets on the way and a run behind them.
func (p *path) lose(rng *rand.Rand) (lost int) {
	share, some, run := rng.Float64()/2, rng.IntN(len(p.there)+1), rng.IntN(600)
	var left []passing
	for i, g := range p.there {
		if i < some && rng.Float64() < share || i >= some && i < some+run {
			lost++
			continue
		}
		left = append(left, g)
	}
	p.there = left
	return lost
}

// path is a sender and what receives it, with a bottleneck between them and no more.
type path struct {
	s     sender
	order reassembly
	now   instant
	trip  time.Duration
	drops func(seq uint32) bool // of the first transmissions

	there, back []passing
	free        instant       // when the bottleneck is
	packetTime  time.Duration // of the bottleneck
}

type passing struct {
	at instant
	p  Packet
}

func newPath() *path {
	p := &path{now: time.Hour, trip: 200 * time.Millisecond, packetTime: 250 * time.Microsecond, drops: func(uint32) bool { return false }}
	cfg := Config{}
	cfg.defaults()
	sh := &shared{cfg: cfg, memory: memory{size: cfg.MTU, received: newPool(cfg.Limits)}, missing: make([]uint32, 0, maxNACKs)}
	p.s = newSender(sh, new(Totals), new(farEnd))
	p.s.open, p.s.far.known, p.s.far.window = true, true, float64(cfg.MaxWindow)
	p.order = reassembly{memory: &sh.memory, keeps: &holding{pool: &sh.memory.received, peer: new(peer)}}
	return p
}

// run lets time go by in steps of a millisecond.
func (p *path) run(limit time.Duration, done func() bool) bool {
	data := make([]byte, 64<<10)
	for end := p.now + limit; p.now < end; p.now += time.Millisecond {
		if done() {
			return true
		}
		for p.s.backlog.len() < len(data) && p.s.backlog.write(data) > 0 {
		}
		acks := 0
		for ; len(p.there) > 0 && p.there[0].at <= p.now; p.there = p.there[1:] {
			p.arrive(&p.there[0].p)
			acks++
		}
		if acks > 0 {
			ack := Packet{}
			ack.NACKs, ack.AckThrough = p.order.nacks(nil)
			p.back = append(p.back, passing{p.now + p.trip/2, ack})
		}
		for ; len(p.back) > 0 && p.back[0].at <= p.now; p.back = p.back[1:] {
			p.s.handle(p.now, &p.back[0].p)
		}
		p.s.expire(p.now)
		for g := p.s.next(p.now, defaultMTU); g != nil; g = p.s.next(p.now, defaultMTU) {
			if g.sends == 1 && p.drops(g.seq) {
				continue
			}
			p.free = max(p.free, p.now) + p.packetTime
			p.there = append(p.there, passing{p.free + p.trip/2, Packet{SequenceNum: g.seq}})
		}
	}
	return done()
}

func (p *path) arrive(in *Packet) {
	switch {
	case in.SequenceNum < p.order.next:
	case in.SequenceNum > p.order.next:
		p.order.hold(in)
	default:
		p.order.advance()
		for _, ok := p.order.pop(); ok; _, ok = p.order.pop() {
		}
	}
}
