package node

import (
	"fmt"
	"io"
	"path/filepath"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/i2np"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
	"i2ptoolkit/pkg/transport"
	"i2ptoolkit/pkg/transport/ntcp2link"
)

// newTransport makes the table of peers with its drivers.
func (n *Node) newTransport() (*transport.Transport, error) {
	s := n.settings()
	network := n.cfg.Network
	if network == nil {
		network = transport.Internet{Source: n.hosts.source}
	}
	drivers, err := n.drivers()
	if err != nil {
		return nil, err
	}
	return transport.New(transport.Config{
		Env:  n.env.Part("transport"), // all links gather as one: they share nothing else
		Self: n.hash, NetID: byte(s.NetID), Drivers: drivers, Network: network,
		Limits:      transport.Limits{Sessions: s.NTCP2.MaxSessions},
		BandwidthIn: s.Bandwidth.In << 10, BandwidthOut: s.Bandwidth.Out << 10,
		OurInfo:      n.presence.Presented,
		Wanted:       func(peer i2p.Hash) bool { return n.router.Peers().Wants(peer) },
		LocalAllowed: s.Testnet,
		Events:       n.transportEvents(),
	})
}

// drivers are the transports that the router speaks. Here, and in the settings and
// the files that they come from, they have names; the rest of a router asks the
// table.
func (n *Node) drivers() ([]transport.Driver, error) {
	s := n.settings()
	keys, err := loadNTCP2Keys(s.DataDir, n.env.Part("ntcp2").Rand)
	if err != nil {
		return nil, err
	}
	ntcp2 := ntcp2link.New(ntcp2link.Config{Keys: keys, Listen: s.ListenAddrs(), Port: s.Port})
	return append([]transport.Driver{ntcp2}, n.cfg.Drivers...), nil
}

// ntcp2KeysFile is secret, as router.keys is.
const ntcp2KeysFile = "ntcp2.keys"

// loadNTCP2Keys reads NTCP2's keys, which our RouterInfo names, or draws them.
func loadNTCP2Keys(dir string, random io.Reader) (ntcp2link.Keys, error) {
	raw, err := loadOrCreate(dir, ntcp2KeysFile, func() ([]byte, error) { return ntcp2link.NewKeys(random), nil })
	if err != nil {
		return ntcp2link.Keys{}, err
	}
	keys, err := ntcp2link.ParseKeys(raw)
	if err != nil {
		return ntcp2link.Keys{}, fmt.Errorf("%s: %w", filepath.Join(dir, ntcp2KeysFile), err)
	}
	return keys, nil
}

// transportEvents has the router and its followers told of peers.
func (n *Node) transportEvents() transport.Events {
	return transport.Events{
		Deliver: func(from i2p.Hash, m i2np.Message) { n.router.Deliver(from, m) },
		PeerInfo: func(ri *routerinfo.RouterInfo, _ bool) {
			n.router.Knowledge().Learn(ri, netdb.FromSession)
		},
		Up: func(peer i2p.Hash, transport string, inbound bool) {
			n.router.Peers().Up(peer)
			n.events.Publish(control.Event{
				Event: "peer_up", Router: peer.String(), Transport: transport, Detail: string(answers.Direction(inbound)),
			})
		},
		Down: func(peer i2p.Hash, transport string, why error) {
			n.router.Peers().Down(peer)
			n.events.Publish(control.Event{Event: "peer_down", Router: peer.String(), Transport: transport, Detail: errText(why)})
		},
		Failed: func(peer i2p.Hash, _ error) { n.router.Peers().Failed(peer) },
		Stalled: func(peer i2p.Hash) {
			n.router.Peers().Stalled(peer)
			n.events.Publish(control.Event{Event: "peer_stalled", Router: peer.String()})
		},
		Moved:       n.moved,
		Readdressed: n.publishAnew,
	}
}
