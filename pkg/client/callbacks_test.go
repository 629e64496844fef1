package client

import (
	"math/rand/v2"
	"testing"
	"time"

	"i2ptoolkit/pkg/buf"
	"i2ptoolkit/pkg/buf/buftest"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/options"
)

// asked are tunnels that keep what is looked up.
type asked struct {
	outlets
	done *func(leaseset.Record, error)
}

func (a asked) LookupLeaseSet(_ i2p.Hash, _ i2p.Date, done func(leaseset.Record, error)) {
	*a.done = done
}

func (a asked) Publish(leaseset.Record) {}

// TestCallbacksOnlyNote: what the router tells is dealt with in the destination's loop and
// not in the router's, where it would be sealed, signed and verified at the cost of all others.
func TestCallbacksOnlyNote(t *testing.T) {
	buftest.NoLeak(t)
	c := (&ether{clients: map[i2p.Hash]*Client{}}).newClient(t, 1, options.Default())
	tunnels := asked{outlets{sent: map[uint32]int{}}, new(func(leaseset.Record, error))}
	c.tunnels = tunnels
	c.state = oneTunnel(i2p.HashOf([]byte{1}))
	c.turn()
	peer := newSet(t, rand.NewChaCha8([32]byte{6}), time.Now())
	c.send(peer.Hash(), []*buf.Buf{buf.Get(10)})
	if *tunnels.done == nil || len(tunnels.sent) > 0 {
		t.Fatal("it was not looked up, or sent before")
	}
	(*tunnels.done)(peer, nil)
	c.changed(oneTunnel(i2p.HashOf([]byte{2})))
	c.published()
	c.deliver(1, sealTo(t, c, newStranger(t, rand.NewChaCha8([32]byte{7})), payload(c.own.hash, time.Now().Add(time.Minute))).Own())
	if len(tunnels.sent) > 0 || c.own.set != nil || c.own.confirmed || c.stats.Received > 0 || c.remotes[peer.Hash()].set != nil {
		t.Error("a callback did the loop's work")
	}
	c.turn() // takes the leases, and asks for a lease set
	c.turn() // which is there
	if tunnels.sent[1] == 0 || c.own.set == nil || !c.own.confirmed || c.stats.Received != 1 {
		t.Errorf("the loop left something undone: sent %v, %+v", tunnels.sent, c.stats)
	}
}
