package node

import (
	"context"

	"i2ptoolkit/pkg/control"
)

// Wait returns once a state stands.
func (n *Node) Wait(ctx context.Context, state string) error {
	var stands <-chan struct{}
	switch state {
	case control.WaitReady:
		stands = n.listening
	case control.WaitTunnels:
		stands = n.router.Ready()
	default:
		return control.Errorf(control.BadRequest, "%q is no state to wait for, %s and %s are", state, control.WaitReady, control.WaitTunnels)
	}
	select {
	case <-stands:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watchLacks has the log say what keeps the router from its work.
func (n *Node) watchLacks(ctx context.Context) error {
	select {
	case <-n.loaded:
		n.WatchLacks(ctx, func(lack string) { n.log.Warn("no tunnels", "reason", lack) })
	case <-ctx.Done():
	}
	return nil
}
