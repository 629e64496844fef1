package recovery

import (
	"errors"
	"time"
)

// Range is a stretch of packet numbers, both ends included.
type Range struct{ Low, High uint32 }

// Kind is what a packet asks of its receiver and takes of the window.
type Kind byte

// The kinds.
const (
	// Quiet packets elicit no acknowledgement and take no window: acknowledgements
	// alone, and what says farewell.
	Quiet Kind = iota
	// Counted packets elicit an acknowledgement, and count as in flight.
	Counted
	// Trial packets are larger than the path is known to carry: their loss says
	// nothing about congestion.
	Trial
)

// Config is what a Sender is made of. A zero field is replaced by its default.
type Config struct {
	Datagram  int           // bytes of a full datagram; 1280
	MaxWindow int           // bytes in flight; 4 MiB
	RTT       time.Duration // as the handshake found it; 333 ms where it did not
	First     uint32        // the number of the first packet
	AckDelay  time.Duration // by which the peer may delay, at most; 150 ms
}

func (c Config) withDefaults() Config {
	if c.Datagram == 0 {
		c.Datagram = 1280
	}
	if c.MaxWindow == 0 {
		c.MaxWindow = 4 << 20
	}
	if c.AckDelay == 0 {
		c.AckDelay = 150 * time.Millisecond
	}
	return c
}

// Outcome is told what became of packets, by their contents.
type Outcome[T any] interface {
	Acked(content T, late bool) // the peer has it; late where it was Lost before
	Lost(content T)
}

// Sender keeps the packets that were sent and not acknowledged yet. T is what the
// caller must know of a packet to send its contents again.
type Sender[T any] struct {
	cfg     Config
	outcome Outcome[T]
	log     sentLog[T]
	flying  int           // bytes that count, in the packets that are flying
	newest  time.Duration // when the newest of what has arrived was sent
	count   int           // packets flying, trials among them

	rtt     rtt
	loss    detector
	control control
	pacer   pacer
	probing probing

	restarted time.Duration // since then all goes over the path that is
}

// NewSender makes a sender.
func NewSender[T any](cfg Config, outcome Outcome[T]) *Sender[T] {
	s := &Sender[T]{cfg: cfg.withDefaults(), outcome: outcome}
	s.log.first, s.log.next = s.cfg.First, s.cfg.First
	s.rtt = newRTT(s.cfg.RTT)
	s.loss = newDetector()
	s.control = newControl(s.cfg)
	return s
}

// Next is the number that the next packet has.
func (s *Sender[T]) Next() uint32 { return s.log.next }

// Flying is how many bytes count as in flight.
func (s *Sender[T]) Flying() int { return s.flying }

// Unacked is how many packets are flying that elicit an acknowledgement.
func (s *Sender[T]) Unacked() int { return s.count }

// Window is how many bytes may be in flight.
func (s *Sender[T]) Window() int { return int(s.control.window) }

// RTT is the smoothed round trip.
func (s *Sender[T]) RTT() time.Duration { return s.rtt.smoothed }

// PTO is how long an acknowledgement is waited for before the tail is probed.
func (s *Sender[T]) PTO() time.Duration { return s.rtt.pto(s.ackDelay()) }

// Probes is how often in a row an acknowledgement was waited for in vain.
func (s *Sender[T]) Probes() int { return s.probing.count }

// ackDelay is by how much the peer may delay an acknowledgement (SSU2, Recommended
// Constants).
func (s *Sender[T]) ackDelay() time.Duration {
	return max(10*time.Millisecond, min(s.rtt.smoothed/6, s.cfg.AckDelay))
}

// Owed is how many packets are to be sent whatever the window says, with what is oldest.
func (s *Sender[T]) Owed() int { return s.probing.owed }

// Full reports whether no packet can be sent because too many are not accounted for.
func (s *Sender[T]) Full() bool { return s.log.full() }

// Room is how many bytes of counted packets may be sent now: none, or a full datagram at
// least. Probes are owed beyond the window.
func (s *Sender[T]) Room(now time.Duration) int {
	if s.Full() {
		return 0
	}
	if s.probing.owed > 0 {
		return s.probing.owed * s.cfg.Datagram
	}
	room := int(s.control.window) - s.flying
	if room < s.cfg.Datagram {
		s.control.limited = true
		return 0
	}
	return min(room, s.pacer.room(now, s.rate(), s.cfg.Datagram))
}

// rate is the pace in bytes per second; 0 is none, before the first round trip.
func (s *Sender[T]) rate() float64 {
	if s.rtt.samples == 0 && s.cfg.RTT == 0 {
		return 0
	}
	return s.control.gain() * s.control.window / s.rtt.smoothed.Seconds()
}

// ErrFull means that a packet cannot be kept: see Full.
var ErrFull = errors.New("recovery: too many packets are not accounted for")

// Sent notes a packet under the number Next, and what it holds.
func (s *Sender[T]) Sent(now time.Duration, size int, kind Kind, content T) error {
	if s.log.full() {
		return ErrFull
	}
	p := s.log.add(now, s.rtt.smoothed)
	p.content, p.sent, p.size, p.kind = content, now, uint16(size), kind
	if kind == Quiet {
		p.state = quiet
		return nil
	}
	p.state = flying
	s.count++
	if s.probing.owed > 0 {
		s.probing.owed--
	}
	s.probing.at = now
	if kind == Counted {
		s.flying += size
		s.control.sent(s.flying)
		s.pacer.sent(now, size, s.rate(), s.cfg.Datagram)
	}
	return nil
}

// Each calls f with the contents of the packets that are flying, the oldest first,
// until it returns false.
func (s *Sender[T]) Each(f func(T) bool) {
	for n := s.log.first; n != s.log.next; n++ {
		if p := s.log.at(n); p.state == flying && !f(p.content) {
			return
		}
	}
}

// SetDatagram tells the size of a full datagram, which has changed.
func (s *Sender[T]) SetDatagram(size int) {
	s.cfg.Datagram = size
	s.control.mss = float64(size)
	s.control.clamp()
}

// Restart forgets what was learnt of the path: it is another one now. What is in
// flight is neither lost nor acknowledged by that; what becomes of it says nothing of the
// path that is (RFC 9000, section 9.4).
func (s *Sender[T]) Restart(now time.Duration) {
	s.restarted = now
	s.rtt = newRTT(0)
	s.loss = newDetector()
	s.control = newControl(s.cfg)
	s.control.since = now
	s.pacer, s.probing = pacer{}, probing{at: s.probing.at}
}

// Probe has the path tried at once, with what is oldest in flight: it may be another one.
func (s *Sender[T]) Probe() {
	if s.count > 0 {
		s.probing.owed = 2
	}
}

// Marked tells that the path has marked packets as through a congested queue, which is as good
// as a loss of the newest that has arrived (RFC 9002, section 7.1): once for what was in flight.
func (s *Sender[T]) Marked(now time.Duration) {
	s.control.congestion(now, s.newest)
	s.control.undo = undo{} // losses beside it need not have been any
}
