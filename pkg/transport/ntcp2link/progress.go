package ntcp2link

import (
	"errors"
	"net"
	"time"
)

// errUnanswered is the end of a link whose peer acknowledges nothing more.
var errUnanswered = errors.New("ntcp2: the peer acknowledges nothing of what is sent")

// progressEvery is how often a link looks whether its peer acknowledges.
const progressEvery = time.Second

// progress watches that a peer acknowledges what is written to it. That a
// write succeeds says nothing about the peer: the system has taken the bytes.
type progress struct {
	conn  net.Conn
	known bool   // the connection can tell what got through
	owed  bool   // bytes were written of which no acknowledgement is known
	base  uint64 // acknowledged before the first was written
	acked uint64
	since time.Time // of the last sign that bytes get through, while some are owed
	next  time.Time // when to look again
}

// acknowledged is a connection that knows how many bytes written to it have
// got through, and whether these are all.
type acknowledged interface {
	Acknowledged() (bytes uint64, all bool)
}

func newProgress(conn net.Conn) progress {
	p := progress{conn: conn}
	p.acked, _, p.known = p.ask()
	p.base = p.acked
	return p
}

// through is how many of the bytes that were written have arrived, as far as is known. Of the handshake
// something may be counted that was on its way when it ended.
func (p *progress) through() uint64 {
	if !p.known {
		return 0
	}
	acked, _, known := p.ask()
	if !known { // a connection that is closed knows nothing
		return 0
	}
	return acked - p.base
}

func (p *progress) ask() (bytes uint64, all, known bool) {
	if c, ok := p.conn.(acknowledged); ok {
		bytes, all = c.Acknowledged()
		return bytes, all, true
	}
	return tcpAcknowledged(p.conn)
}

// writing notes that bytes are about to be written.
func (p *progress) writing(now time.Time) {
	if !p.owed {
		p.owed, p.since, p.next = true, now, now.Add(progressEvery)
	}
}

// took notes that the connection has taken bytes, and whether that was all
// there were. Where it cannot tell what gets through, it is the only sign there is.
func (p *progress) took(now time.Time, all bool) {
	if !p.known {
		p.since, p.owed = now, !all
	}
}

// silence looks for how long nothing has got through, although something is owed.
func (p *progress) silence(now time.Time) time.Duration {
	p.next = now.Add(progressEvery)
	if !p.owed {
		return 0
	}
	if p.known {
		acked, all, known := p.ask()
		if all || acked != p.acked || !known { // a connection that is closed knows nothing
			p.acked, p.since, p.owed = acked, now, !all
		}
	}
	return now.Sub(p.since)
}
