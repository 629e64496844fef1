package session

import (
	"time"

	"i2ptoolkit/pkg/ssu2"
)

// life is how long a session is there.
//
//	open --Close, silence--> closing --Termination, or time--> gone
//	  `----Termination-----> drained --time--> gone
//
// In closing and drained, what comes is answered with a Termination, less and less often
// (SSU2, Session Termination).
type life struct {
	why       *ssu2.TerminationError // once it is over
	farewell  ssu2.Reason            // to be said
	owed      bool                   // a farewell is to be sent
	until     time.Duration          // when a session that is over is gone
	again     time.Duration          // when the farewell is repeated; 0 is not
	interval  time.Duration
	came      int    // packets since it was over
	answerAt  int    // of them, the one that is answered
	sealed    []byte // LastWord
	gone      bool
	heard     time.Duration // when a packet of the peer's last came
	burst     int           // packets without a long pause between them, up to then
	progress  time.Duration // when anything was last acknowledged, or sent with nothing in flight
	asked     time.Duration // when Next was last called
	dated     time.Duration // when the date was last sent
	skew      time.Duration
	confirmAt time.Duration // when Bob may acknowledge Session Confirmed again; 0 is never
	confirmed *ssu2.Resend  // Alice's Session Confirmed, until she hears of it
	repeat    [][]byte      // what of it is to be repeated now
}

const (
	leastFarewell = 500 * time.Millisecond
	farewells     = 3
	dateEvery     = time.Minute
	// mostNumber is where a session ends: numbers must not come again, and lastNumber is for LastWord. Nobody
	// who counts with 32 bits and a sign is led astray by it.
	mostNumber = 1<<31 - 1<<24
	lastNumber = 1<<31 - 1
)

func (l *life) over() bool { return l.why != nil }

func (l *life) due() (time.Duration, bool) {
	switch {
	case !l.over():
		return 0, false
	case l.owed:
		return l.asked, true
	case l.again > 0:
		return min(l.again, l.until), true
	}
	return l.until, true
}

// What comes in a steady flow and then does not may go to an address that is ours no
// longer, as far as a NAT is concerned that has forgotten us: only we can tell the peer.
const (
	steady       = 8
	steadyPause  = time.Second
	leastMissing = 400 * time.Millisecond
)

func (l *life) hear(at time.Duration) {
	if at-l.heard > steadyPause {
		l.burst = 0
	}
	l.heard = at
	l.burst++
}

// Session Confirmed is sent again where its acknowledgement was lost; it has other keys.
const (
	confirmedLeast = 200 // bytes
	confirmedEvery = 500 * time.Millisecond
	confirmedFor   = 12 * time.Second
)

// perhapsConfirmed acknowledges packet 0 again, where Alice has not said anything yet and
// what came may be that (SSU2, Error Handling).
func (l *life) perhapsConfirmed(s *Session, at time.Duration, size int) {
	if l.burst > 0 || l.confirmAt == 0 || at < l.confirmAt || at > confirmedFor || size < confirmedLeast {
		return
	}
	l.confirmAt = at + confirmedEvery
	s.rcv.Elicited(at, 0, true, s.snd.RTT())
	s.rcv.Repeat()
}

// missing is when a flow that has stopped is asked for.
func (l *life) missing(rtt time.Duration) (time.Duration, bool) {
	return l.heard + max(leastMissing, 3*rtt), l.burst >= steady
}

// Close ends the session for a reason. What waits is dropped.
func (s *Session) Close(now time.Time, why ssu2.Reason) {
	s.end(s.at(now), &ssu2.TerminationError{Reason: why}, why)
}

func (s *Session) end(at time.Duration, why *ssu2.TerminationError, farewell ssu2.Reason) {
	l := &s.life
	if l.over() {
		return
	}
	l.why, l.farewell, l.owed = why, farewell, true
	l.confirmed = nil
	wait := max(s.snd.PTO(), leastFarewell)
	l.interval, l.answerAt = wait, 1
	l.until = at + wait<<farewells
	if !why.Remote {
		l.again = at + wait
	}
	s.outbox.clear()
	s.inbox.clear()
}

// LastWord is a farewell that is sealed now, always the same, for whoever comes after this process where that is
// killed: the peer is to know soon that the session is no more. It says that a Termination was
// received, after which no router keeps a session.
func (s *Session) LastWord() []byte {
	l := &s.life
	if l.sealed == nil {
		b := make([]byte, ssu2.ShortHeaderLen, MostLastWord)
		b = ssu2.Termination{Packets: s.rcv.Valid(), Reason: ssu2.ReasonTerminationReceived}.AppendTo(b)
		b = ssu2.AppendPadding(b, ssu2.MinPayload+s.random.Below(mostPadding))
		l.sealed = s.out.seal(b, lastNumber, 0)
	}
	return l.sealed
}

// MostLastWord is how long one is at most.
const MostLastWord = 100

// terminated is the peer's end of the session.
func (s *Session) terminated(at time.Duration, reason ssu2.Reason) {
	s.end(at, &ssu2.TerminationError{Reason: reason, Remote: true}, ssu2.ReasonTerminationReceived)
	if reason == ssu2.ReasonTerminationReceived {
		s.life.gone = true
	}
}

// Ended is why the session has ended; nil where it stands. It may still have to say so:
// see Gone.
func (s *Session) Ended() error {
	if s.life.why == nil {
		return nil
	}
	return s.life.why
}

// Gone reports that nothing is left to be said or heard, and that the session can be
// forgotten.
func (s *Session) Gone() bool { return s.life.gone }

// closingBlocks looks for the peer's farewell.
func (s *Session) closingBlocks(payload []byte) {
	for bs := (ssu2.Blocks{Payload: payload}); ; {
		b, ok, err := bs.Next()
		if err != nil || !ok {
			return
		}
		if b.Type != ssu2.BlockTermination {
			continue
		}
		if t, err := ssu2.ParseTermination(b.Data); err == nil {
			if t.Reason == ssu2.ReasonTerminationReceived {
				s.life.gone = true
			} else { // both have ended it
				s.life.farewell, s.life.owed = ssu2.ReasonTerminationReceived, true
			}
			return
		}
	}
}

// heardInClosing answers some of what comes to a session that is over.
func (l *life) heardInClosing(time.Duration) {
	if l.came++; l.came == l.answerAt {
		l.answerAt *= 2
		l.owed = true
	}
}

// expire does what time asks for.
func (s *Session) expire(at time.Duration) {
	l := &s.life
	l.asked = at
	if l.over() {
		switch {
		case at >= l.until:
			l.gone = true
		case l.again > 0 && at >= l.again:
			l.owed = true
			l.interval *= 2
			l.again = at + l.interval
		}
		return
	}
	if d, ok := s.snd.Deadline(); ok && at >= d {
		s.snd.Expire(at)
		s.mtu.suspect(s)
	}
	if t, ok := l.missing(s.snd.RTT()); ok && at >= t {
		l.burst = 0
		s.say.ping = s.say.ping || s.snd.Unacked() == 0
	}
	s.inbox.expire(at)
	s.path.expire(s, at)
	if s.silence(at) >= s.limits.DeadAfter {
		s.end(at, &ssu2.TerminationError{Reason: ssu2.ReasonTimeout}, ssu2.ReasonTimeout)
	}
	if s.snd.Next() >= mostNumber {
		s.end(at, &ssu2.TerminationError{}, ssu2.ReasonNormal)
	}
}
