package i2cpserver

import (
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/i2cp"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
	"i2ptoolkit/pkg/noise"
)

// TestDates: two lease sets are never asked for within one second, which is all that their dates tell, and the
// leases of the second end later.
func TestDates(t *testing.T) {
	inBubble(t, func(t *testing.T, h *hall) {
		p := h.connect()
		id := p.session(nil)
		l := h.last()
		pair := noise.GenerateKey(nil)
		private := pair.Private()
		leases := []leaseset.Lease{{Gateway: i2p.Hash{1}, TunnelID: 2, Expires: i2p.DateOf(time.Now().Add(10 * time.Minute))}}
		var sets []leaseset.Set
		var ends []i2p.Date
		for range 3 {
			l.keeper.Keep(client.Wanted{Leases: leases}, func(k client.Kept) { sets = append(sets, k.Set) })
			want := hears[i2cp.RequestVariableLeaseSet](p)
			ends = append(ends, want.Leases[0].Expires)
			p.say(i2cp.CreateLeaseSet2{Session: id, Set: p.made(want.Leases, pair), Keys: []i2cp.PrivateKey{{Encryption: i2p.CryptoX25519, Key: private[:]}}})
			synctest.Wait()
		}
		if len(sets) != 3 || sets[0].Published() >= sets[1].Published() || sets[1].Published() >= sets[2].Published() {
			t.Errorf("lease sets %v", sets)
		}
		if ends[0] >= ends[1] || ends[1] >= ends[2] {
			t.Errorf("leases end %v", ends)
		}
	})
}
