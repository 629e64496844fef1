package ntcp2link

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/ntcp2"
	"i2ptoolkit/pkg/transport"
)

// inBubble runs f in simulated time, in a year in which dates are sensible.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		buftest.NoLeak(t)
		time.Sleep(time.Until(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
		f(t)
	})
}

func TestMessages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a, b := newNode(t, net, 1, nil).start(t), newNode(t, net, 2, nil).start(t)
		sizes := []int{0, 1, 12, 1028, 3000, 20000, maxBody}
		for i, n := range sizes {
			if err := a.Send(b.info.Load(), message(i2np.DataType, uint32(i), n)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		got := b.received()
		if len(got) != len(sizes) {
			t.Fatalf("%d messages arrived, want %d", len(got), len(sizes))
		}
		for i, m := range got {
			want := message(i2np.DataType, uint32(i), sizes[i])
			if m.ID != want.ID || m.Type != want.Type || !bytes.Equal(m.Body, want.Body) || m.Expiration.Time().After(want.Expiration.Time()) {
				t.Errorf("message %d: type %v, id %d, %d bytes", i, m.Type, m.ID, len(m.Body))
			}
			want.Release()
		}
		if !a.Connected(b.cfg.Self) || !b.Connected(a.cfg.Self) {
			t.Fatal("not connected")
		}
		if !b.SendTo(a.cfg.Self, message(i2np.DataType, 9, 100)) {
			t.Fatal("no session back")
		}
		synctest.Wait()
		if len(a.received()) != 1 {
			t.Fatal("nothing came back")
		}
		if b.infos.Load() != 1 || a.infos.Load() != 1 {
			t.Errorf("RouterInfos learnt: a %d, b %d, want 1 each", a.infos.Load(), b.infos.Load())
		}
		p := a.Peers()
		if len(p) != 1 || p[0].Hash != b.cfg.Self || p[0].Inbound || p[0].MessagesOut != uint64(len(sizes)) || p[0].MessagesIn != 1 {
			t.Errorf("peers %+v", p)
		}
		if q := b.Peers(); len(q) != 1 || !q[0].Inbound || q[0].Version != "0.9.68" {
			t.Errorf("peers %+v", q)
		}
	})
}

func TestShutdownSaysWhy(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a, b := newNode(t, net, 1, nil).start(t), newNode(t, net, 2, nil).start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		synctest.Wait()
		a.halt(t)
		synctest.Wait()
		var end *ntcp2.TerminationError
		if len(b.downs()) != 1 || !errors.As(b.downs()[0], &end) || end.Reason != ntcp2.ReasonShutdown || !end.Remote {
			t.Fatalf("b saw %v", b.downs())
		}
		if b.Connected(a.cfg.Self) {
			t.Fatal("still connected")
		}
		if err := a.Send(b.info.Load(), message(i2np.DataType, 1, 10)); !errors.Is(err, transport.ErrClosed) {
			t.Fatalf("Send after Run: %v", err)
		}
	})
}

func TestIdleAndWanted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		var wanted atomic.Bool
		wanted.Store(true)
		a := newNode(t, net, 1, func(c *settings) { c.Wanted = func(i2p.Hash) bool { return wanted.Load() } }).start(t)
		b := newNode(t, net, 2, func(c *settings) { c.Limits.IdleTimeout = time.Hour }).start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		time.Sleep(20 * time.Minute)
		if !a.Connected(b.cfg.Self) {
			t.Fatal("a wanted session was closed")
		}
		if in := b.Peers()[0].BytesIn; in < 20*60/45*25 {
			t.Errorf("%d bytes came in 20 minutes: no keep-alives", in)
		}
		wanted.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		var end *ntcp2.TerminationError
		if a.Connected(b.cfg.Self) || !errors.As(b.downs()[0], &end) || end.Reason != ntcp2.ReasonIdleTimeout {
			t.Fatalf("connected %v, b saw %v", a.Connected(b.cfg.Self), b.downs())
		}
	})
}

func TestTrafficKeepsSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a, b := newNode(t, net, 1, nil).start(t), newNode(t, net, 2, nil).start(t)
		for i := range 30 {
			a.Send(b.info.Load(), message(i2np.DataType, uint32(i), 10))
			time.Sleep(100 * time.Second)
		}
		if len(b.received()) != 30 || len(b.eventsNow()) != 1 {
			t.Fatalf("%d messages, events %v", len(b.received()), b.eventsNow())
		}
		time.Sleep(4 * time.Minute)
		if a.Connected(b.cfg.Self) || b.Connected(a.cfg.Self) {
			t.Fatal("an idle session stays")
		}
	})
}

