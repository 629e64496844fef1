package forward

import (
	"net"
	"net/netip"

	"i2ptoolkit/pkg/forward/plan"
	"i2ptoolkit/pkg/unixsocket"
)

// bind listens where the plan says.
func (f *forward) bind() (net.Listener, error) {
	network, address, err := plan.Local(f.plan().Listen)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		l, err := unixsocket.Reclaim(address)
		if err != nil {
			return nil, err
		}
		f.note("unix:"+address, "")
		return l, nil
	}
	l, err := f.m.cfg.Listen(version(network, address), address)
	if err != nil {
		return nil, err
	}
	f.listens(l.Addr().String())
	return l, nil
}

// listens notes where, and warns where that is for more than this machine.
func (f *forward) listens(at string) {
	if a, err := netip.ParseAddrPort(at); err == nil && !a.Addr().Unmap().IsLoopback() {
		f.m.cfg.Log.Warn("a forward is open to other machines, which use it as this one does", "name", f.name, "listen", at)
	}
	f.note(at, "")
}

// version narrows a network to IPv4 where the address is one of that: all of its addresses are not those of
// IPv6 as well.
func version(network, address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		return network + "4"
	}
	return network
}
