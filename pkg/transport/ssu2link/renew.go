package ssu2link

import (
	"net/netip"
	"time"

	"i2ptoolkit/pkg/ssu2"
)

// tokens gives the peer of a session that lasts another token in time, or one that has moved.
func (l *link) tokens(now time.Time) {
	at := l.s.State(now).Remote
	switch {
	case at != l.at:
		l.sock.endpoint.Tokens().Left(l.at)
		l.sock.endpoint.Tokens().Keep(l.sock.d.host.Now(), at, l.ahead) // where there is one
		l.ahead = ssu2.NewToken{}
	case now.Before(l.times.token):
		return
	}
	l.offerToken(now, at)
	l.sock.touch(l)
}

// offerToken gives the peer a token with which it comes again.
func (l *link) offerToken(now time.Time, at netip.AddrPort) {
	l.at, l.times.token = at, now.Add(ssu2.TokenRenew)
	n := l.sock.endpoint.Tokens().Issue(l.sock.d.host.Now(), at)
	l.s.SendBlock(now, ssu2.Block{Type: ssu2.BlockNewToken, Data: n.AppendTo(nil)[ssu2.BlockHeaderLen:]})
}
