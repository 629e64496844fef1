package node

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/tunnel"
)

// Run works until ctx ends or the router is stopped. The end of ctx is a graceful
// stop: no tunnels of others are taken on, those that run may run out, and
// every peer is told.
func (n *Node) Run(ctx context.Context) error {
	socket := n.socketPath()
	var srv *server.Server
	if socket != "" {
		var err error
		if srv, err = server.New(server.Config{Path: socket, Node: n, Log: n.log}); err != nil {
			return err
		}
		n.server.Store(srv)
	}
	n.clearLeftovers() // the socket is ours, and so is the directory
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// The socket goes last: once it is gone, the next router may start.
	open, closeSocket := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSocket()
	door := newParts(open, cancel)
	if srv != nil {
		door.run("control socket", srv.Run)
	}
	inUse, closeHall := context.WithCancel(work)
	defer closeHall()
	hall := newParts(inUse, cancel)
	hall.run("destinations", n.Hall.Destinations.Run)
	parts := newParts(work, cancel)
	parts.run("transport", n.transport.Run)
	parts.run("router", n.router.Run)
	parts.run("start", n.start)
	parts.run("what is lacking", n.watchLacks)
	parts.run("congestion", n.watchPressure)
	parts.run("reseed", n.runReseed)
	err := n.tellReady(ctx, work)
	if err == nil {
		n.waitForStop(ctx, work)
	}
	n.events.Publish(control.Event{Event: "router_state", Detail: string(control.StateStopping)})
	n.stopping.Store(true)
	closeHall()
	err = cmp.Or(err, hall.wait())
	cancel()
	err = cmp.Or(err, parts.wait())
	n.keeper.last(n.router.Knowledge())
	n.events.Close()
	closeSocket()
	return cmp.Or(err, door.wait())
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
	if n.renewInfo() == nil {
		return errors.New("no RouterInfo")
	}
	close(n.listening)
	n.keeper.load(ctx, n.router, n.settings().Bootstrap)
	close(n.loaded)
	n.router.Start()
	n.keeper.run(ctx, n.router.Knowledge())
	return nil
}

// tellReady says that the router is ready, as soon as it is: it listens, and
// its socket answers. A router that is stopped before says nothing.
func (n *Node) tellReady(ctx, work context.Context) error {
	select {
	case <-n.listening:
	case <-ctx.Done():
		return nil
	case <-n.stop:
		return nil
	case <-n.stopNow:
		return nil
	case <-work.Done():
		return nil
	}
	n.log.Info("router runs", "netid", n.settings().NetID, "socket", n.socketPath())
	return n.cfg.Ready()
}

func (n *Node) socketPath() string {
	s := n.settings()
	if s.Socket != "" || s.DataDir == "" {
		return s.Socket
	}
	return filepath.Join(s.DataDir, "router.sock")
}

// waitForStop returns when everything is to end: at once for StopNow or a
// part that failed, else once the tunnels of others have run out.
func (n *Node) waitForStop(ctx, work context.Context) {
	select {
	case <-ctx.Done():
	case <-n.stop:
	case <-n.stopNow:
		return
	case <-work.Done():
		return
	}
	n.stopping.Store(true)
	n.router.StopTransit()
	deadline := time.NewTimer(tunnel.Lifetime + time.Minute)
	defer deadline.Stop()
	poll := time.NewTicker(250 * time.Millisecond)
	defer poll.Stop()
	for told := false; ; {
		carried := n.router.Numbers().Transit
		if carried == 0 {
			return
		}
		if !told {
			n.log.Info("stopping: waiting for the tunnels of others to run out; a second signal stops at once", "tunnels", carried)
			told = true
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			return
		case <-n.stopNow:
			return
		case <-work.Done():
			return
		}
	}
}

// Stop begins a graceful stop and returns at once.
func (n *Node) Stop() { n.stopOnce[0].Do(func() { close(n.stop) }) }

// StopNow begins a stop that waits for nobody, and returns at once.
func (n *Node) StopNow() { n.stopOnce[1].Do(func() { close(n.stopNow) }) }
