package portmap

import (
	"net/netip"
	"strings"
	"testing"
)

func TestRouterOf(t *testing.T) {
	const head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
	for table, want := range map[string]netip.Addr{
		head: {},
		head + "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
			"eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n": netip.MustParseAddr("192.168.0.1"),
		head + "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n":      {}, // no router to ask
		head + "eth0\t00000000\tnothex\t0003\t0\t0\t0\t00000000\t0\t0\t0\nshort\n": {},
	} {
		if got := routerOf(strings.NewReader(table)); got != want {
			t.Errorf("%v, expected %v, of\n%s", got, want, table)
		}
	}
}
