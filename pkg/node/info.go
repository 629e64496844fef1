package node

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/presence"
	"i2ptoolkit/pkg/routerinfo"
)

// routerStatic is the key that garlic and build records for the router are
// sealed to: the encryption key of its identity.
func routerStatic(keys *i2p.PrivateKeys) noise.KeyPair {
	return noise.NewKeyPair([32]byte(keys.Crypto))
}

func (n *Node) newPresence() *presence.Presence {
	return presence.New(presence.Config{
		Keys: n.keys, NetID: n.settings().NetID, Version: control.APILevel, Now: n.cfg.Now,
		Terms: func() presence.Terms {
			s := n.settings()
			return presence.Terms{
				Hidden: s.Hidden, Floodfill: s.Floodfill, Refuses: s.Transit.MaxTunnels == 0,
				In: s.Bandwidth.In, Out: s.Bandwidth.Out, Share: s.Bandwidth.Share,
			}
		},
		Hosts:     n.hosts.now,
		Addresses: func(hosts []netip.Addr) []routerinfo.Address { return n.transport.Publish(hosts) },
	})
}

// renewInfo makes a RouterInfo of the present moment, keeps it in the data
// directory and has it used from now on.
func (n *Node) renewInfo() *routerinfo.RouterInfo {
	ri, err := n.presence.Renew()
	if err != nil {
		n.log.Error("RouterInfo not made", "error", err)
		return nil
	}
	if dir := n.settings().DataDir; dir != "" {
		if err := atomicfile.WriteBytes(filepath.Join(dir, routerInfoFile), ri.Bytes()); err != nil {
			n.log.Error("RouterInfo not kept", "error", err)
		}
	}
	n.transport.InfoChanged()
	return ri
}

// watchPressure publishes how congested we are.
func (n *Node) watchPressure(ctx context.Context) error {
	tick := time.NewTicker(presence.LookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if busy, congested := n.transport.Pressure(); n.presence.Look(busy, congested) {
			n.log.Info("congestion has changed", "busy_peers", busy, "congested_peers", congested, "caps", n.presence.Caps())
			n.router.Republish()
		}
	}
}

// keepPort keeps the port that is listened on where it was drawn, so that it is
// the same after a restart.
func (n *Node) keepPort() {
	s, addrs := n.settings(), n.transport.Addrs()
	if s.Port != 0 || s.DataDir == "" || len(addrs) == 0 {
		return
	}
	path := filepath.Join(s.DataDir, portFile)
	if _, err := os.Stat(path); err == nil {
		return
	}
	if err := atomicfile.WriteBytes(path, []byte(strconv.Itoa(int(addrs[0].Port()))+"\n")); err != nil {
		n.log.Error("port not kept", "error", err)
	}
}
