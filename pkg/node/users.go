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
	"i2ptoolkit/pkg/options"
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

// reopen gives the destination of the keys to another user where it is
// there without one. It returns nil where it is to be made.
func (n *Node) reopen(ctx context.Context, keys *i2p.PrivateKeys, asked options.Options) (server.Client, error) {
	dest := keys.Destination()
	patience, cancel := context.WithTimeoutCause(ctx, leavePatience, errInUse)
	defer cancel()
	for {
		u, wait := n.takeOver(keys, asked)
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
func (n *Node) takeOver(keys *i2p.PrivateKeys, asked options.Options) (u *user, wait <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.holder(keys.Destination().Hash())
	if l == nil || n.stopping.Load() {
		return nil, nil
	}
	select {
	case <-l.free:
	default:
		return nil, l.free
	}
	if !bytes.Equal(l.key, keys.AppendTo(nil)) || !l.asked.SameEngines(asked) {
		// The same destination by another offline key, or its sessions or
		// streams are to behave otherwise.
		l.cancel()
		return nil, l.done
	}
	anew := l.asked.Inbound != asked.Inbound || l.asked.Outbound != asked.Outbound
	if t := l.tunnels.Load(); anew && t != nil {
		t.Reshape(shape(asked.Inbound), shape(asked.Outbound))
	}
	if !l.Resume(client.Renewal{Options: asked, Anew: anew}) {
		return nil, l.done
	}
	l.asked, l.free = asked, make(chan struct{})
	return l.user(), nil
}
