package ntcp2link

import (
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/i2np"
)

// A peer that takes less than is sent to it is congested for a while.
func TestCongested(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		pipes := &pipes{}
		a, b := newNode(t, pipes, 1, nil).start(t), newNode(t, pipes, 2, func(c *settings) { c.BandwidthIn = 16 << 10 }).start(t)
		send := func(perSecond int, d time.Duration) {
			for range int(d.Seconds()) * perSecond {
				a.Send(b.info.Load(), message(i2np.TunnelDataType, 1, 1028))
				time.Sleep(time.Second / time.Duration(perSecond))
			}
		}
		send(12, 30*time.Second)
		if busy, congested := a.Pressure(); a.Congested(b.cfg.Self) || busy != 1 || congested != 0 {
			t.Fatalf("as much as it takes: congested %v, %d of %d peers", a.Congested(b.cfg.Self), congested, busy)
		}
		send(64, 30*time.Second)
		if busy, congested := a.Pressure(); !a.Congested(b.cfg.Self) || busy != 1 || congested != 1 {
			t.Fatalf("four times too much: congested %v, %d of %d peers", a.Congested(b.cfg.Self), congested, busy)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if busy, _ := a.Pressure(); a.Congested(b.cfg.Self) || busy != 0 {
			t.Fatal("congested for ever")
		}
		if a.Stats().Late == 0 {
			t.Error("nothing was dropped for waiting too long")
		}
	})
}
