package forward

import (
	"net"
	"net/netip"
	"sync/atomic"

	"i2ptoolkit/pkg/door"
)

// bind listens where the plan says.
func (f *forward) bind() (net.Listener, error) {
	l, at, err := door.Bind(f.plan().Listen, f.m.cfg.Listen)
	if err != nil {
		return nil, err
	}
	f.listens(at)
	return &closedOnce{Listener: l, closed: make(chan struct{})}, nil
}

// closedOnce is a listener that is closed once Close returns, whoever was the first to call it: the address may be
// bound anew at once then.
type closedOnce struct {
	net.Listener
	closing atomic.Bool
	closed  chan struct{}
}

// Close is net.Listener's.
func (l *closedOnce) Close() error {
	if l.closing.Swap(true) {
		<-l.closed
		return net.ErrClosed
	}
	defer close(l.closed)
	return l.Listener.Close()
}

// listens notes where, and warns where that is for more than this machine.
func (f *forward) listens(at string) {
	if a, err := netip.ParseAddrPort(at); err == nil && !a.Addr().Unmap().IsLoopback() {
		f.m.cfg.Log.Warn("a forward is open to other machines, which use it as this one does", "name", f.name, "listen", at)
	}
	f.note(at, "")
}
