package transport

import (
	"net/netip"
	"time"
)

// Limits bounds what strangers and peers can take. A zero field is replaced by
// its default.
type Limits struct {
	Sessions          int           // established and handshaking together; 2048
	Pending           int           // incoming handshakes; 256
	Dials             int           // outgoing handshakes; 128
	PendingPerSource  int           // incoming handshakes from an IPv4 address or IPv6 /64; 8
	SessionsPerSource int           // incoming sessions likewise; 16
	FailuresPerSource int           // bad first messages before an address is no longer heard; 16
	QueueMessages     int           // messages waiting for one peer; 512
	QueueBytes        int           // their bytes; 1 MiB
	ConnectTimeout    time.Duration // of TCP; 10 s
	HandshakeTimeout  time.Duration // from the connection to the last message; 15 s
	IdleTimeout       time.Duration // without an I2NP message; 3 min and up to a sixth more
	KeepAlive         time.Duration // of wanted peers; 45 s
	FrameTimeout      time.Duration // within one frame; 25 s
	StallAfter        time.Duration // without an acknowledgement, before bulk takes other ways; 3 s
	DeadAfter         time.Duration // without an acknowledgement, before the session ends; 15 s
	RedialAfter       time.Duration // after a failed dial; 3 s, as a way that was lost may come back any moment
	RefusedAfter      time.Duration // after a peer has refused us; 10 s
	InfoInterval      time.Duration // between two sendings of our RouterInfo; 25 min and up to as much again
	InfoMaxAge        time.Duration // of a RouterInfo in message 3; 90 min
}

func (l Limits) withDefaults() Limits {
	number := func(p *int, d int) {
		if *p <= 0 {
			*p = d
		}
	}
	duration := func(p *time.Duration, d time.Duration) {
		if *p <= 0 {
			*p = d
		}
	}
	number(&l.Sessions, 2048)
	number(&l.Pending, 256)
	number(&l.Dials, 128)
	number(&l.PendingPerSource, 8)
	number(&l.SessionsPerSource, 16)
	number(&l.FailuresPerSource, 16)
	number(&l.QueueMessages, 512)
	number(&l.QueueBytes, 1<<20)
	duration(&l.ConnectTimeout, 10*time.Second)
	duration(&l.HandshakeTimeout, 15*time.Second)
	duration(&l.IdleTimeout, 3*time.Minute)
	duration(&l.KeepAlive, 45*time.Second)
	duration(&l.FrameTimeout, 25*time.Second)
	duration(&l.StallAfter, 3*time.Second)
	duration(&l.DeadAfter, 15*time.Second)
	duration(&l.RedialAfter, 3*time.Second)
	duration(&l.RefusedAfter, 10*time.Second)
	duration(&l.InfoInterval, 25*time.Minute)
	duration(&l.InfoMaxAge, 90*time.Minute)
	return l
}

// maxFailures bounds the table of addresses with bad first messages, and
// failureLife is how long they count.
const (
	maxFailures = 4096
	failureLife = 10 * time.Minute
)

// usage is what one source holds.
type usage struct{ pending, sessions int }

// sources counts what each source holds, and the junk that it sent. The
// transport's mutex guards it.
type sources struct {
	held     map[netip.Prefix]usage
	failures map[netip.Prefix]failure
}

type failure struct {
	count int
	since time.Time
}

func newSources() sources {
	return sources{held: map[netip.Prefix]usage{}, failures: map[netip.Prefix]failure{}}
}

func (s *sources) add(p netip.Prefix, pending, sessions int) {
	u := s.held[p]
	u.pending += pending
	u.sessions += sessions
	if u == (usage{}) {
		delete(s.held, p)
		return
	}
	s.held[p] = u
}

// failed counts a bad first message. A full table forgets what has expired,
// and all of it if nothing has.
func (s *sources) failed(now time.Time, p netip.Prefix) {
	f := s.failures[p]
	if now.Sub(f.since) > failureLife {
		f = failure{since: now}
	}
	f.count++
	if _, ok := s.failures[p]; !ok && len(s.failures) >= maxFailures {
		for q, g := range s.failures {
			if now.Sub(g.since) > failureLife {
				delete(s.failures, q)
			}
		}
		if len(s.failures) >= maxFailures {
			clear(s.failures)
		}
	}
	s.failures[p] = f
}

func (s *sources) blocked(now time.Time, p netip.Prefix, limit int) bool {
	f, ok := s.failures[p]
	return ok && f.count >= limit && now.Sub(f.since) <= failureLife
}
