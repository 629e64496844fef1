package client

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/ratchet"
)

// strict has a client be as i2pd since 2.55 is, 100 ms away (Garlic.cpp, INCOMING_SESSIONS_MINIMAL_INTERVAL): of the messages that
// begin a session, whoever sends them, it takes none within 200 ms of the last that it took, and it answers none but with
// what its streams have to say.
type strict struct {
	mu      sync.Mutex
	takenAt time.Time
	taken   int
	dropped int
}

func (e *ether) strict(b *Client) *strict {
	const (
		latency = 100 * time.Millisecond
		pause   = 200 * time.Millisecond
	)
	s := new(strict)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.carry = func(to *Client, m i2np.Message) {
		go func() {
			time.Sleep(latency)
			body, err := i2np.ParseGarlic(m.Body)
			if err != nil {
				return
			}
			if to != b {
				speaks := false
				b.look(func(time.Time) { speaks = b.host.Len() > 0 || b.sessions.Stats().ExistingOpened > 0 })
				if speaks {
					to.deliver(1, m.Own())
				}
				return
			}
			begins := false
			b.look(func(now time.Time) { begins = !b.sessions.Knows(now, body) && ratchet.MayBegin(body) })
			s.mu.Lock()
			defer s.mu.Unlock()
			if now := time.Now(); begins && now.Sub(s.takenAt) <= pause {
				s.dropped++
				return
			} else if begins {
				s.takenAt = now
				s.taken++
			}
			b.deliver(1, m.Own())
		}()
	}
	return s
}

// end lets what is under way arrive.
func (s *strict) end(e *ether) {
	e.mu.Lock()
	e.carry = func(*Client, i2np.Message) {}
	e.mu.Unlock()
	time.Sleep(time.Second)
}

func (s *strict) counts() (taken, dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.dropped
}

// leased gives a client so many leases.
func (e *ether) leases(c *Client, n int) (gateways []i2p.Hash) {
	s := TunnelState{Outbound: []uint32{1, 2}, RTT: 200 * time.Millisecond}
	for i := range n {
		g := i2p.HashOf([]byte{100, byte(i)})
		gateways = append(gateways, g)
		s.Leases = append(s.Leases, leaseset.Lease{Gateway: g, TunnelID: 1 + uint32(i), Expires: i2p.DateOf(time.Now().Add(10*time.Minute - time.Duration(i)*time.Second))})
		e.change(c, g, s)
	}
	return gateways
}

// TestDeadHopToTheStrict: of three leases of a peer that takes one message in a while that begins a session, the two that last longest lead
// nowhere. What says the first word of a stream gets through all the same, and not what only looks for a way.
func TestDeadHopToTheStrict(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		e.change(a, i2p.HashOf([]byte{1}), TunnelState{Leases: oneTunnel(i2p.HashOf([]byte{1})).Leases, Outbound: []uint32{1, 2}, RTT: 200 * time.Millisecond})
		dead := e.leases(b, 3)[:2]
		time.Sleep(time.Second)
		s := e.strict(b)
		defer s.end(e)
		e.mu.Lock()
		e.killed = map[i2p.Hash]bool{dead[0]: true, dead[1]: true}
		e.mu.Unlock()
		begun := time.Now()
		c, err := a.Dial(t.Context(), b.Destination(), 7)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		taken, dropped := s.counts()
		t.Logf("open after %v: %d sessions begun, and %d too soon", time.Since(begun), taken, dropped)
		if took := time.Since(begun); took > 3*time.Second || dropped > 0 {
			t.Errorf("it was open after %v, and %d messages came too soon", took, dropped)
		}
	})
}

// TestManyToTheStrict: of eight streams that are opened at once to such a peer none waits for its packet to be sent again.
func TestManyToTheStrict(t *testing.T) {
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		e.change(a, i2p.HashOf([]byte{1}), TunnelState{Leases: oneTunnel(i2p.HashOf([]byte{1})).Leases, Outbound: []uint32{1, 2}, RTT: 200 * time.Millisecond})
		s := e.strict(b)
		defer s.end(e)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var all sync.WaitGroup
		var mu sync.Mutex
		var took []time.Duration
		for range 8 {
			all.Go(func() {
				c, err := a.Dial(ctx, b.Destination(), 7)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				io.WriteString(c, "said")
				if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(begun))
			})
		}
		all.Wait()
		slices.Sort(took)
		taken, dropped := s.counts()
		t.Logf("answered after %v: %d sessions begun, and %d too soon", took, taken, dropped)
		if took[len(took)-1] > 1200*time.Millisecond || dropped > 0 {
			t.Errorf("the last was answered after %v, and %d messages came too soon", took[len(took)-1], dropped)
		}
	})
}

// TestBurstToTheStrict: of raw datagrams, which such a peer never answers, more arrive than one for each message that begins a session.
func TestBurstToTheStrict(t *testing.T) {
	const count = 200
	pair(t, func(t *testing.T, e *ether, a, b *Client) {
		if _, err := a.Lookup(t.Context(), b.dest.Hash()); err != nil {
			t.Fatal(err)
		}
		s := e.strict(b)
		defer s.end(e)
		came := numbers(t, b)
		for i := range count {
			if err := a.Send(b.dest.Hash(), raw(i, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		n := 0
		b.look(func(time.Time) { n = len(*came) })
		taken, dropped := s.counts()
		t.Logf("%d of %d came: %d sessions begun, and %d too soon", n, count, taken, dropped)
		if n < count {
			t.Errorf("%d of %d came", n, count)
		}
	})
}
