package node

import (
	"context"
	"errors"
	"sync/atomic"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/answers"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/options"
	"i2ptoolkit/pkg/router"
	"i2ptoolkit/pkg/stream"
)

// localClient is a local destination. It outlives its user for a while, and
// where that comes back goes on as it was.
type localClient struct {
	*client.Client
	node    *Node
	key     []byte // the private keys, where they were given; nil otherwise
	tunnels atomic.Pointer[router.Tunnels]
	cancel  context.CancelFunc
	done    chan struct{}

	asked options.Options // under node.mu
	free  chan struct{}   // under node.mu: closed while it has no user
}

// OpenClient makes a local destination.
func (n *Node) OpenClient(ctx context.Context, cfg server.ClientConfig) (server.Client, error) {
	asked, err := n.options(cfg.Options)
	if err != nil {
		return nil, err
	}
	if cfg.Keys != nil {
		if l, err := n.reopen(ctx, cfg.Keys, asked); l != nil || err != nil {
			return l, err
		}
	}
	return n.newClient(cfg.Keys, asked)
}

func (n *Node) newClient(keys *i2p.PrivateKeys, asked options.Options) (server.Client, error) {
	n.mu.Lock()
	random, streams := n.split(), n.split()
	loop := loopClients + 2*n.opened
	n.opened++
	n.mu.Unlock()
	l := &localClient{node: n, asked: asked, free: make(chan struct{}), done: make(chan struct{})}
	if keys == nil {
		var err error
		if keys, err = i2p.GenerateDestination(asked.Signature, i2p.CryptoElGamal, random); err != nil {
			return nil, err
		}
	} else {
		l.key = keys.AppendTo(nil)
	}
	var err error
	l.Client, err = client.New(client.Config{
		Keys: keys, Rand: random, Gather: n.gather(loop), Now: n.cfg.Now, Log: n.log,
		Stream:      stream.Config{Rand: streams, Gather: n.gather(loop + 1)},
		Options:     asked,
		Resumable:   l.key != nil,
		OpenTunnels: l.openTunnels,
	})
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx == nil || n.stopping.Load() || n.ctx.Err() != nil {
		return nil, control.Errorf(control.Stopping, "the router is stopping")
	}
	if n.holder(l.Destination().Hash()) != nil {
		return nil, inUse(l.Destination())
	}
	ctx, cancel := context.WithCancel(n.ctx)
	l.cancel = cancel
	n.clients[l] = struct{}{}
	n.running.Add(1)
	go l.run(ctx)
	return l.user(), nil
}

func (l *localClient) openTunnels(to client.Callbacks) client.Tunnels {
	l.node.mu.Lock()
	asked := l.asked
	l.node.mu.Unlock()
	t := l.node.router.OpenTunnels(router.TunnelsConfig{
		Name: l.Destination().B32(), Inbound: shape(asked.Inbound), Outbound: shape(asked.Outbound),
		Deliver: to.Deliver, Published: to.Published,
		Changed: func(s router.TunnelState) { to.Changed(client.TunnelState(s)) },
	})
	l.tunnels.Store(t)
	return t
}

func (l *localClient) run(ctx context.Context) {
	defer l.node.running.Done()
	if err := l.Run(ctx); err != nil {
		l.node.log.Error("local destination ended", "error", err)
	}
	l.cancel()
	l.node.mu.Lock()
	delete(l.node.clients, l)
	l.node.mu.Unlock()
	close(l.done)
}

// closeClients ends the local destinations and waits for them.
func (n *Node) closeClients() {
	n.stopping.Store(true)
	n.mu.Lock()
	for l := range n.clients {
		l.cancel()
	}
	n.mu.Unlock()
	n.running.Wait()
}

// Done is closed when the destination has ended.
func (l *localClient) Done() <-chan struct{} { return l.done }

// Dial opens a stream, with errors that the control API has codes for.
func (l *localClient) Dial(ctx context.Context, to i2p.Destination, port uint16) (server.Stream, error) {
	c, err := l.Client.Dial(ctx, to, port)
	if err != nil {
		return nil, l.explain(err)
	}
	return remoteStream{c}, nil
}

// remoteStream names the peer as the control API wants it.
type remoteStream struct{ *stream.Conn }

// Remote is the peer's destination.
func (s remoteStream) Remote() i2p.Destination { return s.RemoteAddr().(stream.Addr).Destination }

// Reset breaks the stream off.
func (s remoteStream) Reset() error {
	s.Abort()
	return nil
}

// Resolve finds the destination behind a hash.
func (l *localClient) Resolve(ctx context.Context, hash i2p.Hash) (i2p.Destination, error) {
	if err := l.Standing(ctx); err != nil {
		return i2p.Destination{}, l.explain(err)
	}
	set, err := l.Lookup(ctx, hash)
	if err != nil {
		return i2p.Destination{}, l.explain(err)
	}
	return set.Destination(), nil
}

// Ready waits for tunnels.
func (l *localClient) Ready(ctx context.Context) error { return l.explain(l.Client.Ready(ctx)) }

// Listen takes the streams of a port.
func (l *localClient) Listen(port uint16) (server.Listener, error) {
	ln, err := l.Client.Listen(port)
	if err != nil {
		return nil, l.explain(err)
	}
	return listener{ln}, nil
}

type listener struct{ *stream.Listener }

// Accept waits for the next stream.
func (l listener) Accept(ctx context.Context) (server.Stream, error) {
	c, err := l.Listener.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return remoteStream{c}, nil
}

// explain gives an error the code that the tools turn into an exit status.
func (l *localClient) explain(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		if l.Stands() {
			return control.Errorf(control.Timeout, "no answer in time: %v", err)
		}
		return control.Errorf(control.NoTunnels, "no tunnels in time")
	}
	return answers.Explain(err)
}
