//go:build linux

package interop

import (
	"fmt"
	"net/netip"

	"i2ptoolkit/pkg/interop/netns"
	"i2ptoolkit/pkg/interop/wan"
)

// Far puts the routers of a network on a wide-area network, each on a host of
// its own, from host First on. Several networks may share one.
type Far struct {
	WAN      *wan.Network
	First    int
	Up, Down wan.Settings
	// NAT says what stands before the nth host of this network; nil is nothing.
	NAT func(n int) wan.NAT
}

// ground is where the routers of a network stand: all on loopback in one
// namespace, or each in a namespace of its own, on a bridge or a wide-area network.
type ground struct {
	*Namespace
	bridge *netns.Bridge // nil: there is none
	far    *Far          // nil: they are near
	v6     bool          // routers have addresses of IPv6; not on a bridge
	nextIP byte
	hosts  int // that it has on the wide-area network
}

// newGround makes one of loopback, or of a wide-area network.
func newGround(far *Far) (ground, error) {
	ns, err := NewNamespace()
	return ground{Namespace: ns, far: far, nextIP: 10}, err
}

// newBridge makes one of hosts on a bridge.
func newBridge() (ground, error) {
	b, err := netns.NewBridge()
	if err != nil {
		return ground{}, fmt.Errorf("interop: %w", err)
	}
	return ground{Namespace: &Namespace{b.Namespace}, bridge: b}, nil
}

// NextAddr gives an address that no router of this network has.
func (g *ground) NextAddr() netip.Addr {
	g.nextIP++
	return netip.AddrFrom4([4]byte{127, 0, 0, g.nextIP})
}

// NextPublished gives one for a router's transports, of the network's family.
func (g *ground) NextPublished() (netip.Addr, error) {
	addr := g.NextAddr()
	if !g.v6 {
		return addr, nil
	}
	// As a public one looks, in a network of its own: no two of these in one /64.
	addr = netip.AddrFrom16([16]byte{0x2a, 0x0b, 0xf4, 0, 0, 0, g.nextIP, 15: 1})
	if err := g.Run("", "ip", "address", "add", addr.String()+"/128", "dev", "lo", "nodad"); err != nil {
		return addr, fmt.Errorf("interop: %w", err)
	}
	return addr, nil
}

// place is where a router runs.
type place struct {
	ns    *Namespace
	addr  netip.Addr // of its transports
	port  int        // likewise; on a bridge each has its own, as Java takes those of one port for one operator's
	doors netip.Addr // of its console and bridges
	host  int        // on a wide-area network; 0 is none
}

// place finds one for a further router.
func (g *ground) place() (place, error) {
	if g.bridge != nil {
		g.nextIP++
		addr := netip.AddrFrom4([4]byte{23, 40 + g.nextIP, 0, 1}) // as public ones look
		ns, err := g.bridge.Host(netip.PrefixFrom(addr, 8))
		if err != nil {
			return place{}, fmt.Errorf("interop: %w", err)
		}
		return place{ns: &Namespace{ns}, addr: addr, port: portTransport + int(g.nextIP), doors: netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	if g.far == nil {
		addr, err := g.NextPublished()
		return place{ns: g.Namespace, addr: addr, port: portTransport, doors: netip.AddrFrom4([4]byte{127, 0, 0, g.nextIP})}, err
	}
	id := g.far.First + g.hosts
	g.hosts++
	kind := wan.Open
	if g.far.NAT != nil {
		kind = g.far.NAT(g.hosts - 1)
	}
	host, err := g.far.WAN.Add(id, kind, g.far.Up, g.far.Down)
	if err != nil {
		return place{}, fmt.Errorf("interop: %w", err)
	}
	addr, v6 := g.far.WAN.Addrs(id)
	if g.v6 {
		addr = v6
		if err := g.far.WAN.Lose(id, true); err != nil {
			return place{}, fmt.Errorf("interop: %w", err)
		}
	}
	return place{ns: &Namespace{host.Namespace}, addr: addr, port: portTransport, doors: netip.AddrFrom4([4]byte{127, 0, 0, 1}), host: id}, nil
}

// remove removes the namespaces.
func (g *ground) remove() error {
	if g.bridge != nil {
		return g.bridge.Close()
	}
	return g.Namespace.Close()
}
