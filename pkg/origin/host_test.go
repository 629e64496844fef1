package origin

import (
	"net/netip"
	"testing"
)

// A host names the same networks as its address, at every step.
func TestHost(t *testing.T) {
	for _, text := range []string{"192.0.2.77", "::ffff:192.0.2.77", "2001:db8:1:2345::9", "fe80::1%e"} {
		a := netip.MustParseAddr(text)
		h := HostOf(a)
		if h.Networks() != Of(a) || h.Is4() != a.Unmap().Is4() {
			t.Errorf("%s: %v, want %v", text, h.Networks(), Of(a))
		}
		for step, p := range Of(a) {
			if got := HostOf(p.Addr()); got != h.Within(step) {
				t.Errorf("%s at step %d: %x, want %x", text, step, h.Within(step), got)
			}
		}
	}
	odd := HostOf(netip.MustParseAddr("0:0:102:304::"))
	if odd.Is4() || odd == HostOf(netip.MustParseAddr("1.2.3.4")) {
		t.Error("an IPv6 address is taken for one of IPv4")
	}
	if HostOf(netip.Addr{}) != 0 || Host(0).Networks().Known() || Host(0).Is4() {
		t.Error("no address has a host")
	}
}
