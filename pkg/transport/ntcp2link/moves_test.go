package ntcp2link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/transport"
)

// moving makes a node that publishes where it has moved to.
func moving(t *testing.T, pipes *pipes, seed byte, change func(*settings)) *node {
	t.Helper()
	var n *node
	n = newNode(t, pipes, seed, func(c *settings) {
		c.Events.Moved = func(addrs []netip.Addr) {
			at := netip.AddrPortFrom(addrs[0], 7)
			n.info.Store(testInfo(t, &n.cfg, time.Now(), at, nil))
		}
		if change != nil {
			change(c)
		}
	})
	return n
}

// A machine's address changes: the sessions are opened anew from the new one,
// and nobody is told that a peer was lost.
func TestMove(t *testing.T) {
	for _, inbound := range []bool{false, true} {
		inBubble(t, func(t *testing.T) {
			pipes := &pipes{}
			a, b := moving(t, pipes, 1, nil).start(t), newNode(t, pipes, 2, nil).start(t)
			if inbound {
				b.Send(a.info.Load(), message(i2np.DataType, 1, 10))
			} else {
				a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
			}
			time.Sleep(time.Minute)
			to := netip.MustParseAddr("23.0.1.1")
			pipes.move(netip.MustParseAddr("23.0.0.1"), to)
			begun := time.Now()
			for range 50 {
				a.SendTo(b.cfg.Self, message(i2np.DataType, 2, 10))
				time.Sleep(100 * time.Millisecond)
			}
			if n := len(b.received()); n < 20 {
				t.Errorf("%d messages came through within %v", n, time.Since(begun))
			}
			if p := b.Peers(); len(p) != 1 || p[0].Addr.Addr() != to || !p[0].Inbound {
				t.Errorf("b's sessions: %+v", p)
			}
			if events := a.eventsNow(); !slices.Equal(events, []string{"up"}) {
				t.Errorf("events %v", events)
			}
			if !b.SendTo(a.cfg.Self, message(i2np.DataType, 3, 10)) {
				t.Error("no session back")
			}
			synctest.Wait()
			if got := a.received(); len(got) == 0 || got[len(got)-1].ID != 3 {
				t.Error("nothing came back")
			}
		})
	}
}

// Where the session cannot be opened anew, its end is told, once.
func TestMoveWithoutWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		a, b := moving(t, pipes, 1, nil).start(t), newNode(t, pipes, 2, nil).start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		synctest.Wait()
		b.halt(t)
		synctest.Wait()
		b = newNode(t, pipes, 3, nil).start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		synctest.Wait()
		pipes.mu.Lock()
		clear(pipes.listeners)
		pipes.mu.Unlock()
		pipes.move(netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.1.1"))
		time.Sleep(time.Minute)
		if events := a.eventsNow(); !slices.Equal(events, []string{"up", "down", "up", "down"}) || len(a.Peers()) != 0 {
			t.Errorf("events %v, %d sessions", events, len(a.Peers()))
		}
	})
}

// A dial from an address that is gone is tried again once the new one is known.
func TestDialAfterMove(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		var first atomic.Bool
		a := moving(t, pipes, 1, func(c *settings) { c.Network = staleHost{c.Network.(host), &first} }).start(t)
		b := newNode(t, pipes, 2, nil).start(t)
		pipes.move(netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.1.1"))
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		time.Sleep(2 * dialPause)
		if len(b.received()) != 1 || len(a.failed) != 0 {
			t.Fatalf("%d messages, failures %v", len(b.received()), a.failed)
		}
	})
}

// staleHost dials from an address that is gone, the first time.
type staleHost struct {
	host
	tried *atomic.Bool
}

func (h staleHost) DialContext(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if !h.tried.Swap(true) {
		return nil, &net.OpError{Op: "dial", Err: syscall.EADDRNOTAVAIL}
	}
	return h.host.DialContext(ctx, addr)
}

func TestInternetAddrs(t *testing.T) {
	addrs, err := transport.Internet{}.Addrs()
	if err != nil || !slices.ContainsFunc(addrs, netip.Addr.IsLoopback) {
		t.Fatalf("addresses %v, %v", addrs, err)
	}
	source := netip.MustParseAddr("192.0.2.77") // of no machine
	_, err = transport.Internet{Source: func(netip.Addr) netip.Addr { return source }}.DialContext(t.Context(), netip.MustParseAddrPort("127.0.0.1:9"))
	if !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Fatalf("dialled from %v: %v", source, err)
	}
}

// deadConn is a cutConn of which the writing end does not learn that the other has gone.
type deadConn struct {
	*cutConn
	once   sync.Once
	closed chan struct{}
}

func (c *deadConn) Read(b []byte) (int, error) {
	n, err := c.cutConn.Read(b)
	if err != nil && c.cut.Load() {
		<-c.closed
	}
	return n, err
}

func (c *deadConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.cutConn.Close()
}

// TestMoveLosesNothing: a machine moves while messages go over its connections. What a connection had
// taken, and what it takes until the next one stands, arrives over that, at both ends.
func TestMoveLosesNothing(t *testing.T) {
	for name, away := range map[string]bool{"from who moves": true, "to who moves": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				pipes := &pipes{}
				var mu sync.Mutex
				var cuts []*atomic.Bool // each end of a connection has one
				fragile := func(c *settings) {
					h := c.Network.(host)
					h.wrap = func(conn net.Conn) net.Conn {
						cut := new(atomic.Bool)
						mu.Lock()
						cuts = append(cuts, cut)
						mu.Unlock()
						return &deadConn{cutConn: &cutConn{Conn: conn, cut: cut}, closed: make(chan struct{})}
					}
					c.Network = h
				}
				mover, stays := moving(t, pipes, 1, fragile).start(t), newNode(t, pipes, 2, fragile).start(t)
				from, to := mover, stays
				if !away {
					from, to = stays, mover
				}
				id := uint32(0)
				send := func(n int) {
					for range n {
						id++
						from.Send(to.info.Load(), message(i2np.DataType, id, 10))
						time.Sleep(20 * time.Millisecond)
					}
				}
				send(1)
				time.Sleep(time.Minute)
				mu.Lock()
				cuts[0].Store(true)
				mu.Unlock()
				send(20)
				pipes.move(netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.1.1"))
				send(200)
				time.Sleep(time.Second)
				got := map[uint32]bool{}
				for _, m := range to.received() {
					got[m.ID] = true
				}
				if len(got) != int(id) {
					t.Errorf("%d of %d messages came; %+v", len(got), id, from.Stats())
				}
				if n := from.Stats().Returned; n < 20 {
					t.Errorf("%d messages were returned", n)
				}
			})
		})
	}
}
