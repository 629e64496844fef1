package client

import (
	"context"
	"sync"
)

// gates are what others wait for. They are closed once it has come, and with
// the next user there may be new ones.
type gates struct {
	mu       *sync.Mutex // a leaf
	standing *gate       // tunnels stand both ways
	ready    *gate       // and others can find the destination
	lost     *gate       // they stood, and do not any more
	retired  *gate       // the present user has gone
}

type gate struct {
	open bool
	done chan struct{}
}

func newGates() gates {
	return gates{mu: new(sync.Mutex), standing: newGate(), ready: newGate(), lost: newGate(), retired: newGate()}
}

func newGate() *gate { return &gate{done: make(chan struct{})} }

// pass opens a gate, once.
func (g *gates) pass(at *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !at.open {
		at.open = true
		close(at.done)
	}
}

// shut has those who come from now on wait.
func (g *gates) shut(at *gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at.open {
		*at = *newGate()
	}
}

// passed tells whether a gate is open.
func (g *gates) passed(at *gate) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return at.open
}

// done is closed once a gate is open.
func (g *gates) done(at *gate) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return at.done
}

// await waits at a gate. It may be that the destination ends meanwhile.
func (c *Client) await(ctx context.Context, at *gate) error {
	select {
	case <-c.gates.done(at):
		return nil
	case <-c.ended:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Ready waits until others can find the destination: tunnels stand both ways,
// and a floodfill has its lease set (or, where that is not to be published, it
// is made).
func (c *Client) Ready(ctx context.Context) error { return c.await(ctx, c.gates.ready) }

// Standing waits until tunnels stand both ways: enough to dial and to look up.
func (c *Client) Standing(ctx context.Context) error { return c.await(ctx, c.gates.standing) }

// Lost waits until tunnels that stood both ways do so no longer. Who waits for Ready or Standing then waits
// for others.
func (c *Client) Lost(ctx context.Context) error { return c.await(ctx, c.gates.lost) }

// Stands reports what Standing waits for.
func (c *Client) Stands() bool { return c.gates.passed(c.gates.standing) }
