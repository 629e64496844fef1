package ssu2link

import (
	"time"

	"i2ptoolkit/pkg/ssu2/session"
)

// grant is what a link may send within the limit of bandwidth. Each link has its own place in
// the line of all that wait for the limit, as each of NTCP2's has, and the socket's loop
// waits for none of them.
type grant struct {
	bytes    int
	reserved int       // that will be there at some time
	at       time.Time // that time
	chunk    int       // what is reserved next
}

// A link with much to send reserves more at once, in bytes; but as little as one of NTCP2's writes
// where the line is so long that it waits for slowGrant: all who wait get equal parts then.
const (
	leastGrant = 4 << 10
	mostGrant  = 12 << 10
	slowGrant  = 40 * time.Millisecond
)

// may reports whether a link may send a datagram now.
func (s *socket) may(l *link, now time.Time) bool {
	out, g := s.d.host.Out, &l.grant
	if !out.Limited() {
		*g = grant{bytes: session.MaxDatagram}
		return true
	}
	for g.bytes < session.MaxDatagram {
		switch {
		case g.reserved > 0 && now.Before(g.at):
			return false
		case g.reserved > 0:
			g.bytes += g.reserved
			g.reserved = 0
			continue
		}
		if s.spare > 0 {
			g.bytes, s.spare = g.bytes+s.spare, 0
			continue
		}
		g.reserved = min(max(g.chunk, session.MaxDatagram), out.Chunk())
		wait := out.Reserve(now, g.reserved)
		g.at = now.Add(wait)
		g.chunk = min(2*g.reserved, mostGrant)
		if wait >= slowGrant {
			g.chunk = max(g.reserved/2, leastGrant)
		}
	}
	return true
}

// spent is told what a link has sent of its grant.
func (s *socket) spent(l *link, n int) {
	if s.d.host.Out.Limited() {
		l.grant.bytes -= n
	}
}

// giveBack has others use what a link has left, who has nothing to send: so little of it that
// it is no burst.
func (s *socket) giveBack(l *link) {
	if g := &l.grant; s.d.host.Out.Limited() && g.reserved == 0 {
		s.spare = min(s.spare+g.bytes, mostGrant)
		*g = grant{}
	}
}