// Both dial at once: everything arrives, and one session is left.
func TestSimultaneous(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a, b := newNode(t, net, 1, nil).start(t), newNode(t, net, 2, nil).start(t)
		for i := range 100 {
			if i%10 == 9 {
				time.Sleep(500 * time.Millisecond)
			}
			a.Send(b.info.Load(), message(i2np.DataType, uint32(i), 1000))
			b.Send(a.info.Load(), message(i2np.DataType, uint32(i), 1000))
		}
		synctest.Wait()
		if len(a.received()) != 100 || len(b.received()) != 100 {
			t.Fatalf("a got %d, b got %d messages", len(a.received()), len(b.received()))
		}
		time.Sleep(spareLife + 15*time.Second)
		if len(a.Peers()) != 1 || len(b.Peers()) != 1 {
			t.Fatalf("sessions: a %d, b %d", len(a.Peers()), len(b.Peers()))
		}
		if a.Peers()[0].Inbound == b.Peers()[0].Inbound {
			t.Fatal("the two kept different sessions")
		}
		if !slices.Equal(a.eventsNow(), []string{"up"}) || !slices.Equal(b.eventsNow(), []string{"up"}) {
			t.Fatalf("events: a %v, b %v", a.eventsNow(), b.eventsNow())
		}
	})
}

// A peer that lost its session without a word dials again: the new one takes
// over.
func TestReplacedSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		b := newNode(t, net, 2, nil).start(t)
		a := newNode(t, net, 1, nil).start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		synctest.Wait()
		a2 := newNode(t, net, 1, func(c *settings) {
			c.Link.Listen = []netip.AddrPort{netip.MustParseAddrPort("23.0.0.1:8")}
			c.Rand = nil
		}).start(t)
		a2.Send(b.info.Load(), message(i2np.DataType, 2, 10))
		synctest.Wait()
		if len(b.Peers()) != 2 || !b.Peers()[1].Spare {
			t.Fatalf("peers %+v", b.Peers())
		}
		b.SendTo(a.cfg.Self, message(i2np.DataType, 3, 10))
		synctest.Wait()
		if len(a2.received()) != 1 || len(a.received()) != 0 {
			t.Fatal("the new session does not send")
		}
		time.Sleep(spareLife + time.Second)
		if len(b.Peers()) != 1 || a.Connected(b.cfg.Self) {
			t.Fatal("the old session stays")
		}
		if !slices.Equal(b.eventsNow(), []string{"up"}) {
			t.Fatalf("events %v", b.eventsNow())
		}
	})
}

func TestDialFailures(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a := newNode(t, net, 1, nil).start(t)
		b := newNode(t, net, 2, nil) // does not run
		if err := a.Send(b.info.Load(), message(i2np.DataType, 1, 10)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(a.failed) != 1 || a.Stats().DialsFailed != 1 {
			t.Fatalf("failures %v", a.failed)
		}
		if err := a.Send(b.info.Load(), message(i2np.DataType, 1, 10)); !errors.Is(err, transport.ErrBackoff) {
			t.Fatalf("error %v, want %v", err, transport.ErrBackoff)
		}
		time.Sleep(redialAfter)
		b.start(t)
		if err := a.Send(b.info.Load(), message(i2np.DataType, 1, 10)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(b.received()) != 1 {
			t.Fatal("nothing arrived")
		}
		if err := a.Send(a.info.Load(), message(i2np.DataType, 1, 10)); !errors.Is(err, transport.ErrSelf) {
			t.Fatalf("error %v, want %v", err, transport.ErrSelf)
		}
		hidden := newNode(t, net, 3, func(c *settings) { c.Link.Listen = nil })
		if err := a.Send(hidden.info.Load(), message(i2np.DataType, 1, 10)); !errors.Is(err, transport.ErrNoAddress) {
			t.Fatalf("error %v, want %v", err, transport.ErrNoAddress)
		}
		if a.SendTo(hidden.cfg.Self, message(i2np.DataType, 1, 10)) {
			t.Fatal("SendTo without a session")
		}
		o := message(i2np.DataType, 1, 10)
		big := i2np.Message{Type: i2np.DataType, Body: make([]byte, maxBody+1), Owner: o.Owner}
		if err := a.Send(b.info.Load(), big); !errors.Is(err, transport.ErrTooLarge) {
			t.Fatalf("error %v, want %v", err, transport.ErrTooLarge)
		}
	})
}

