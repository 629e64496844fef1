//go:build linux

package interop

import (
	"strings"
	"testing"
)

const consolePage = `<b>Uptime:</b> 14 seconds<br>
<b>Network status:</b> OK<br>
<b>Tunnel creation success rate:</b> 97%<br>
<b>Received:</b> 1.50 MiB (3.21 KiB/s)<br>
<b>Sent:</b> 12.00 KiB (0.00 KiB/s)<br>
<b>Transit:</b> 2.00 GiB (1.00 KiB/s)<br>
<b>Routers:</b> 4 <b>Floodfills:</b> 2 <b>LeaseSets:</b> 1<br>
<b>Client Tunnels:</b> 17 <b>Transit Tunnels:</b> 50<br>`

func TestParseConsole(t *testing.T) {
	want := Counters{
		Received: 3 << 19, Sent: 12 << 10, Transit: 2 << 30, Routers: 4, Floodfills: 2, LeaseSets: 1,
		ClientTunnels: 17, TransitTunnels: 50, TunnelSuccess: 97,
	}
	if c, err := parseConsole(consolePage); err != nil || c != want {
		t.Errorf("got %+v, %v, want %+v", c, err, want)
	}
	for _, name := range []string{"Received", "Transit Tunnels", "Floodfills"} {
		if c, err := parseConsole(strings.ReplaceAll(consolePage, name, "x")); err == nil {
			t.Errorf("without %s: %+v and no error", name, c)
		}
	}
}

func TestIdentHash(t *testing.T) {
	id := make([]byte, 391+100)
	id[384], id[386] = 5, 4 // a key certificate of four bytes
	whole, err := identHash(id[:391])
	if err != nil || len(whole) != 44 {
		t.Fatalf("%q, %v", whole, err)
	}
	if more, err := identHash(id); err != nil || more != whole {
		t.Errorf("bytes after the identity changed its hash: %q, %v", more, err)
	}
	for _, n := range []int{0, 386, 390} {
		if h, err := identHash(id[:n]); err == nil {
			t.Errorf("an identity cut to %d bytes: %q", n, h)
		}
	}
}
