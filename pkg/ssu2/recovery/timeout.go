package recovery

import "time"

// probing is the waiting for an acknowledgement (RFC 9002, section 6.2).
type probing struct {
	at    time.Duration // when the last packet was sent that elicits one
	count int           // probes in vain
	owed  int           // probes to be sent, whatever the window says
}

const (
	mostDoublings = 6
	// mostPTO bounds how long a path that has come back is not noticed.
	mostPTO = time.Second
)

// probeAt is when the tail is probed.
func (s *Sender[T]) probeAt() time.Duration {
	if s.count == 0 || s.probing.owed > 0 {
		return never
	}
	wait := s.PTO()
	return s.probing.at + min(wait<<min(s.probing.count, mostDoublings), max(mostPTO, wait))
}

// Deadline is when Expire is to be called; false is never.
func (s *Sender[T]) Deadline() (time.Duration, bool) {
	at := min(s.loss.at, s.probeAt())
	return at, at != never
}

// Paced is when Room will be more than it is, where only the pace holds back; false is
// where it is not that.
func (s *Sender[T]) Paced(now time.Duration) (time.Duration, bool) {
	if s.Full() || s.probing.owed > 0 || int(s.control.window)-s.flying < s.cfg.Datagram {
		return 0, false
	}
	return s.pacer.at(now, s.rate(), s.cfg.Datagram), true
}

// Expire finds what is lost by now, and has the tail probed where nothing of it was
// acknowledged for too long: Room gives room for two packets then, which should hold
// what is oldest.
func (s *Sender[T]) Expire(now time.Duration) {
	if now >= s.loss.at {
		s.detect(now)
	}
	if now < s.probeAt() {
		return
	}
	s.probing.count++
	s.probing.owed = 2
	s.probing.at = now
	if s.probing.count >= persistent {
		s.control.persistent(now)
	}
}

// persistent is how many probes in a row without an answer are persistent congestion
// (RFC 9002, section 7.6: three probe timeouts).
const persistent = 3
