package transport

import (
	"net/netip"
	"testing"
	"time"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

func TestReserved(t *testing.T) {
	for a, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "192.168.1.1": true, "172.16.0.1": true, "169.254.1.1": true,
		"100.64.1.1": true, "0.1.2.3": true, "224.0.0.1": true, "255.255.255.255": true, "203.0.113.9": true,
		"::1": true, "fe80::1": true, "fc00::1": true, "::": true, "2001:db8::1": true, "::ffff:10.0.0.1": true,
		"23.1.2.3": false, "8.8.8.8": false, "2a01:4f8::1": false, "100.128.0.1": false,
	} {
		if got := reserved(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: reserved %v, want %v", a, got, want)
		}
	}
	if !reserved(netip.Addr{}) {
		t.Error("no address at all is not reserved")
	}
}

func TestComesFrom(t *testing.T) {
	keys := testKeys(t, 1)
	build := func(hosts ...string) *routerinfo.RouterInfo {
		var addrs []routerinfo.Address
		for _, h := range hosts {
			m := map[string]string{"v": "2"}
			if h != "" {
				m["host"], m["port"], m["i"] = h, "7", i2p.EncodeBase64(make([]byte, 16))
			}
			options, err := i2p.NewMapping(m)
			if err != nil {
				t.Fatal(err)
			}
			addrs = append(addrs, routerinfo.Address{Style: routerinfo.StyleNTCP2, Options: options})
		}
		ri, err := routerinfo.Build(routerinfo.BuildConfig{Keys: keys, Published: i2p.DateOf(time.Now()), Addresses: addrs})
		if err != nil {
			t.Fatal(err)
		}
		return ri
	}
	for _, c := range []struct {
		hosts []string
		from  string
		want  bool
	}{
		{[]string{""}, "23.1.1.1", true},
		{[]string{"23.1.1.1"}, "23.1.1.1", true},
		{[]string{"23.1.1.1"}, "23.1.1.2", false},
		{[]string{"23.1.1.1", "23.1.1.2"}, "23.1.1.2", true},
		{[]string{"23.1.1.1"}, "2a01:4f8::1", true}, // IPv6 is not published
		{[]string{"23.1.1.1", "2a01:4f8::1"}, "2a01:4f8::9:1", true},
		{[]string{"23.1.1.1", "2a01:4f8::1"}, "2a01:4f9::1", false},
	} {
		if got := comesFrom(build(c.hosts...), netip.MustParseAddr(c.from), routerinfo.Address.IsNTCP2); got != c.want {
			t.Errorf("published %v, from %s: %v, want %v", c.hosts, c.from, got, c.want)
		}
	}
}

func TestFailureTableIsBounded(t *testing.T) {
	fs := failures{}
	now := time.Now()
	for i := range 3 * maxFailures {
		fs.failed(now, origin.Of(netip.AddrFrom4([4]byte{23, byte(i >> 16), byte(i >> 8), byte(i)})).Host())
		if len(fs) > maxFailures {
			t.Fatalf("%d entries", len(fs))
		}
	}
}

// Datagrams over the loopback address, from and to where they say.
func TestInternetPackets(t *testing.T) {
	open := func() (PacketConn, netip.AddrPort) {
		c, err := Internet{}.ListenPacket(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		return c, AddrOf(c.LocalAddr())
	}
	a, fromA := open()
	b, toB := open()
	if _, err := a.WriteToUDPAddrPort([]byte("x"), toB); err != nil {
		t.Fatal(err)
	}
	in := make([]byte, 10)
	n, from, err := b.ReadFromUDPAddrPort(in)
	if err != nil || string(in[:n]) != "x" || from != fromA {
		t.Fatalf("%q from %v, %v", in[:n], from, err)
	}
}
