package node

import (
	"context"
	"io"
	"net/netip"
	"slices"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/draw"
	"i2ptoolkit/pkg/env"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/kem"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/origin"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/sign"
	"i2ptoolkit/pkg/ssu2"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/transport/ntcp2link"
	"i2ptoolkit/pkg/transport/ssu2link"
)

// newTransport makes the table of peers with its drivers.
func (n *Node) newTransport(env *env.Whole, signing sign.PrivateKey) (err error) {
	s := n.settings.Current()
	network := n.cfg.Network
	if network == nil {
		network = transport.Internet{Source: n.announcer.hosts.source}
	}
	if at := s.ProxyURL(); at != nil {
		if network, err = transport.ThroughProxy(network, at); err != nil {
			return err
		}
	}
	if at := s.DatagramProxyURL(); at != nil {
		if network, err = transport.ThroughSOCKS(network, at, n.log); err != nil {
			return err
		}
	}
	drivers, err := n.drivers(env, signing, n.listens(network))
	if err != nil {
		return err
	}
	n.transport, err = transport.New(transport.Config{
		Env:  env.Part("transport"), // NTCP2's links gather as one: they share nothing else
		Self: n.hash, NetID: byte(s.NetID), Drivers: drivers, Network: network, DrawPort: n.drawsPort(env),
		Limits:      transport.Limits{Sessions: s.NTCP2.MaxSessions},
		BandwidthIn: s.Bandwidth.In << 10, BandwidthOut: s.Bandwidth.Out << 10,
		OurInfo:      n.announcer.presence.Presented,
		Wanted:       func(peer i2p.Hash) bool { return n.router.Peers().Wants(peer) },
		Carries:      func(peer i2p.Hash) bool { return n.router.Peers().Carries(peer) },
		LocalAllowed: s.Testnet,
		Others:       n.others(),
		Hidden:       func() bool { return n.settings.Current().Hidden },
		Events:       n.transportEvents(),
	})
	n.announcer.transport = n.transport
	return err
}

// drivers are the transports that the router speaks. Here, and in the settings and
// the files that they come from, they have names; the rest of a router asks the
// table.
func (n *Node) drivers(env *env.Whole, signing sign.PrivateKey, listen []netip.AddrPort) (drivers []transport.Driver, err error) {
	s := n.settings.Current()
	if s.NTCP2.Enabled {
		ntcp2, err := n.ntcp2(env.Part("ntcp2").Rand, listen)
		if err != nil {
			return nil, err
		}
		drivers = append(drivers, ntcp2)
	}
	if s.SSU2.Enabled {
		ssu2, err := n.ssu2(env, signing, listen)
		if err != nil {
			return nil, err
		}
		drivers = append(drivers, ssu2)
	}
	return append(drivers, n.cfg.Drivers...), nil
}

// listens are the addresses to bind. A family of which the machine has no sockets is left out,
// unless the settings name an address of it.
func (n *Node) listens(network transport.Network) []netip.AddrPort {
	s := n.settings.Current()
	all := s.ListenAddrs()
	if len(s.NTCP2.Listen) > 0 {
		return all
	}
	return slices.DeleteFunc(all, func(at netip.AddrPort) bool {
		if slices.ContainsFunc(s.PublishedHosts(), func(h netip.Addr) bool { return h.Is4() == at.Addr().Is4() }) {
			return false
		}
		conn, err := network.ListenPacket(context.Background(), netip.AddrPortFrom(at.Addr(), 0))
		if err != nil {
			n.log.Info("not listened on", "address", at.Addr(), "error", err)
			return true
		}
		conn.Close()
		return false
	})
}

// A port is drawn of those that systems do not give to who dials: they give 32768 and above on Linux, 49152 and above
// elsewhere. One of these would now and then be another program's when the router is to be started again.
const (
	leastPort = 9000
	ports     = 22000
)

// drawsPort draws a port that will be kept; nil is for settings that leave it to the system, and for simulations.
func (n *Node) drawsPort(env *env.Whole) func() uint16 {
	if n.cfg.Network != nil || len(n.settings.Current().NTCP2.Listen) > 0 {
		return nil
	}
	random := draw.From(env.Part("port").Rand)
	return func() uint16 { return uint16(leastPort + random.Below(ports)) }
}

// ntcp2 is the transport over TCP.
func (n *Node) ntcp2(random io.Reader, listen []netip.AddrPort) (transport.Driver, error) {
	keys, err := n.dir.ntcp2Keys(random)
	if err != nil {
		return nil, err
	}
	s := n.settings.Current()
	hybrid, _ := kem.ParseKind(s.NTCP2.Hybrid) // checked where settings are
	return ntcp2link.New(ntcp2link.Config{Keys: keys, Listen: listen, Port: s.Port, Hybrid: hybrid}), nil
}

