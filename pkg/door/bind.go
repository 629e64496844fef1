package door

import (
	"net"
	"net/netip"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/unixsocket"
)

// Bind listens at ADDRESS:PORT or unix:PATH, and says where that is; nil is net.Listen.
func Bind(at string, listen func(network, address string) (net.Listener, error)) (l net.Listener, where string, err error) {
	network, address, err := plan.Local(at)
	if err != nil {
		return nil, "", err
	}
	if network == "unix" {
		if l, err = unixsocket.Reclaim(address); err != nil {
			return nil, "", err
		}
		return l, "unix:" + address, nil
	}
	if listen == nil {
		listen = net.Listen
	}
	if l, err = listen(Version(network, address), address); err != nil {
		return nil, "", err
	}
	return l, l.Addr().String(), nil
}

// Version narrows a network to IPv4 where the address is one of that: all of its addresses are not those of
// IPv6 as well.
func Version(network, address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		return network + "4"
	}
	return network
}
