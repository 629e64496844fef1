package ntcp2link

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
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

// TestMoveBehindDial: a connection that was made in the moment in which the machine moved is not waited for.
func TestMoveBehindDial(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		there := &movingHost{}
		a := moving(t, pipes, 1, func(c *settings) { there.host, c.Network = c.Network.(host), there }).start(t)
		b := newNode(t, pipes, 2, nil).start(t)
		synctest.Wait()
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		time.Sleep(2*addrsLook + 2*dialPause)
		if len(b.received()) != 1 || len(a.failed) != 0 {
			t.Fatalf("%d messages, failures %v", len(b.received()), a.failed)
		}
	})
}

// addrsLook is how often a transport looks at the machine's addresses, or more.
const addrsLook = 3 * time.Second

// movingHost moves as soon as its first connection is made, which is dead from then on.
type movingHost struct {
	host
	moved bool
}

func (h *movingHost) DialContext(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if h.moved {
		return h.host.DialContext(ctx, addr)
	}
	h.moved = true
	local := netip.AddrPortFrom(netip.MustParseAddr("23.0.0.1"), 40000)
	h.net.move(local.Addr(), netip.MustParseAddr("23.0.1.1"))
	time.Sleep(addrsLook)
	ours, theirs := net.Pipe()
	go io.Copy(io.Discard, theirs)
	return &pipeConn{ours, local, addr}, nil
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

// deadConn is a cutConn of which the writing end does not learn that the other has gone. What has come is
// at hand until it is closed, as it is with a system's connections.
type deadConn struct {
	*cutConn
	once    sync.Once
	closed  chan struct{}
	arrived chan []byte
	rest    []byte

	mu    sync.Mutex
	timer *time.Timer
	late  chan struct{} // closed at the deadline of reads
}

func newDeadConn(conn net.Conn, cut *atomic.Bool) *deadConn {
	c := &deadConn{cutConn: &cutConn{Conn: conn, cut: cut}, closed: make(chan struct{}), arrived: make(chan []byte, 1000), late: make(chan struct{})}
	go func() {
		for {
			b := make([]byte, 4<<10)
			n, err := conn.Read(b)
			if n > 0 {
				c.arrived <- b[:n]
			}
			if err == nil {
				continue
			}
			if cut.Load() {
				<-c.closed
			}
			close(c.arrived)
			return
		}
	}()
	return c
}

func (c *deadConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	late := c.late
	c.mu.Unlock()
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	case <-late:
		return 0, os.ErrDeadlineExceeded
	default:
	}
	if len(c.rest) == 0 {
		select {
		case <-c.closed:
			return 0, net.ErrClosed
		case <-late:
			return 0, os.ErrDeadlineExceeded
		case piece, ok := <-c.arrived:
			if !ok {
				return 0, io.EOF
			}
			c.rest = piece
		}
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *deadConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && !c.timer.Stop() {
		c.late = make(chan struct{})
	}
	c.timer = nil
	if late := c.late; !t.IsZero() {
		c.timer = time.AfterFunc(time.Until(t), func() { close(late) })
	}
	return nil
}

func (c *deadConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *deadConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.cutConn.Close()
}

// fragile has each connection that a node dials cut by what it adds to cuts.
func fragile(cuts func(*atomic.Bool)) func(*settings) {
	return func(c *settings) {
		h := c.Network.(host)
		h.wrap = func(conn net.Conn) net.Conn {
			cut := new(atomic.Bool)
			cuts(cut)
			return newDeadConn(conn, cut)
		}
		c.Network = h
	}
}

// TestMoveReadsOn: what has come over a connection is read, though this machine has moved by then; the
// peer has been told that it is here.
func TestMoveReadsOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		var cut *atomic.Bool
		var got atomic.Int32
		const addrsSoon = 1500 * time.Millisecond
		change := func(c *settings) {
			fragile(func(of *atomic.Bool) { cut = of })(c)
			c.Events.Deliver = func(_ i2p.Hash, m i2np.Message) {
				m.Release()
				got.Add(1)
				time.Sleep(7 * time.Millisecond)
			}
		}
		mover, stays := moving(t, pipes, 1, change).start(t), newNode(t, pipes, 2, nil).start(t)
		mover.Send(stays.info.Load(), message(i2np.DataType, 1, 10))
		time.Sleep(time.Minute + addrsSoon) // the addresses are looked at soon
		const messages = 300
		for id := range uint32(messages) {
			if err := stays.Send(mover.info.Load(), message(i2np.DataType, 10+id, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(50 * time.Millisecond)
		cut.Store(true)
		pipes.move(netip.MustParseAddr("23.0.0.1"), netip.MustParseAddr("23.0.1.1"))
		time.Sleep(time.Minute)
		if n := got.Load(); n != messages {
			t.Errorf("%d of %d messages were read", n, messages)
		}
	})
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
				change := fragile(func(cut *atomic.Bool) {
					mu.Lock()
					cuts = append(cuts, cut)
					mu.Unlock()
				})
				mover, stays := moving(t, pipes, 1, change).start(t), newNode(t, pipes, 2, change).start(t)
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
