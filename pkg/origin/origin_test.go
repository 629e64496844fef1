package origin

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestNetworks(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.77":          "[192.0.2.77/32 192.0.2.0/24 192.0.0.0/16]",
		"::ffff:192.0.2.77":   "[192.0.2.77/32 192.0.2.0/24 192.0.0.0/16]",
		"2001:db8:1:2345::9":  "[2001:db8:1:2345::/64 2001:db8:1:2300::/56 2001:db8:1::/48]",
		"2001:db8:1:2345::%e": "[2001:db8:1:2345::/64 2001:db8:1:2300::/56 2001:db8:1::/48]",
	} {
		n := Of(netip.MustParseAddr(text))
		if got := fmt.Sprint(n); got != want || !n.Known() || n.Host() != n[0] {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if n := Of(netip.Addr{}); n != (Networks{}) || n.Known() {
		t.Errorf("no address: %v", n)
	}
}

// Many on one host press more than as many side by side, these more than as many in a wide
// network, and who is alone the least.
func TestPress(t *testing.T) {
	var c Crowd
	add := func(format string, n int) Networks {
		for i := range n {
			c.Add(Of(netip.MustParseAddr(fmt.Sprintf(format, i))), 1)
		}
		return Of(netip.MustParseAddr(fmt.Sprintf(format, 0)))
	}
	host := Of(netip.MustParseAddr("23.0.0.1"))
	c.Add(host, 20)
	order := []Networks{host, add("24.0.0.%d", 20), add("25.0.%d.0", 20), add("26.%d.0.0", 20)}
	for i := 1; i < len(order); i++ {
		if a, b := c.Press(order[i-1]), c.Press(order[i]); a <= b {
			t.Errorf("%v presses by %d, and %v by %d", order[i-1][0], a, order[i][0], b)
		}
	}
	six := []Networks{add("2001:1:1:%x::", 20), add("2001:2:2:%x00::", 20), add("2001:3:%x::", 20)}
	for i := 1; i < len(six); i++ {
		if a, b := c.Press(six[i-1]), c.Press(six[i]); a <= b {
			t.Errorf("%v presses by %d, and %v by %d", six[i-1][0], a, six[i][0], b)
		}
	}
	if c.Press(Networks{}) != 0 {
		t.Error("nobody presses")
	}
}

// What leaves is forgotten, and an address that is not counted is never held.
func TestCrowd(t *testing.T) {
	var c Crowd
	n := Of(netip.MustParseAddr("23.1.2.3"))
	c.Add(Networks{}, 7)
	c.Add(n, 3)
	c.Add(Of(netip.MustParseAddr("23.1.9.9")), 1)
	if c.Held(n.Host()) != 3 || c.Held(n[2]) != 4 || c.Len() != 5 {
		t.Errorf("held %v", c.held)
	}
	c.Add(n, -3)
	c.Add(Of(netip.MustParseAddr("23.1.9.9")), -1)
	if c.Len() != 0 {
		t.Errorf("held %v after all have left", c.held)
	}
}
