package profile

import (
	"net/netip"
	"testing"

	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
)

func TestVersion(t *testing.T) {
	for s, want := range map[string]string{"0.9.68": "0.9.68", "1.2": "1.2.0", "": "0.0.0", "0.9.68-1": "0.0.0", "0.9.300": "0.0.0", "0.9.68.1": "0.9.68"} {
		if got := ParseVersion(s).String(); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestSummarize(t *testing.T) {
	keys, err := i2p.GenerateRouter(seeded(9))
	if err != nil {
		t.Fatal(err)
	}
	address := func(style, host string) routerinfo.Address {
		m := map[string]string{"v": "2", "s": i2p.EncodeBase64(make([]byte, 32)), "i": i2p.EncodeBase64(make([]byte, 16))}
		if host != "" {
			m["host"], m["port"] = host, "4567"
		}
		options, err := i2p.NewMapping(m)
		if err != nil {
			t.Fatal(err)
		}
		return routerinfo.Address{Style: style, Options: options}
	}
	ri, err := routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(testTime),
		Addresses: []routerinfo.Address{address("NTCP2", "10.20.30.40"), address("SSU2", "10.20.1.1"), address("NTCP2", "2001:db8::1"), address("SSU2", "")},
		Options:   map[string]string{"caps": "POfRE", "router.version": "0.9.68", "netId": "2", "family": "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize(ri)
	want := Reachable | Floodfill | CongestionE | Addressed | X25519 | IPv4 | IPv6
	if s.Flags != want || s.Bandwidth != 'P' || s.Version != 9<<8|68 || s.Family == 0 || s.Hash != ri.Hash() {
		t.Fatalf("%+v", s)
	}
	if s.Prefixes[0] != 1<<24|10<<8|20 || s.Prefixes[1] == 0 || s.Prefixes[2] != 0 {
		t.Fatalf("prefixes %x", s.Prefixes)
	}
	for _, h := range []string{"10.20.30.40", "10.20.1.1", "2001:db8::ffff"} {
		if !s.At(origin.HostOf(netip.MustParseAddr(h))) {
			t.Errorf("not at %s: %x", h, s.Hosts)
		}
	}
	if s.At(0) || s.At(origin.HostOf(netip.MustParseAddr("10.20.1.2"))) {
		t.Error("at a host where it is not")
	}

	// More hosts than are counted, and a network where addresses are free.
	ri, err = routerinfo.Build(routerinfo.BuildConfig{
		Keys: keys, Published: i2p.DateOf(testTime),
		Addresses: []routerinfo.Address{address("NTCP2", "10.0.0.1"), address("NTCP2", "10.0.0.2"), address("NTCP2", "10.0.0.3"), address("NTCP2", "10.0.0.4"), address("NTCP2", "200:1::1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := Summarize(ri); s.Flags&Scattered == 0 || s.Flags&IPv6 != 0 {
		t.Errorf("%+v", s)
	}
}
