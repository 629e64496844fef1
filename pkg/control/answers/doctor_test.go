package answers

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/transport"
)

// TestWitnesses: a peer says once what time it is and what it speaks, however many sessions it has, and a network once.
func TestWitnesses(t *testing.T) {
	session := func(who byte, addr string, skew time.Duration) (p transport.PeerStats) {
		p.Hash, p.Addr, p.Version, p.Skew = i2p.Hash{who}, netip.MustParseAddrPort(addr), "0.9."+string('0'+rune(who)), skew
		return p
	}
	peers := []transport.PeerStats{
		session(1, "192.0.2.1:9000", 1), session(1, "192.0.2.1:9001", 2), session(1, "[2001:db8::1]:9000", 3),
		session(2, "192.0.2.2:9000", 4),
		session(3, "198.51.100.3:9000", 5),
	}
	for _, tt := range []struct {
		oneMachine bool
		skews      []time.Duration
	}{
		{false, []time.Duration{1, 5}},
		{true, []time.Duration{1, 4, 5}},
	} {
		skews, versions := witnesses(peers, tt.oneMachine)
		if !slices.Equal(skews, tt.skews) || !slices.Equal(versions, []string{"0.9.1", "0.9.2", "0.9.3"}) {
			t.Errorf("on one machine: %v: %v, %v", tt.oneMachine, skews, versions)
		}
	}
}
