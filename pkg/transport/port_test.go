package transport

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
)

// TestAlike: an address that may have any port gets that of those before it, or one that is drawn and nobody has; else
// the system has to find one.
func TestAlike(t *testing.T) {
	own, any := netip.MustParseAddrPort("127.0.0.1:7"), netip.MustParseAddrPort("127.0.0.1:0")
	for _, c := range []struct {
		name  string
		at    netip.AddrPort
		bound []netip.AddrPort
		free  []uint16
		tried []uint16
	}{
		{"named", own, []netip.AddrPort{netip.MustParseAddrPort("[::1]:8")}, []uint16{7}, []uint16{7}},
		{"as before", any, []netip.AddrPort{netip.MustParseAddrPort("[::1]:8")}, []uint16{8}, []uint16{8}},
		{"as before is another's", any, []netip.AddrPort{netip.MustParseAddrPort("[::1]:8")}, []uint16{101}, []uint16{8, 101}},
		{"drawn", any, nil, []uint16{101, 102}, []uint16{101}},
		{"drawn is another's", any, nil, []uint16{103}, []uint16{101, 102, 103}},
		{"all are others'", any, nil, []uint16{0}, nil},
	} {
		next, tried := uint16(100), []uint16(nil)
		h := &Host{t: &table{cfg: Config{DrawPort: func() uint16 { next++; return next }}}}
		err := h.Alike(c.at, c.bound, func(at netip.AddrPort) error {
			if tried = append(tried, at.Port()); slices.Contains(c.free, at.Port()) && at.Addr() == c.at.Addr() {
				return nil
			}
			return errors.New("taken")
		})
		if err != nil || c.tried != nil && !slices.Equal(tried, c.tried) || c.tried == nil && tried[len(tried)-1] != 0 {
			t.Errorf("%s: tried %v, %v", c.name, tried, err)
		}
	}
}
