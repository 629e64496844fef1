package i2cpserver

import (
	"testing"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/datagram"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// TestSubsessions: a connection has several sessions, and with the first one all end.
func TestSubsessions(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		p := h.connect()
		first := p.session(nil)
		one := h.last()
		p.keys = newKeys(t, 2)
		second := p.session(nil)
		two := h.last()
		p.keys = newKeys(t, 3)
		third := p.session(nil)
		if first == second || second == third || h.Stats().Sessions != 3 {
			t.Fatal("sessions have one id")
		}
		two.handle(datagram.Header{}, framed("for two"), i2p.Hash{})
		if m := hears[i2cp.MessagePayload](p); m.Session != second {
			t.Errorf("%+v", m)
		}
		// A lease set that cannot be read is the fault of its session alone.
		p.conn.Write(append([]byte{0, 0, 0, 200, byte(i2cp.TypeCreateLeaseSet), byte(second >> 8), byte(second)}, make([]byte, 198)...))
		p.say(i2cp.GetBandwidthLimits{})
		hears[i2cp.BandwidthLimits](p)
		if s := h.Stats(); s.LeaseSetsBad != 1 || s.Sessions != 3 {
			t.Errorf("%+v", s)
		}

		// One that names others, and has no keys.
		leases := []leaseset.Lease{{Expires: i2p.DateOf(time.Now().Add(time.Minute))}}
		kept := make(chan client.Kept, 1)
		h.last().keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { kept <- k })
		hears[i2cp.RequestVariableLeaseSet](p)
		end := i2p.DateOf(time.Now().Add(time.Hour))
		meta, err := leaseset.BuildMeta(leaseset.MetaConfig{
			Keys: p.keys, Leases: []leaseset.MetaLease{{Hash: one.dest.Hash(), Expires: end}}, Published: i2p.DateOf(time.Now()), Expires: end,
		})
		if err != nil {
			t.Fatal(err)
		}
		p.say(i2cp.CreateLeaseSet2{Session: third, Set: meta})
		if k := <-kept; k.Err != nil || k.Set != nil || k.Meta == nil || k.Meta.Hash() != p.keys.Destination().Hash() {
			t.Errorf("kept %+v", k)
		}

		p.say(i2cp.DestroySession{Session: second}) // of which nothing is said
		p.say(i2cp.GetBandwidthLimits{})
		hears[i2cp.BandwidthLimits](p)
		if !two.closed || one.closed || h.Stats().Sessions != 2 {
			t.Error("not the second session was closed")
		}
		p.say(i2cp.DestroySession{Session: first})
		if p.ended(); !h.last().closed || !one.closed {
			t.Error("a subsession goes on")
		}
	})
}
