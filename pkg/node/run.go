package node

import (
	"cmp"
	"context"
	"errors"

	"i2ptoolkit/pkg/control"
)

// Run works until ctx ends or the router is stopped. The end of ctx is a stop as by
// Stop: no tunnels of others are taken on, own destinations take their lease sets back,
// their streams have some seconds to end, and every peer is told.
func (n *Node) Run(ctx context.Context) error {
	defer n.unlock()
	answer, err := n.control.open(&n.api, n.names, n.forwards, n.log)
	if err != nil {
		return err
	}
	if err := errors.Join(n.dir.clear(), n.names.Clear()); err != nil {
		n.log.Warn("half-written files not removed", "error", err)
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// The socket goes last but for the lock of the directory: then the next router may start.
	open, closeSocket := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSocket()
	tools := newParts(open, cancel)
	tools.run("control socket", answer)
	inUse, closeHall := context.WithCancel(work)
	defer closeHall()
	hall := newParts(inUse, cancel)
	hall.run("destinations", n.Hall.Destinations.Run)
	hall.run("forwards", n.forwards.Run)
	n.bridges.run(hall)
	for _, d := range n.doors {
		hall.run(d.Name(), d.Run)
	}
	hall.run("SAM", n.sam.Run)
	parts := newParts(work, cancel)
	parts.run("transport", n.transport.Run)
	parts.run("router", n.router.Run)
	parts.run("start", n.start)
	parts.run("congestion", n.announcer.watch)
	parts.run("floodfill", n.onceLoaded(n.volunteer))
	parts.run("reseed", n.onceLoaded(n.joiner.Run))
	parts.run("names", n.names.Run)
	if n.mapper != nil {
		parts.run("port mapping", n.mapPorts)
	}
	parts.run("what is lacking", n.onceLoaded(n.tellLacks))
	err = n.tellReady(ctx, work)
	orderly := err == nil && n.await(ctx, work)
	n.beginStop()
	if orderly {
		n.endTransit(ctx, work)
		n.takeLeave(work, n.Hall.Destinations.Leave)
	}
	closeHall()
	err = cmp.Or(err, hall.wait())
	cancel()
	err = cmp.Or(err, parts.wait())
	n.keeper.last(n.router.Knowledge())
	n.events.Close()
	closeSocket()
	return cmp.Or(err, tools.wait())
}

// start has the router listen, say who it is, read what it knew, and only then
// build tunnels. What it learns it keeps until ctx ends.
func (n *Node) start(ctx context.Context) error {
	select {
	case <-n.transport.Ready():
	case <-ctx.Done():
		return nil
	}
	n.keepPort()
	if n.announcer.renew() == nil {
		return errors.New("no RouterInfo")
	}
	close(n.listening)
	n.keeper.load(ctx, n.router.Knowledge(), n.settings.Current().Bootstrap, n.begin)
	close(n.loaded)
	n.router.Start()
	n.keeper.run(ctx, n.router.Knowledge())
	return nil
}

// begin has the router build tunnels while more of the netDb is read, if it knows enough others for
// that: as many as it would not be without, or any in a private network.
func (n *Node) begin() {
	s := n.settings.Current()
	least := s.Reseed.Threshold
	if s.Testnet {
		least = 1
	}
	if n.router.Numbers().DB.Routers >= least {
		n.router.Start()
	}
}

// keepPort keeps the port that is listened on where it was drawn.
func (n *Node) keepPort() {
	addrs := n.transport.Addrs()
	if n.settings.Current().Port != 0 || len(addrs) == 0 {
		return
	}
	if err := n.dir.keepPort(addrs[0].Port()); err != nil {
		n.log.Error("port not kept", "error", err)
	}
}

// tellReady says that the router is ready, as soon as it is: it listens, and
// its socket answers. A router that is stopped before says nothing.
func (n *Node) tellReady(ctx, work context.Context) error {
	if !n.comes(ctx, work, n.listening) {
		return nil
	}
	n.log.Info("router runs", "netid", n.settings.Current().NetID, "socket", n.control.path)
	return n.cfg.Ready()
}

// onceLoaded is what begins once it is known how many routers the netDb has.
func (n *Node) onceLoaded(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-n.loaded:
			return run(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// tellLacks has the log say what keeps the router from its work.
func (n *Node) tellLacks(ctx context.Context) error {
	if n.cfg.Introduced != nil {
		select {
		case <-n.cfg.Introduced:
		case <-ctx.Done():
			return nil
		}
	}
	n.WatchLacks(ctx, func(lack string) { n.log.Warn("no tunnels", "reason", lack) })
	return nil
}

// beginStop has the router say from now on that it is stopping.
func (n *Node) beginStop() {
	n.begun.Store(true)
	n.events.Publish(control.Event{Event: "router_state", Detail: string(control.StateStopping)})
}

// endTransit takes on no more tunnels of others. In a graceful stop it returns once they have
// run out, or nobody waits for that any more.
func (n *Node) endTransit(ctx, work context.Context) {
	n.router.StopTransit()
	n.drain(ctx, work, func() int { return n.router.Numbers().Transit }, func(tunnels int) {
		n.log.Info("stopping: waiting for the tunnels of others to run out; a signal ends that", "tunnels", tunnels)
		n.announcer.publish() // that it takes on none
	})
}
