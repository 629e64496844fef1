package udploss

import (
	"net"
	"runtime"
	"testing"
)

// TestCounter: what found no room at a socket that nobody reads is counted, while it is open and once it is closed.
func TestCounter(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: the system does not tell")
	}
	var c Counter
	var sent [2]uint64
	for i := range sent {
		in, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		c.Add(in)
		in.SetReadBuffer(4 << 10)
		out, err := net.DialUDP("udp", nil, in.LocalAddr().(*net.UDPAddr))
		if err != nil {
			t.Fatal(err)
		}
		before := c.Total()
		for ; sent[i] < 1000; sent[i]++ { // of which few are on their way when Write returns: they have no more room than the socket that sends has
			if _, err := out.Write(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		if n := c.Total() - before; n < 800 || n >= 1000 {
			t.Errorf("%d of 1000 were dropped, with room for a few", n)
		}
		total := c.Total() // the system may be about to drop some more, where it has others to serve
		if c.Close(in) != nil || out.Close() != nil || c.Total() < total || c.Total()-before >= 1000 {
			t.Errorf("%d before and %d after the end", total, c.Total())
		}
	}
}
