package ntcp2link

import (
	"net/netip"
	"testing"
	"time"
)

// at is a machine with addresses.
type at struct {
	host
	has []netip.Addr
}

func (m at) Addrs() ([]netip.Addr, error) { return m.has, nil }

// Peers are dialled over the families that are listened on, over the only one that the machine has,
// and over Yggdrasil where it has that.
func TestFamilies(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := newNode(t, &pipes{}, 2, nil).start(t)
		v4, v6, mesh := netip.MustParseAddr("23.0.0.9"), netip.MustParseAddr("2a00::9"), netip.MustParseAddr("201::9")
		for name, c := range map[string]struct {
			has  []netip.Addr
			want []bool // v4, v6, mesh
		}{
			"IPv4":           {[]netip.Addr{v4}, []bool{true, false, false}},
			"both":           {[]netip.Addr{v4, v6}, []bool{true, false, false}}, // IPv4 is listened on
			"IPv6":           {[]netip.Addr{v6}, []bool{false, true, false}},
			"with Yggdrasil": {[]netip.Addr{v4, netip.MustParseAddr("200::1")}, []bool{true, false, true}},
		} {
			a := newNode(t, &pipes{}, 1, func(s *settings) { s.Network = at{s.Network.(host), c.has} }).start(t)
			for i, host := range []netip.Addr{v4, v6, mesh} {
				ri := testInfo(t, &b.cfg, time.Now(), netip.AddrPortFrom(host, 7), nil)
				if got := a.Dials(ri); got != c.want[i] {
					t.Errorf("%s: %v is dialled: %v", name, host, got)
				}
			}
			a.halt(t)
		}
		published := b.driver.Publish([]netip.Addr{v4, v6, mesh})
		if len(published) != 3 || published[0].Cost != costPublished || published[1].Cost != costPublished || published[2].Cost != costMesh {
			t.Errorf("published %+v", published)
		}
		b.halt(t)
	})
}