// A router that publishes no address dials out, and is answered.
func TestUnpublished(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a := newNode(t, net, 1, func(c *settings) { c.Link.Listen = nil }).start(t)
		b := newNode(t, net, 2, nil).start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		synctest.Wait()
		if !b.SendTo(a.cfg.Self, message(i2np.DataType, 2, 10)) {
			t.Fatal("no session back")
		}
		synctest.Wait()
		if len(a.received()) != 1 || len(b.received()) != 1 {
			t.Fatal("messages are missing")
		}
	})
}

func TestInfoChanged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a, b := newNode(t, net, 1, nil).start(t), newNode(t, net, 2, nil).start(t)
		a.Send(b.info.Load(), message(i2np.DataType, 1, 10))
		time.Sleep(time.Minute)
		before := b.infos.Load()
		a.InfoChanged() // the same one again: not newer, passed over
		time.Sleep(10 * time.Second)
		if b.infos.Load() != before {
			t.Fatal("an unchanged RouterInfo was passed on")
		}
		a.info.Store(testInfo(t, &a.cfg, time.Now(), a.cfg.Link.Listen[0], map[string]string{"caps": "XR"}))
		a.InfoChanged()
		synctest.Wait()
		if b.infos.Load() != before+1 {
			t.Fatal("the new RouterInfo did not arrive")
		}
	})
}

// A peer that does not read: its queue fills, the rest is dropped, and Run
// still ends in time.
func TestStalledPeer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		block := make(chan struct{})
		defer close(block)
		a := newNode(t, net, 1, nil).start(t)
		b := newNode(t, net, 2, func(c *settings) {
			c.Events.Deliver = func(_ i2p.Hash, m i2np.Message) { m.Release(); <-block }
		}).start(t)
		a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028))
		time.Sleep(10 * time.Second) // while a session is young more may wait
		sent := 0
		for range 3000 {
			if a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028)) == nil {
				sent++
			}
			time.Sleep(time.Millisecond)
		}
		if sent == 3000 || a.Peers()[0].Dropped == 0 || a.Peers()[0].Waiting > 512*3/4 {
			t.Fatalf("%d taken, stat %+v", sent, a.Peers()[0])
		}
		begun := time.Now()
		a.halt(t)
		if d := time.Since(begun); d > 2*farewell {
			t.Fatalf("Run took %v to end", d)
		}
	})
}

func TestBandwidthIsHard(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 16 << 10
		net := &pipes{}
		a := newNode(t, net, 1, func(c *settings) { c.BandwidthOut = limit }).start(t)
		b, c := newNode(t, net, 2, nil).start(t), newNode(t, net, 3, func(c *settings) { c.BandwidthIn = limit / 4 }).start(t)
		var last uint64
		for range 60 {
			for range 40 {
				a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028))
				a.Send(c.info.Load(), message(i2np.TunnelDataType, 1, 1028))
			}
			time.Sleep(time.Second)
			now := a.Stats().BytesOut
			// One burst, and one chunk for each connection that was paid for before.
			if now-last > limit+3*(2<<10) {
				t.Fatalf("%d bytes in a second, the limit is %d", now-last, limit)
			}
			last = now
		}
		if last < 60*limit*8/10 {
			t.Fatalf("%d bytes in a minute: the limit is not used", last)
		}
		if in := c.Stats().BytesIn; in > 60*limit/4+2*largeRead {
			t.Fatalf("%d bytes in, the limit is %d", in, 60*limit/4)
		}
	})
}

// A limit that changes holds at once, for sessions that stand.
func TestBandwidthChanges(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := &pipes{}
		a, b := newNode(t, net, 1, nil).start(t), newNode(t, net, 2, nil).start(t)
		out := func(limit int) uint64 {
			a.SetBandwidth(0, limit)
			time.Sleep(3 * time.Second)
			before := a.Stats().BytesOut
			for range 100 {
				a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028))
				time.Sleep(100 * time.Millisecond)
			}
			return a.Stats().BytesOut - before
		}
		for _, limit := range []int{0, 4 << 10, 2 << 10, 0} {
			n := out(limit)
			if most := uint64(10*limit + 3*(2<<10)); limit > 0 && (n > most || n < most/2) || limit == 0 && n < 100*1028 {
				t.Errorf("limit %d: %d bytes in 10 seconds", limit, n)
			}
		}
	})
}

func TestRunTwice(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newNode(t, &pipes{}, 1, nil).start(t)
		if err := a.Run(context.Background()); err == nil {
			t.Fatal("Run ran twice")
		}
		if _, err := transport.New(transport.Config{}); err == nil {
			t.Fatal("an empty Config was taken")
		}
	})
}
