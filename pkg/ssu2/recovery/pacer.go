package recovery

import "time"

// pacer spreads a window over its round trip (RFC 9002, section 7.7), in bursts that
// are worth a system call.
type pacer struct {
	tokens float64
	last   time.Duration
	begun  bool
}

const (
	leastBurst = 4                    // datagrams
	burstTime  = 2 * time.Millisecond // timers are not more punctual
	mostBurst  = 64 << 10
)

func burst(rate float64, datagram int) float64 {
	least := float64(leastBurst * datagram)
	return max(least, min(rate*burstTime.Seconds(), mostBurst))
}

// fill gives the tokens of the time that has passed.
func (p *pacer) fill(now time.Duration, rate float64, datagram int) {
	most := burst(rate, datagram)
	if !p.begun {
		p.begun, p.tokens = true, most
	} else if now > p.last {
		p.tokens = min(p.tokens+rate*(now-p.last).Seconds(), most)
	}
	p.last = max(p.last, now)
}

// room is how many bytes may go now; of less than a datagram it is none.
func (p *pacer) room(now time.Duration, rate float64, datagram int) int {
	if rate == 0 {
		return mostBurst
	}
	p.fill(now, rate, datagram)
	if p.tokens < float64(datagram) {
		return 0
	}
	return int(p.tokens)
}

func (p *pacer) sent(now time.Duration, size int, rate float64, datagram int) {
	if rate == 0 {
		return
	}
	p.fill(now, rate, datagram)
	p.tokens -= float64(size)
}

// at is when a quarter of a burst may go.
func (p *pacer) at(now time.Duration, rate float64, datagram int) time.Duration {
	if rate == 0 {
		return now
	}
	p.fill(now, rate, datagram)
	want := max(float64(datagram), burst(rate, datagram)/4)
	if p.tokens >= float64(datagram) {
		return now
	}
	return now + time.Duration((want-p.tokens)/rate*float64(time.Second)) + time.Microsecond
}
