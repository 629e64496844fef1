package ntcp2link

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport"
)

// cutConn is a connection as a system has it: what is written is taken, and
// once it is cut, nothing of that gets through.
type cutConn struct {
	net.Conn
	cut         *atomic.Bool
	sent, acked atomic.Uint64
}

func (c *cutConn) Write(b []byte) (int, error) {
	c.sent.Add(uint64(len(b)))
	if c.cut.Load() {
		return len(b), nil
	}
	n, err := c.Conn.Write(b)
	c.acked.Add(uint64(n))
	return n, err
}

func (c *cutConn) Acknowledged() (uint64, bool) {
	acked := c.acked.Load()
	return acked, acked == c.sent.Load()
}

// A peer that has gone without a word: its session stalls, what is sent over
// it is told to take another way, and it ends, however much is sent.
func TestDeadPeer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var cut atomic.Bool
		pipes := &pipes{}
		a := newNode(t, pipes, 1, func(c *settings) {
			h := c.Network.(host)
			h.wrap = func(conn net.Conn) net.Conn { return &cutConn{Conn: conn, cut: &cut} }
			c.Network = h
		}).start(t)
		b := newNode(t, pipes, 2, nil).start(t)
		send := func(typ i2np.Type) error { return a.Send(b.info.Load(), message(typ, 1, 1028)) }
		if err := send(i2np.DataType); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(2 * time.Minute) // idle is not dead
		if !a.Connected(b.cfg.Self) {
			t.Fatal("an idle session has ended")
		}
		cut.Store(true)
		begun := time.Now()
		stalled := time.Duration(0)
		for a.Connected(b.cfg.Self) && time.Since(begun) < time.Minute {
			err := send(i2np.TunnelDataType)
			if errors.Is(err, transport.ErrStalled) && stalled == 0 {
				stalled = time.Since(begun)
				if err := send(i2np.ShortTunnelBuildType); err != nil {
					t.Errorf("a build message is refused: %v", err)
				}
			}
			time.Sleep(130 * time.Millisecond) // never when the session ends: that would dial while all is cut
		}
		synctest.Wait()
		if stalled < 3*time.Second || stalled > 5*time.Second {
			t.Errorf("bulk is refused after %v", stalled)
		}
		if d := time.Since(begun); d < 15*time.Second || d > 17*time.Second {
			t.Errorf("the session ended after %v", d)
		}
		if want := []string{"up", "stalled", "down"}; !slices.Equal(a.eventsNow(), want) || !errors.Is(a.downs()[0], errUnanswered) {
			t.Errorf("events %v, want %v; %v", a.eventsNow(), want, a.downs())
		}
		cut.Store(false)
		carried := func() bool { got := b.received(); return got[len(got)-1].Type == i2np.TunnelDataType }
		for range 60 { // the dial that began when the session stalled fails before
			if send(i2np.TunnelDataType); carried() {
				break
			}
			time.Sleep(time.Second)
		}
		if !carried() {
			t.Error("the next session does not carry")
		}
	})
}

// A stall that ends in time: the session goes on.
func TestStallEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		a := newNode(t, pipes, 1, nil).start(t)
		var stuck atomic.Bool
		block := make(chan struct{})
		b := newNode(t, pipes, 2, func(c *settings) {
			c.Events.Deliver = func(_ i2p.Hash, m i2np.Message) {
				m.Release()
				if stuck.Load() {
					<-block
				}
			}
		}).start(t)
		bulk := func() error { return a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028)) }
		bulk()
		synctest.Wait()
		stuck.Store(true)
		for range 100 {
			bulk()
			time.Sleep(100 * time.Millisecond)
		}
		if p := a.Peers()[0]; !p.Stalled || p.Waiting > 0 || !errors.Is(bulk(), transport.ErrStalled) {
			t.Fatalf("after 10 s: %+v", p)
		}
		stuck.Store(false)
		close(block)
		time.Sleep(2 * progressEvery)
		if err := bulk(); err != nil || a.Peers()[0].Stalled {
			t.Fatalf("the session does not go on: %v", err)
		}
		if want := []string{"up", "stalled"}; !slices.Equal(a.eventsNow(), want) || a.Stats().Stalls != 1 {
			t.Errorf("events %v, want %v", a.eventsNow(), want)
		}
	})
}

// A connection that takes nothing more, where the system tells nothing else:
// the session ends.
func TestStuckWrites(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		block := make(chan struct{})
		a := newNode(t, pipes, 1, nil).start(t)
		b := newNode(t, pipes, 2, func(c *settings) {
			c.Events.Deliver = func(_ i2p.Hash, m i2np.Message) { m.Release(); <-block }
		}).start(t)
		for range 100 {
			a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028))
		}
		time.Sleep(14 * time.Second)
		if !a.Connected(b.cfg.Self) {
			t.Fatal("ended too early")
		}
		time.Sleep(4 * time.Second)
		if a.Connected(b.cfg.Self) || len(a.downs()) != 1 || !errors.Is(a.downs()[0], errUnanswered) {
			t.Fatalf("connected %v, %v", a.Connected(b.cfg.Self), a.downs())
		}
		close(block)
	})
}

// A slow peer is not a dead one.
func TestSlowPeerStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		a := newNode(t, pipes, 1, nil).start(t)
		b := newNode(t, pipes, 2, func(c *settings) { c.BandwidthIn = 1 << 10 }).start(t)
		for range 60 {
			for range 20 {
				a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028))
			}
			time.Sleep(time.Second)
		}
		if events := a.eventsNow(); len(b.received()) < 40 || !slices.Equal(events, []string{"up"}) {
			t.Fatalf("%d messages, events %v", len(b.received()), events)
		}
	})
}
