package transport

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"i2ptoolkit/pkg/routerinfo"
)

// What the machine cannot reach is not dialled: the other family where it has one only, Yggdrasil
// where it is not there, and what it had before it moved.
func TestReaches(t *testing.T) {
	const v4, v6, mesh, local = "23.0.0.9", "2a00::9", "201::9", "fd00::9"
	for name, c := range map[string]struct {
		here     []string
		reaches  []string
		lacks4   bool
		lacks6   bool
		reserved bool // local addresses are allowed
	}{
		"IPv4 only":         {here: []string{"127.0.0.1", "::1", "fe80::1", "192.168.1.2"}, reaches: []string{v4}, lacks6: true},
		"IPv6 only":         {here: []string{"127.0.0.1", "::1", "fe80::1", "2a00::1"}, reaches: []string{v6}, lacks4: true},
		"both":              {here: []string{"23.0.0.1", "2a00::1"}, reaches: []string{v4, v6}},
		"several":           {here: []string{"10.0.0.1", "23.0.0.1", "fd00::1", "2a00::1", "2a01::1"}, reaches: []string{v4, v6}},
		"with Yggdrasil":    {here: []string{"10.0.0.1", "200::1"}, reaches: []string{v4, mesh}, lacks6: true},
		"Yggdrasil only":    {here: []string{"127.0.0.1", "300::1"}, reaches: []string{mesh}},
		"local only":        {here: []string{"127.0.0.1", "fd00::1"}, reaches: []string{local, "127.0.0.9"}, reserved: true},
		"nothing":           {here: []string{"127.0.0.1", "::1"}, reaches: []string{"127.0.0.9"}, reserved: true},
		"nobody knows what": {reaches: []string{v4, v6, mesh}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machine{}
			for _, a := range c.here {
				m.addrs = append(m.addrs, netip.MustParseAddr(a))
			}
			d := &fakeDriver{name: "X"}
			change := func(cfg *Config) { cfg.Network, cfg.LocalAllowed = m, c.reserved }
			runTable(t, []Driver{d}, change, func(t *testing.T, _ *Transport, _ *routerinfo.RouterInfo) {
				for _, a := range []string{v4, v6, mesh, local, "127.0.0.9"} {
					want := false
					for _, r := range c.reaches {
						want = want || r == a
					}
					if got := d.host.MayDial(netip.MustParseAddr(a)); got != want {
						t.Errorf("%s is dialled: %v", a, got)
					}
				}
				if d.host.Lacks(true) != c.lacks4 || d.host.Lacks(false) != c.lacks6 {
					t.Errorf("it lacks IPv4: %v, IPv6: %v", d.host.Lacks(true), d.host.Lacks(false))
				}
			})
		})
	}
	m, d := &machine{addrs: []netip.Addr{netip.MustParseAddr("23.0.0.1")}}, &fakeDriver{name: "X"}
	runTable(t, []Driver{d}, func(cfg *Config) { cfg.Network = m }, func(t *testing.T, _ *Transport, _ *routerinfo.RouterInfo) {
		m.move(netip.MustParseAddr("2a00::1"))
		time.Sleep(2 * addrsEvery)
		synctest.Wait()
		if d.host.MayDial(netip.MustParseAddr(v4)) || !d.host.MayDial(netip.MustParseAddr(v6)) {
			t.Error("it dials from an address that it had")
		}
	})
}
