package node

import (
	"context"
	"net"
	"sync"
	"time"

	"i2ptoolkit/pkg/bob"
	"i2ptoolkit/pkg/config"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/destinations"
	"i2ptoolkit/pkg/door"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/i2pcontrol"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/profile"
	"i2ptoolkit/pkg/sockets"
)

// bridges are the servers for applications that speak old or foreign protocols.
type bridges struct {
	bob     *bob.Server
	control *i2pcontrol.Server
	turn    sync.Mutex // one edits the file of the settings at a time
}

// newBridges makes them and their doors.
func (n *Node) newBridges() (*bridges, error) {
	b := &bridges{
		bob: bob.New(bob.Config{Open: n.openBridged, Known: n.known, Log: n.log}),
		control: i2pcontrol.New(i2pcontrol.Config{
			Router: &n.api, Settings: n.controlSettings, Set: n.controlSet, Log: n.log, Now: n.cfg.Now,
			Groups: func() profile.Stats { return n.router.Numbers().Profiles },
		}),
	}
	if _, err := n.newDoor("bob", b.bob.Serve, func(c config.Config) door.Settings { return c.BOB.Settings() }); err != nil {
		return nil, err
	}
	_, err := n.newDoor("i2pcontrol", b.control.Serve, func(c config.Config) door.Settings { return c.I2PControl.Settings() },
		func(to config.Config) { b.control.Password(to.I2PControl.Password) })
	b.control.Password(n.settings.Current().I2PControl.Password)
	return b, err
}

// run does what there is beside the doors.
func (b *bridges) run(in *parts) {
	in.run("tunnels of BOB", b.bob.Run)
	in.run("averages of I2PControl", b.control.Run)
}

// controlSettings are what I2PControl tells of the settings.
func (n *Node) controlSettings() i2pcontrol.Settings {
	s := n.settings.Current()
	set := i2pcontrol.Settings{In: s.Bandwidth.In, Out: s.Bandwidth.Out, Share: s.Bandwidth.Share, UPnP: s.PortMapping, Listen: s.I2PControl.Listen}
	if addrs := n.transport.Addrs(); len(addrs) > 0 {
		set.NTCPPort = int(addrs[0].Port())
	}
	host := ""
	if all := n.announcer.hosts.now(); len(all) > 0 {
		host = all[0].String()
	}
	set.NTCPHost = host
	if s.SSU2.Enabled {
		set.SSUHost, set.SSUPort = host, set.NTCPPort
	}
	return set
}

// controlSet writes what I2PControl sets into the file of the settings, and has it read again. Where it does not hold,
// the file is as it was.
func (n *Node) controlSet(to i2pcontrol.Changes) (restart bool, err error) {
	if n.cfg.Edit == nil {
		return false, control.Errorf(control.BadRequest, "this router has no file of settings")
	}
	set := make(map[string]any)
	put(set, "port", to.Port)
	put(set, "host", to.Hosts)
	put(set, "port_mapping", to.UPnP)
	put(set, "bandwidth.in", to.In)
	put(set, "bandwidth.out", to.Out)
	put(set, "bandwidth.share", to.Share)
	put(set, "i2pcontrol.listen", to.Listen)
	put(set, "i2pcontrol.password", to.Password)
	n.bridges.turn.Lock()
	defer n.bridges.turn.Unlock()
	err = n.cfg.Edit(set, func() error {
		done, err := n.reloader.Reload()
		restart = len(done.Keys(control.HoldsNextStart)) > 0
		return err
	})
	return restart, err
}

// put is what is not nil.
func put[T any](set map[string]any, key string, value *T) {
	if value != nil {
		set[key] = *value
	}
}

// known finds a name in the address books alone.
func (n *Node) known(text string) (i2p.Destination, error) {
	name, err := i2p.ParseName(text)
	switch {
	case err != nil:
		return i2p.Destination{}, err
	case name.Kind == i2p.NameDestination:
		return name.Destination, nil
	}
	return n.names.Lookup(text)
}

// openBridged opens a destination for BOB. Of the options, what this router does not know is no fault: no router
// refuses it.
func (n *Node) openBridged(ctx context.Context, nick string, keys *i2p.PrivateKeys, serves bool, named map[string]string) (bob.Local, error) {
	asked := n.Hall.Defaults()
	asked.Nickname, asked.Unpublished = nick, !serves
	asked, _ = options.Parse(asked, named)
	local, err := n.Hall.Destinations.Open(ctx, destinations.Request{Keys: keys, Options: asked})
	if err != nil {
		return nil, err
	}
	b := &bridged{Local: local, n: n}
	if serves {
		if b.listener, err = local.Listen(0); err != nil {
			local.Close()
			return nil, err
		}
	}
	return b, nil
}

// bridged is a destination of BOB.
type bridged struct {
	*destinations.Local
	n        *Node
	listener *sockets.Listener
}

func (b *bridged) Lookup(ctx context.Context, host string) (i2p.Destination, error) {
	return b.n.Resolve(ctx, b.Local, host)
}

func (b *bridged) Ping(ctx context.Context, host string) (time.Duration, error) {
	to, err := b.Lookup(ctx, host)
	if err != nil {
		return 0, err
	}
	return b.Local.Ping(ctx, to)
}

func (b *bridged) Dial(ctx context.Context, host string) (net.Conn, error) {
	name, err := i2p.ParseName(host)
	if err != nil {
		return nil, err
	}
	to, err := b.n.names.Resolve(ctx, b.Local, name)
	if err != nil {
		return nil, err
	}
	c, err := b.Local.Dial(ctx, to, name.Port)
	if err != nil {
		return nil, err // and no nil *Conn, which would be a net.Conn
	}
	return c, nil
}

func (b *bridged) Accept(ctx context.Context) (net.Conn, i2p.Destination, error) {
	c, err := b.listener.AcceptStream(ctx)
	if err != nil {
		return nil, i2p.Destination{}, err
	}
	return c, c.RemoteAddr().(sockets.Addr).Destination, nil
}
