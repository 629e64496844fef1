package record

import (
	"strings"
	"testing"
)

// TestMeanings: what a RouterInfo says in letters and short names is spelled out, and what means nothing is left
// as it is.
func TestMeanings(t *testing.T) {
	r := Router{Caps: "LUE?", Addresses: []Address{{Transport: "SSU2", Cost: 8, Options: map[string]string{
		"caps": "B46", "i": "key", "iexp0": "1793000000", "iexp1": "soon", "ih0": "hash", "itag0": "5", "mtu": "1500", "pq": "4,3", "x": "\x1b[2J",
	}}, {Transport: "NTCP2", Host: "2001:db8::1", Port: 4567, Options: map[string]string{"host": "2001:db8::1", "port": "4567", "i": "iv"}}}}
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"caps        LUE? (12 to 48 KB/s, unreachable, high congestion)\n", "address     SSU2 without a host, cost 8\n",
		"  caps      B46 (helps with peer tests, sends over IPv4, sends over IPv6)\n", "  i         key (introduction key)\n",
		"  iexp0     1793000000 (when the tag ends: 2026-10-26T07:33:20Z)\n", "  iexp1     soon (when the tag ends)\n",
		"  ih0       hash (introducer)\n", "  itag0     5 (tag for the introducer)\n", "  mtu       1500 (largest packet)\n",
		"  pq        4,3 (ML-KEM-768, ML-KEM-512)\n", "  x         \\x1b[2J\n",
		"address     NTCP2 [2001:db8::1]:4567, cost 0\n  i         iv (initialization vector)\noptions",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