// ssu2 is the transport over UDP, at the first address of each family that NTCP2 has.
func (n *Node) ssu2(env *env.Whole, signing sign.PrivateKey, all []netip.AddrPort) (transport.Driver, error) {
	random := env.Part("ssu2").Rand
	keys, err := n.dir.ssu2Keys(random)
	if err != nil {
		return nil, err
	}
	s := n.settings.Current()
	var listen []netip.AddrPort
	for _, at := range all {
		if s.SSU2.Proxy != "" {
			break // nobody gets in by it
		}
		if !slices.ContainsFunc(listen, func(l netip.AddrPort) bool { return l.Addr().Is4() == at.Addr().Is4() }) {
			listen = append(listen, at)
		}
	}
	if s.SSU2.Proxy != "" {
		signing = sign.PrivateKey{} // where we are is nobody's business
	}
	hybrid, _ := kem.ParseKind(s.SSU2.Hybrid) // checked where settings are
	once := func(name string, empty []byte) []byte {
		b, err := n.dir.takeOnce(name, empty)
		if err != nil {
			n.log.Warn("state of SSU2 not read", "error", err)
		}
		return b
	}
	keep := func(name string) func([]byte) {
		return func(file []byte) {
			if err := n.dir.keep(name, file); err != nil {
				n.log.Error("state of SSU2 not written", "error", err)
			}
		}
	}
	return ssu2link.New(ssu2link.Config{
		Keys: keys, Listen: listen, MTU: s.SSU2.MTU, Hybrid: hybrid, Rand: random, Signing: signing, Part: env.Part,
		Tokens: once(ssu2TokensFile, ssu2.TokensFile()), KeepTokens: keep(ssu2TokensFile),
		Farewells: once(ssu2FarewellsFile, nil), KeepFarewells: keep(ssu2FarewellsFile),
	}), nil
}

// others are the routers that the netDb knows, for transports that need some to help them.
func (n *Node) others() transport.Others {
	known := func(h i2p.Hash) *routerinfo.RouterInfo { return n.router.Knowledge().Infos([]i2p.Hash{h})[h] }
	return transport.Others{
		Known: known,
		Find: func(ctx context.Context, h i2p.Hash) *routerinfo.RouterInfo {
			if ri := known(h); ri != nil {
				return ri
			}
			r, err := n.router.Knowledge().Lookup(ctx, h, i2np.LookupRouterInfo)
			if err != nil {
				return nil
			}
			return r.RouterInfo
		},
		All: func() []*routerinfo.RouterInfo { return n.router.Knowledge().Routers() },
	}
}

// transportEvents has the router and its followers told of peers.
func (n *Node) transportEvents() transport.Events {
	return transport.Events{
		Deliver: func(from i2p.Hash, m i2np.Message) { n.router.Deliver(from, m) },
		PeerInfo: func(ri *routerinfo.RouterInfo, by transport.Meeting, flood bool) {
			n.router.Peers().Greeted(sender(ri.Hash(), by), ri, flood)
		},
		Up: func(peer i2p.Hash, by transport.Meeting) {
			n.router.Peers().Up(sender(peer, by))
			n.events.Publish(control.Event{
				Event: "peer_up", Router: peer.String(), Transport: by.Transport, Detail: string(answers.Direction(by.Inbound)),
			})
		},
		Reached: func(peer i2p.Hash, by transport.Meeting) { n.router.Peers().Reached(sender(peer, by)) },
		Down: func(peer i2p.Hash, transport string, why error) {
			n.router.Peers().Down(peer)
			n.events.Publish(control.Event{Event: "peer_down", Router: peer.String(), Transport: transport, Detail: errText(why)})
		},
		Failed: func(peer i2p.Hash, _ error) { n.router.Peers().Failed(peer) },
		Stalled: func(peer i2p.Hash) {
			n.router.Peers().Stalled(peer)
			n.events.Publish(control.Event{Event: "peer_stalled", Router: peer.String()})
		},
		Moved: func(addrs []netip.Addr) {
			n.announcer.moved(addrs)
			if n.mapper != nil {
				n.mapper.Again()
			}
		},
		Readdressed: n.announcer.publish,
	}
}

// sender is a peer as the netDb judges what it sends.
func sender(peer i2p.Hash, by transport.Meeting) netdb.Sender {
	return netdb.Sender{Peer: peer, Host: origin.HostOf(by.Remote), Dialled: !by.Inbound}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
