package node

import (
	"context"
	"io"
	mathrand "math/rand/v2"

	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// The numbers of the loops, for Config.Gather. The writers of all sessions
// share one: they share nothing else. Each destination has one.
const (
	loopRouter = iota
	loopTransport
	loopDestinations
)

// gather is Config.Gather for one loop.
func (n *Node) gather(loop int) func() {
	if n.cfg.Gather == nil {
		return nil
	}
	return func() { n.cfg.Gather(loop) }
}

// split gives a part of the router a stream of randomness of its own, so that
// parts that run side by side draw the same numbers each time. Without a
// configured source it is nil: everybody reads the system's. It is called by
// New, and later by the hall alone.
func (n *Node) split() io.Reader {
	if n.cfg.Rand == nil {
		return nil
	}
	var seed [32]byte
	if _, err := io.ReadFull(n.cfg.Rand, seed[:]); err != nil {
		panic("node: Config.Rand: " + err.Error())
	}
	return mathrand.NewChaCha8(seed)
}

// Info waits until the router listens, and returns its RouterInfo.
func (n *Node) Info(ctx context.Context) (*routerinfo.RouterInfo, error) {
	select {
	case <-n.listening:
		return n.info.Load(), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Learn tells the router of others, as a reseed would; itself it leaves out.
func (n *Node) Learn(infos []*routerinfo.RouterInfo) {
	for _, ri := range infos {
		if ri.Hash() != n.hash {
			n.router.LearnRouter(ri, netdb.FromReseed)
		}
	}
}
