package node

import (
	"context"

	"i2ptoolkit/pkg/netdb"
	"i2ptoolkit/pkg/routerinfo"
)

// Info waits until the router listens, and returns its RouterInfo.
func (n *Node) Info(ctx context.Context) (*routerinfo.RouterInfo, error) {
	select {
	case <-n.listening:
		return n.announcer.presence.Current(), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Learn tells the router of others, as a reseed would; itself it leaves out.
func (n *Node) Learn(infos []*routerinfo.RouterInfo) {
	for _, ri := range infos {
		if ri.Hash() != n.hash {
			n.router.Knowledge().Learn(ri, netdb.FromReseed)
		}
	}
}
