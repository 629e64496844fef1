package node

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"i2ptoolkit/pkg/atomicfile"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/noise"
	"i2ptoolkit/pkg/routerinfo"
)

// routerStatic is the key that garlic and build records for the router are
// sealed to: the encryption key of its identity.
func routerStatic(id *identity) noise.KeyPair { return noise.NewKeyPair([32]byte(id.keys.Crypto)) }

// presentedEarlier is by how much the RouterInfo that peers get with a session
// is older than the published one, which says the same. A floodfill passes a
// stored RouterInfo on only where it is newer than what it has (network
// database, "Flooding"), and the session with it begins before the store.
const presentedEarlier = time.Second

// renewInfo makes a RouterInfo of the present moment, keeps it in the data
// directory and has it used from now on.
func (n *Node) renewInfo() *routerinfo.RouterInfo {
	now := n.cfg.Now()
	ri, err := n.buildInfo(now)
	if err != nil {
		n.log.Error("RouterInfo not made", "error", err)
		return nil
	}
	presented, err := n.buildInfo(now.Add(-presentedEarlier))
	if err != nil {
		n.log.Error("RouterInfo not made", "error", err)
		return nil
	}
	n.info.Store(ri)
	n.presented.Store(presented)
	if dir := n.settings().DataDir; dir != "" {
		if err := atomicfile.WriteBytes(filepath.Join(dir, routerInfoFile), ri.Bytes()); err != nil {
			n.log.Error("RouterInfo not kept", "error", err)
		}
	}
	n.transport.InfoChanged()
	return ri
}

func (n *Node) buildInfo(now time.Time) (*routerinfo.RouterInfo, error) {
	s := n.settings()
	var hosts []netip.Addr
	if !s.Hidden {
		hosts = n.hosts.now()
	}
	return routerinfo.Build(routerinfo.BuildConfig{
		Keys: n.id.keys, Published: i2p.DateOf(now), Addresses: n.transport.Publish(hosts),
		Options: map[string]string{
			"caps": n.caps(), "netId": strconv.Itoa(s.NetID), "router.version": control.APILevel,
		},
	})
}

// caps are the router's capabilities: its bandwidth class, whether it is a
// floodfill, and whether it can be reached (network database, Router
// Capabilities).
func (n *Node) caps() string {
	s := n.settings()
	caps := string(bandwidthClass(s.Bandwidth.In, s.Bandwidth.Out, s.Bandwidth.Share))
	if s.Floodfill {
		caps += "f"
	}
	switch {
	case s.Hidden:
		caps += "HU"
	case len(n.hosts.now()) == 0:
		caps += "U"
	default:
		caps += "R"
	}
	switch level := byte(n.pressure.Load()); {
	case s.Transit.MaxTunnels == 0:
		caps += "G" // proposal 162: rejects all tunnels
	case level != pressureNone:
		caps += string(level)
	}
	return caps
}

// bandwidthClass is the letter for what transit may use, in KB per second.
func bandwidthClass(in, out, share int) byte {
	least := in
	if least == 0 || (out != 0 && out < least) {
		least = out
	}
	if least == 0 { // no limit
		return 'X'
	}
	shared := least * share / 100
	for _, c := range []struct {
		below int
		class byte
	}{{12, 'K'}, {48, 'L'}, {64, 'M'}, {128, 'N'}, {256, 'O'}, {2000, 'P'}} {
		if shared < c.below {
			return c.class
		}
	}
	return 'X'
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
