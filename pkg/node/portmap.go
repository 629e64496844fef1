package node

import (
	"context"
	"net/netip"
	"slices"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/portmap"
	"i2ptoolkit/pkg/routerinfo"
)

// newMapper makes what asks the gateway for our ports; nil is for a router that does not: of a
// private network, a simulated one, or told not to.
func (n *Node) newMapper(env *env.Whole) *portmap.Mapper {
	if s := n.settings.Current(); !s.PortMapping || !s.Public() || s.Proxied() || n.cfg.Network != nil {
		return nil
	}
	return portmap.New(portmap.Config{Env: env.Part("portmap"), Ports: n.portsToMap, Changed: func(s portmap.State) {
		detail := s.Problem
		if len(s.Mappings) > 0 {
			detail = s.By
		}
		n.events.Publish(control.Event{Event: "ports_mapped", Detail: detail})
	}})
}

// mapPorts keeps them mapped. It begins once they are listened on, and is done when they are given
// back.
func (n *Node) mapPorts(ctx context.Context) error {
	select {
	case <-n.listening:
		return n.mapper.Run(ctx)
	case <-ctx.Done():
		return nil
	}
}

// portsToMap are those that the machine listens on over IPv4, where it has no public address and
// wants to be found.
func (n *Node) portsToMap() (ports []portmap.Port) {
	s := n.settings.Current()
	if s.Hidden || slices.ContainsFunc(n.announcer.hosts.here(), func(a netip.Addr) bool { return a.Is4() && s.Publishable(a) }) {
		return nil
	}
	for _, d := range n.transport.Drivers() {
		protocol := portmap.TCP
		if d.Name == routerinfo.StyleSSU2 {
			protocol = portmap.UDP
		}
		ports = append(ports, mappable(protocol, d.Listen)...)
	}
	return ports
}

func mappable(protocol portmap.Protocol, listen []netip.AddrPort) (ports []portmap.Port) {
	for _, at := range listen {
		p := portmap.Port{Protocol: protocol, Internal: at.Port()}
		if at.Addr().Is4() && !at.Addr().IsLoopback() && !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	return ports
}

// mapped is what the mapper counts, if there is one.
func (n *Node) mapped() portmap.Stats {
	if n.mapper == nil {
		return portmap.Stats{}
	}
	return n.mapper.Stats()
}
