package client

import (
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/deadline"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ratchet"
)

// Each message to a peer with which there is no session yet begins one, and there may be one in a while (see
// ratchet.Sessions.Greets). So what there is to say to it meanwhile is gathered, and said in one message: its cloves.
const (
	mostTogether  = 32       // half of what we take of others
	bytesTogether = 32 << 10 // of which each kilobyte takes a tunnel message, and all are lost with one of them
)

// ratcheted reports whether what is sealed to a remote is the ratchet's.
func (l *loop) ratcheted(r *remote) bool {
	return r != nil && l.sessions != nil && ratchet.Speaks(r.key.Type) && len(r.key.Key) != 0
}

func (r *remote) ratchetPeer() ratchet.Peer {
	return ratchet.Peer{Static: r.static(), Type: r.key.Type}
}

// greets reports whether what is sent to a remote now begins a session, and from when on that is well.
func (l *loop) greets(now time.Time, r *remote) (begins bool, at time.Time) {
	if !l.ratcheted(r) {
		return false, at
	}
	return l.sessions.Greets(now, r.ratchetPeer())
}

// together is how many of some payloads, one at least of any, go into one message.
func together(parcels []parcel) (n int) {
	bytes := 0
	for n < min(len(parcels), mostTogether) && parcels[n].NoLeaseSet == parcels[0].NoLeaseSet {
		if bytes += parcels[n].Len(); n > 0 && bytes > bytesTogether {
			break
		}
		n++
	}
	return n
}

// sealGreeting makes one garlic message of as many payloads as go together, from a time on. The others wait. It owns them.
func (l *loop) sealGreeting(now time.Time, r *remote, parcels []parcel, at time.Time) (out []i2np.Message) {
	n := 0
	if !now.Before(at) {
		n = together(parcels)
		if m, ok := l.sealTogether(now, r, parcels[:n]); ok {
			out = append(out, m)
		}
		if _, at = l.greets(now, r); at.IsZero() {
			at = now
		}
	}
	l.putBack(r.hash, parcels[n:], at)
	return out
}

func (l *loop) sealTogether(now time.Time, r *remote, parcels []parcel) (m i2np.Message, ok bool) {
	cloves := make([]i2np.Clove, 0, len(parcels))
	for i := range parcels {
		p := &parcels[i]
		if p.Expires != 0 && p.Expires <= i2p.DateOf(now) {
			l.drop([]*buf.Buf{p.Buf})
			continue
		}
		p.Buf = dataBody(p.Buf)
		defer p.Release()
		cloves = append(cloves, l.dataClove(now, r, p.Buf))
	}
	if len(cloves) == 0 {
		return m, false
	}
	m, told, err := l.sealCloves(now, r, &l.own, parcels[0].Hints, nil, cloves...)
	return m, l.sealed(now, told, err)
}

// putBack has payloads leave once they may.
func (l *loop) putBack(to i2p.Hash, parcels []parcel, at time.Time) {
	for _, p := range parcels {
		l.sending.Add(int64(p.Len()))
		l.outbox.put(to, p)
	}
	if len(parcels) > 0 {
		l.outbox.next = deadline.Earliest(l.outbox.next, at)
	}
}
