package node

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"i2ptoolkit/pkg/client"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/control/server"
	"i2ptoolkit/pkg/i2p"
)

// user is one use of a local destination, from its opening to its Close.
type user struct {
	*localClient
	once sync.Once
}

func (l *localClient) user() *user { return &user{localClient: l} }

// Close says that the destination has no user any more. It ends by itself once
// its peers know all that it has to tell them.
func (u *user) Close() error {
	u.once.Do(func() {
		u.node.mu.Lock()
		defer u.node.mu.Unlock()
		u.Retire()
		close(u.free)
	})
	return nil
}

// holder is the destination with a hash that was opened by its keys. The
// caller holds n.mu.
func (n *Node) holder(hash i2p.Hash) *localClient {
	for l := range n.clients {
		if l.key != nil && l.Destination().Hash() == hash {
			return l
		}
	}
	return nil
}

// leavePatience is how long one who opens a destination waits for its last
// user to leave: a tool's end takes a moment to be noticed.
const leavePatience = 500 * time.Millisecond

func inUse(d i2p.Destination) error {
	return control.Errorf(control.InUse, "%s is in use on this router already", d.B32())
}

// reopen gives the destination of the keys in cfg to another user where it is
// there without one. It returns nil where it is to be made.
func (n *Node) reopen(ctx context.Context, cfg server.ClientConfig, shape shapes) (server.Client, error) {
	dest := cfg.Keys.Destination()
	patience, cancel := context.WithTimeoutCause(ctx, leavePatience, errInUse)
	defer cancel()
	for {
		u, wait := n.takeOver(dest.Hash(), cfg, shape)
		if u != nil {
			return u, nil
		}
		if wait == nil {
			return nil, nil
		}
		select {
		case <-wait:
		case <-patience.Done():
			if err := context.Cause(patience); !errors.Is(err, errInUse) {
				return nil, err
			}
			return nil, inUse(dest)
		}
	}
}

var errInUse = errors.New("node: destination in use")

// takeOver resumes a destination. Where it cannot yet, it returns what is to be
// waited for; nil where there is no such destination.
func (n *Node) takeOver(hash i2p.Hash, cfg server.ClientConfig, shape shapes) (u *user, wait <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.holder(hash)
	if l == nil || n.stopping.Load() {
		return nil, nil
	}
	select {
	case <-l.free:
	default:
		return nil, l.free
	}
	if !bytes.Equal(l.key, cfg.Keys.AppendTo(nil)) || l.shape.silence != shape.silence {
		// The same destination by another offline key, or its streams are to
		// behave otherwise.
		l.cancel()
		return nil, l.done
	}
	anew := l.shape != shape
	if t := l.tunnels.Load(); anew && t != nil {
		t.Reshape(shape.in, shape.out)
	}
	if !l.Resume(client.Renewal{Unpublished: unpublished(cfg.Options), Anew: anew}) {
		return nil, l.done
	}
	l.shape, l.free = shape, make(chan struct{})
	return l.user(), nil
}
