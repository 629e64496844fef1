package mesh

import (
	"net/netip"

	"i2ptoolkit/pkg/draw"
)

// Places are the addresses of a network's hosts: no two have one.
type Places struct {
	rand  *draw.Source
	taken map[netip.Addr]bool
}

// NewPlaces gives addresses that the source draws.
func NewPlaces(rand *draw.Source) *Places {
	return &Places{rand: rand, taken: make(map[netip.Addr]bool)}
}

// Draw gives an address that nobody has: in one of so many networks (IPv4 /16) that
// have no others, or for 0 anywhere.
func (p *Places) Draw(networks int) netip.Addr {
	for {
		a := [4]byte{byte(11 + p.rand.Below(160)), p.rand.Byte(), p.rand.Byte(), p.rand.Byte()}
		if networks > 0 {
			n := p.rand.Below(networks)
			a[0], a[1] = 200+byte(n>>8), byte(n)
		}
		if at := netip.AddrFrom4(a); !p.taken[at] && at.IsGlobalUnicast() && !at.IsPrivate() {
			p.taken[at] = true
			return at
		}
	}
}
